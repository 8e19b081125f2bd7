"""`alpha tickers`: what a warehouse follows."""

from typing import Annotated

import typer
from rich.table import Table

from alpha_pipeline.cli.context import (
    checked_names,
    followed_names,
    require_writable,
    settings_from,
    sync_partitions,
    usable_source,
)
from alpha_pipeline.cli.options import PathOption, SourceOption, WarehouseOption
from alpha_pipeline.cli.terminal import console, errors
from alpha_pipeline.errors import UsageError
from alpha_pipeline.settings import listed

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415

app = typer.Typer(help="The tickers a warehouse follows.", no_args_is_help=True)


@app.command("list")
def list_tickers(warehouse: WarehouseOption = None) -> None:
    """The tickers followed and the state of their bars."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tables.raw import COVERAGE
    from alpha_pipeline.warehouse.tickers import followed

    held = Warehouse(settings_from(warehouse=warehouse).warehouse)
    coverage = {row["ticker"]: row for row in held.read(COVERAGE).iter_rows(named=True)}
    table = Table("ticker", "first", "last", "sessions", "status", box=None)
    for ticker in followed(held):
        row = coverage.get(ticker)
        cells = (
            [str(row[name] or "-") for name in ("first_session", "last_session", "n_sessions", "status")] if row else []
        )
        table.add_row(ticker, *(cells or ["-", "-", "-", "no bars yet"]))
    console.print(table)


@app.command("add")
def add_tickers(
    names: Annotated[list[str], typer.Argument(help="For example PLTR BRK-B VOD.L; commas separate them as well.")],
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Follow tickers, after asking the source whether it knows them; a wrong one leaves no trace."""
    from alpha_pipeline.steps.admission import last_wanted, require_known
    from alpha_pipeline.warehouse.market import MarketRecord, claim_market, keep_files
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import add, followed

    settings = settings_from(source, path, warehouse, of_market=source is None)
    require_writable(settings)
    asked = checked_names(listed(names))
    bars = usable_source(settings)
    held = Warehouse(settings.warehouse)
    with errors.status(f"asking {bars.market} about {', '.join(asked)}"):
        known = require_known(bars, asked, last_wanted(settings), followed(held))
    claim_market(held, MarketRecord(bars.kind, bars.market))
    if settings.source_path is not None and settings.source == "files":
        keep_files(held, settings.source_path)
    new = add(held, known)
    sync_partitions(settings)
    before = [ticker for ticker in known if ticker not in new]
    if new:
        console.print(f"Added {', '.join(new)}. An open `alpha ui`, or the next `alpha run`, brings them to forecasts.")
    if before:
        console.print(f"Already followed: {', '.join(before)}.")


@app.command("remove")
def remove_tickers(
    names: Annotated[list[str], typer.Argument(help="Separated by blanks or commas.")],
    yes: Annotated[bool, typer.Option("--yes", help="Also of what the signals rest on.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Stop following tickers; their history stays. What the signals rest on goes only with --yes."""
    from alpha_pipeline.steps.reliance import what_ends
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed, remove

    settings = settings_from(warehouse=warehouse)
    require_writable(settings)
    held = Warehouse(settings.warehouse)
    asked = followed_names(listed(names), settings)
    before = followed(held)
    ends = what_ends([ticker for ticker in asked if ticker in before], before)
    if ends and not yes:
        raise UsageError(f"The signals rest on them. {' '.join(ends)} Nothing was removed; --yes removes them.")
    remove(held, asked)
    sync_partitions(settings)
    console.print(f"Removed {', '.join(asked)}; the history is kept.")
    for sentence in ends:
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
