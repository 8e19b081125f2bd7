"""`alpha refresh`: bars and nothing else, or what they would be."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from alpha_pipeline.cli.context import (
    named_tickers,
    open_runner,
    publish_views,
    require_something,
    require_writable,
    settings_from,
    usable_source,
)
from alpha_pipeline.cli.options import (
    PathOption,
    SinceOption,
    SourceOption,
    ThroughOption,
    TickersOption,
    WarehouseOption,
)
from alpha_pipeline.cli.terminal import console, errors, print_lines
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.settings import Settings
from alpha_pipeline.steps.progress import Progress
from alpha_pipeline.steps.progress import report as report_progress
from alpha_pipeline.steps.watch import shown

if TYPE_CHECKING:
    from alpha_pipeline.reports.refresh_table import Line
    from alpha_pipeline.sources.base import PriceSource
    from alpha_pipeline.steps.outcomes import Outcome

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


def refresh(
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
    tickers: TickersOption = None,
    through: ThroughOption = None,
    since: SinceOption = None,
    take_corrections: Annotated[
        bool,
        typer.Option("--take-corrections", help="Take over corrections of many held values at once too."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing: say what the files are read as and what would be done.")
    ] = False,
) -> None:
    """Bring bars and nothing else, and say what became of each ticker; exit code 1 when all of them failed."""
    settings = settings_from(source, path, warehouse, through=through, since=since, of_market=source is None)
    asked = named_tickers(tickers, settings)
    if not dry_run:
        require_writable(settings)
    bars = usable_source(settings)
    if dry_run:
        outcomes = _rehearsed(settings, bars, asked, take_corrections=take_corrections)
    else:
        outcomes = _refreshed(settings, bars, asked, take_corrections=take_corrections)
    _say(settings, bars, outcomes, is_dry=dry_run)
    failed = [ticker for ticker, outcome in outcomes.items() if isinstance(outcome, AlphaError)]
    if failed and len(failed) == len(outcomes):
        raise AlphaError(f"Nothing was taken: {', '.join(failed)} failed, for the reasons above.")


def _rehearsed(
    settings: Settings, source: "PriceSource", asked: Sequence[str] | None, *, take_corrections: bool
) -> "Mapping[str, Outcome]":
    """What a refresh would do; nothing is written."""
    from alpha_pipeline.steps import plan
    from alpha_pipeline.steps.admission import last_wanted
    from alpha_pipeline.steps.progress import announce
    from alpha_pipeline.steps.refresh import rehearse, wanted
    from alpha_pipeline.warehouse.store import Warehouse

    held, outcomes = Warehouse(settings.warehouse), dict[str, "Outcome"]()
    names = list(asked) if asked is not None else wanted(held, source)

    def tell(words: str) -> None:
        report_progress(Progress(plan.BARS, len(outcomes), len(names), words, notice=words))

    with shown(errors):
        announce((plan.refresh(settings, len(names)),))
        for ticker, outcome in rehearse(
            held,
            source,
            names,
            through=last_wanted(settings),
            now=settings.now(),
            since=settings.since,
            take_corrections=take_corrections,
            tell=tell,
        ):
            outcomes[ticker] = outcome
            report_progress(Progress(plan.BARS, len(outcomes), len(names), ticker))
        report_progress(Progress(plan.BARS, 0, 0, is_over=True))
    return outcomes


def _refreshed(
    settings: Settings, source: "PriceSource", asked: Sequence[str] | None, *, take_corrections: bool
) -> "Mapping[str, Outcome]":
    """Refresh, as a run that the web UI shows."""
    require_something(settings, source, asked)
    with open_runner(settings) as (runner, _):
        runner.refresh(asked, take_corrections=take_corrections)
        problems, outcomes = tuple(runner.problems), dict(runner.outcomes)
    publish_views(settings)
    if problems:
        raise AlphaError(" ".join(problems))
    return outcomes


def _say(settings: Settings, source: "PriceSource", outcomes: "Mapping[str, Outcome]", *, is_dry: bool) -> None:
    """What became of each ticker, what of the files is not used, and what a dry run read them as."""
    from alpha_pipeline.reports.refresh_table import Row, readings, table
    from alpha_pipeline.steps.bar_problems import bar_problems
    from alpha_pipeline.steps.outcomes import reason
    from alpha_pipeline.steps.refresh import said_of_files
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed

    if is_dry:
        _print(readings(source.readings()))
    rows = []
    for ticker, outcome in outcomes.items():
        if isinstance(outcome, AlphaError):
            rows.append(Row(ticker, (), reason(ticker, outcome)))
            continue
        counts = (outcome.n_new, outcome.n_revised, outcome.n_refused)
        figures = (f"{outcome.n_sessions:,}", str(outcome.first_session or "-"), str(outcome.last_session or "-"))
        rows.append(Row(ticker, (*figures, *(f"{count:,}" for count in counts)), outcome.said))
    _print(table(rows))
    held = Warehouse(settings.warehouse)
    # Who failed now stands in the table.
    told = [ticker for ticker, outcome in outcomes.items() if isinstance(outcome, AlphaError)]
    failed = [] if is_dry else bar_problems(held).failed_beside(told)
    done = f"Nothing was written to {settings.warehouse}." if is_dry else f"Bars are in {settings.warehouse}."
    print_lines([*failed, *said_of_files(source.readings(), followed(held)), done])


def _print(lines: "Sequence[Line]") -> None:
    """A terminal wraps between words; a log keeps what is said of one thing in a line."""
    for line in lines:
        is_wrapped = console.is_terminal
        console.print(line.render(is_wrapped=is_wrapped), highlight=False, soft_wrap=not is_wrapped)
