"""Files among the objects that are none: copies, links, folders."""

from collections.abc import Sequence
from pathlib import Path

from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table


def strays(warehouse: Warehouse, tables: Sequence[Table]) -> list[Path]:
    """What lies among the objects of some tables and is none; it is never read as rows."""
    return [path for table in tables for path in warehouse.strays(table)]
