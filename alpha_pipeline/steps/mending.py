"""What an earlier version, or a power cut, may have left in a warehouse, and its mending."""

from collections.abc import Sequence

from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.raw import BARS


def empty_units(warehouse: Warehouse, tables: Sequence[Table]) -> list[tuple[Table, str]]:
    """The units without rows where one says nothing: of the bars, and of what is split by year.

    Elsewhere it may say that there is nothing, as of a ticker that never paid a dividend.
    """
    return [
        (table, unit)
        for table in tables
        if table.unit == "year" or table == BARS
        for unit in warehouse.units(table)
        if not warehouse.height(table, unit)
    ]


def remove_empty(warehouse: Warehouse, tables: Sequence[Table]) -> list[str]:
    """Remove the units that hold nothing; what belongs there is made anew by the next run.

    Returns:
        What was done, in words.
    """
    said = []
    for table, unit in empty_units(warehouse, tables):
        key = warehouse.key(table, unit)
        if not warehouse.height(table, unit):
            warehouse.objects.delete(key)
            said.append(f"removed {key}, which held no rows")
    return said
