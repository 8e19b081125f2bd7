"""`alpha run`, `today`, `report` and `train`: the day, and what it ends with."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from alpha_pipeline.cli.context import (
    alert,
    named_experiments,
    named_tickers,
    open_runner,
    publish_views,
    require_alert_services,
    require_filled,
    require_something,
    require_writable,
    said_of_bars,
    settings_from,
    usable_source,
)
from alpha_pipeline.cli.options import (
    ExperimentsOption,
    PathOption,
    ProfileOption,
    SeedsOption,
    SinceOption,
    SourceOption,
    ThroughOption,
    TickersOption,
    WarehouseOption,
)
from alpha_pipeline.cli.terminal import console, print_lines
from alpha_pipeline.errors import AlphaError, UsageError
from alpha_pipeline.settings import Settings, one_of
from alpha_pipeline.steps.progress import REPORT, Progress
from alpha_pipeline.steps.progress import report as report_progress

if TYPE_CHECKING:
    from alpha_pipeline.reports.signal_card import SignalCard

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415


def run(
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
    profile: ProfileOption = None,
    seeds: SeedsOption = None,
    tickers: TickersOption = None,
    through: ThroughOption = None,
    since: SinceOption = None,
    experiments: ExperimentsOption = None,
) -> None:
    """From bars to the next session's QQQ position: ingest, train what is missing, forecast, signal, score."""
    settings = settings_from(source, path, warehouse, profile, seeds, through, since)
    require_writable(settings)
    chosen = named_experiments(experiments)
    asked = named_tickers(tickers, settings)
    source_of_bars = usable_source(settings)
    require_alert_services(settings)
    require_something(settings, source_of_bars, asked)
    early: list[SignalCard] = []
    try:
        with open_runner(settings) as (runner, display):

            def show() -> None:
                with display.paused():
                    early.append(_print_card(settings, tuple(runner.problems), is_early=True))

            runner.day(asked, chosen, show)
            problems = tuple(runner.problems)
            report_progress(Progress(REPORT, 0, 0))
            publish_views(settings)
            written = _report_of_the_results(settings, problems)
            report_progress(Progress(REPORT, 0, 0, is_over=True))
    except AlphaError as error:
        with suppress(OSError):  # where nothing can be written, nothing is remembered of what was sent either
            alert(settings, error)
        raise
    _print_card(settings, problems, shown_before=early)
    print_lines([*written, *said_of_bars(settings, source_of_bars)])
    console.print(
        f"[dim]Warehouse {escape(str(settings.warehouse))} · `alpha ui` opens the graph · `alpha sql` queries it[/]",
        soft_wrap=True,
    )
    alert(settings)


def today(warehouse: WarehouseOption = None) -> None:
    """The signal card of the newest session."""
    _print_card(settings_from(warehouse=warehouse))


def report(
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", metavar="FILE", help="File to write; WAREHOUSE/reports when not given."),
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="With --out: the brief instead of the tear sheet.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Write the tear sheet and the daily brief: HTML pages that open offline."""
    settings, file = settings_from(warehouse=warehouse), one_of("--out", out)
    if file is None and brief:
        raise UsageError("--brief chooses what --out writes: name a file with --out.")
    print_lines(_write_report(settings, out=file, brief=brief))


def train(
    warehouse: WarehouseOption = None,
    profile: ProfileOption = None,
    seeds: SeedsOption = None,
    tickers: TickersOption = None,
    experiments: ExperimentsOption = None,
) -> None:
    """Train what is missing and nothing else, then forecast."""
    settings = settings_from(warehouse=warehouse, profile=profile, seeds=seeds, of_market=True)
    require_writable(settings)
    chosen = named_experiments(experiments)
    asked = named_tickers(tickers, settings)
    require_filled(settings)
    with open_runner(settings) as (runner, _):
        runner.train(asked, chosen)
        untrained = runner.untrained(asked, chosen)
    if untrained:
        console.print(
            f"Not trained, because no ticker's history is long enough: {', '.join(untrained)}. Of every other model "
            "asked for the forecasts are in forecasts.daily.",
            soft_wrap=True,
        )
        return
    console.print("Every model asked for is trained, and its forecasts are in forecasts.daily.")


def _print_card(
    settings: Settings,
    problems: tuple[str, ...] = (),
    *,
    is_early: bool = False,
    shown_before: "Sequence[SignalCard]" = (),
) -> "SignalCard":
    """Show the card of the newest position, unless an early one has said the very same; the card."""
    from alpha_pipeline.reports.signal_card import render
    from alpha_pipeline.steps.card import signal_card
    from alpha_pipeline.warehouse.store import Warehouse

    card = signal_card(Warehouse(settings.warehouse), problems, is_early=is_early, now=settings.now())
    if card not in [replace(early, is_early=False) for early in shown_before]:
        console.print(render(card))
        console.file.flush()  # into a file too while the rest goes on
    return card


def _write_report(
    settings: Settings, problems: tuple[str, ...] = (), out: Path | None = None, *, brief: bool = False
) -> list[str]:
    """Write the pages; says where."""
    from alpha_pipeline.reports.daily_report import render_brief, render_html
    from alpha_pipeline.reports.frames import write_text
    from alpha_pipeline.steps.report import LATEST_BRIEF, gather, write_report
    from alpha_pipeline.warehouse.store import Warehouse

    held = Warehouse(settings.warehouse)
    if out is None:
        written = write_report(held, settings.reports_kept, problems)
        return [f"Brief: {held.objects.path(LATEST_BRIEF)}", f"Report: {written}"]
    write_text((render_brief if brief else render_html)(gather(held, problems)), out)
    return [f"Report: {out}"]


def _report_of_the_results(settings: Settings, problems: tuple[str, ...]) -> list[str]:
    """Where the pages are that the results ended with; they are written again where problems are to be on them."""
    from alpha_pipeline.steps.report import LATEST_BRIEF, find_report
    from alpha_pipeline.warehouse.store import Warehouse

    held = Warehouse(settings.warehouse)
    written = None if problems else find_report(held)
    if written is None:
        return _write_report(settings, problems)
    return [f"Brief: {held.objects.path(LATEST_BRIEF)}", f"Report: {written}"]
