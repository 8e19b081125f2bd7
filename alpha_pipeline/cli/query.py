"""`alpha sql`: the warehouse by SQL."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from alpha_pipeline.cli.context import require_filled, settings_from
from alpha_pipeline.cli.options import WarehouseOption
from alpha_pipeline.cli.terminal import console
from alpha_pipeline.settings import one_of

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


class OutputFormat(StrEnum):
    """How `alpha sql` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def sql(
    query: Annotated[str, typer.Argument(help='DuckDB SQL, for example "from signals.qqq_position".')],
    output_format: Annotated[
        list[OutputFormat] | None, typer.Option("--format", metavar="table|csv|json|parquet", help="table by default.")
    ] = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", metavar="FILE", help="File to write; standard output when not given.")
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Query the warehouse; every table of the design is a view."""
    from alpha_pipeline.catalogue import TABLES
    from alpha_pipeline.reports.frames import write_frame
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.views import query as run_query

    settings = settings_from(warehouse=warehouse)
    form, file = one_of("--format", output_format) or OutputFormat.TABLE, one_of("--out", out)
    require_filled(settings)
    frame = run_query(Warehouse(settings.warehouse), TABLES, query)
    # Into a file or a pipe a table is as wide as it always was, unless somebody says otherwise.
    width = console.width if console.is_terminal or "COLUMNS" in os.environ else 200
    write_frame(frame, form.value, file, width)
