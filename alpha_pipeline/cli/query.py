"""`alpha sql`: the warehouse by SQL."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from alpha_pipeline.cli.context import require_filled, settings_from
from alpha_pipeline.cli.options import WarehouseOption
from alpha_pipeline.cli.terminal import console, errors
from alpha_pipeline.settings import one_of

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


class OutputFormat(StrEnum):
    """How `alpha sql` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


_PURPOSES: Final[dict[OutputFormat, Literal["values", "text", "json"]]] = {
    OutputFormat.TABLE: "text",
    OutputFormat.CSV: "text",
    OutputFormat.JSON: "json",
    OutputFormat.PARQUET: "values",
}


def sql(
    query: Annotated[str, typer.Argument(help='DuckDB SQL, for example "from signals.qqq_position".')],
    output_format: Annotated[
        list[OutputFormat] | None, typer.Option("--format", metavar="table|csv|json|parquet", help="table by default.")
    ] = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", metavar="FILE", help="File to write; standard output when not given.")
    ] = None,
    allow_files: Annotated[
        bool, typer.Option("--allow-files", help="Let it read and write other files too: read_csv, COPY, ATTACH.")
    ] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Query the warehouse; every table of the design is a view. It reads and keeps nothing."""
    from alpha_pipeline.catalogue import TABLES
    from alpha_pipeline.reports.frames import write_frames
    from alpha_pipeline.warehouse.sql import answers
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.strangers import strays

    settings = settings_from(warehouse=warehouse)
    form, file = one_of("--format", output_format) or OutputFormat.TABLE, one_of("--out", out)
    require_filled(settings)
    held = Warehouse(settings.warehouse)
    found = answers(held, TABLES, query, purpose=_PURPOSES[form], allow_files=allow_files)
    for path in strays(held, TABLES):
        errors.print(f"{path} is no object, and is not read: move it elsewhere.", highlight=False, soft_wrap=True)
    # Into a file or a pipe a table is as wide as it always was, unless somebody says otherwise.
    width = console.width if console.is_terminal or "COLUMNS" in os.environ else 200
    if found.frames or file is not None:
        write_frames(list(zip(found.frames, found.json_columns, strict=True)), form.value, file, width)
    if found.n_made:
        errors.print(
            "What the query made or changed was in memory and is gone: `alpha sql` keeps nothing. "
            "--out FILE writes a result.",
            highlight=False,
            soft_wrap=True,
        )
