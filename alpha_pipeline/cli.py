"""The `alpha` command: the same assets as the web UI, from a terminal.

Exit codes: 0 done, 1 failed with a message that names the culprit and the fix, 2 wrong usage.
"""

import datetime as dt
import platform
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from alpha_pipeline.errors import AlphaError, ExperimentError, NotEnoughDataError, UsageError
from alpha_pipeline.settings import Settings, load_settings
from alpha_pipeline.steps import progress as steps_progress

if TYPE_CHECKING:
    from alpha_pipeline.defs.runner import Runner
    from alpha_pipeline.models.spec import Experiment
    from alpha_pipeline.sources.base import PriceSource

# Dagster, torch and DuckDB take seconds to import: each command imports what it needs.
# ruff: noqa: PLC0415

app = typer.Typer(
    help="Daily alpha research that is true.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
tickers_app = typer.Typer(help="The tickers a warehouse follows.", no_args_is_help=True)
app.add_typer(tickers_app, name="tickers")
console = Console()
errors = Console(stderr=True)


class OutputFormat(StrEnum):
    """How `alpha sql` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class CardFormat(StrEnum):
    """How `alpha explain` prints a run card."""

    TEXT = "text"
    JSON = "json"


class Signal(StrEnum):
    """The signals that have run cards."""

    QQQ_POSITION = "qqq_position"
    MAG7_VOTE = "mag7_vote"
    SECTOR_ROTATION = "sector_rotation"
    VIX_REGIME = "vix_regime"


class CompareWindow(StrEnum):
    """The sessions that `alpha compare` looks at."""

    WHOLE = "whole"
    RECENT = "2024_2025h1"


WarehouseOption = Annotated[str | None, typer.Option("--warehouse", help="Folder of the warehouse.")]
SourceOption = Annotated[str | None, typer.Option("--source", help="simulated, files or yahoo.")]
PathOption = Annotated[str | None, typer.Option("--path", help="File or folder of the files source.")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="quick, standard or full.")]
SeedsOption = Annotated[str | None, typer.Option("--seeds", help="Members per fold, instead of the profile's.")]
TickersOption = Annotated[str | None, typer.Option("--tickers", help="Comma-separated; default: all followed.")]
ThroughOption = Annotated[str | None, typer.Option("--through", help="Last session to use, ISO date.")]
ExperimentsOption = Annotated[str | None, typer.Option("--experiments", help="Comma-separated; default: all.")]


def _show_versions(asked: bool) -> None:
    if asked:
        typer.echo(f"alpha_pipeline {version('alpha_pipeline')}")
        typer.echo(f"Python {platform.python_version()}, dagster {version('dagster')}, torch {version('torch')}")
        raise typer.Exit


@app.callback()
def alpha(
    versions: Annotated[
        bool, typer.Option("--version", callback=_show_versions, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    """Take the options of `alpha` itself, before any command."""


@app.command()
def run(
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
    profile: ProfileOption = None,
    seeds: SeedsOption = None,
    tickers: TickersOption = None,
    through: ThroughOption = None,
    experiments: ExperimentsOption = None,
) -> None:
    """From bars to the next session's QQQ position: ingest, train what is missing, forecast, signal, score."""
    settings = _settings(source, path, warehouse, profile, seeds, through)
    chosen = _experiments(experiments)
    asked = _tickers(tickers, settings)
    _require_source(settings)
    _require_alert_services(settings)
    try:
        with _runner(settings) as runner:
            runner.day(asked, chosen)
    except AlphaError as error:
        _alert(settings, error)
        raise
    _publish_views(settings)
    problems = tuple(runner.problems)
    _print_card(settings, problems)
    _write_report(settings, problems)
    console.print(
        f"[dim]Warehouse {settings.warehouse} · `alpha ui` opens the graph · `alpha sql` queries it[/]",
        soft_wrap=True,
    )
    _alert(settings)


@app.command()
def today(warehouse: WarehouseOption = None) -> None:
    """The signal card of the newest session."""
    _print_card(_settings(warehouse=warehouse))


@app.command()
def report(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; WAREHOUSE/reports when not given.")] = None,
    brief: Annotated[bool, typer.Option("--brief", help="With --out: the brief instead of the tear sheet.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Write the tear sheet and the daily brief: HTML pages that open offline."""
    settings = _settings(warehouse=warehouse)
    if out is None and brief:
        raise UsageError("--brief chooses what --out writes: name a file with --out.")
    _write_report(settings, out=out, brief=brief)


@app.command()
def train(
    warehouse: WarehouseOption = None,
    profile: ProfileOption = None,
    seeds: SeedsOption = None,
    tickers: TickersOption = None,
    experiments: ExperimentsOption = None,
) -> None:
    """Train what is missing and nothing else, then forecast."""
    settings = _settings(warehouse=warehouse, profile=profile, seeds=seeds, of_market=True)
    chosen = _experiments(experiments)
    asked = _tickers(tickers, settings)
    _require_filled(settings)
    with _runner(settings) as runner:
        runner.train(asked, chosen)
    console.print("Every model asked for is trained, and its forecasts are in forecasts.daily.")


@app.command()
def explain(
    session: Annotated[str | None, typer.Argument(help="ISO date; default: the newest.")] = None,
    signal: Annotated[Signal | None, typer.Option("--signal", help="Whose run card; default: the position.")] = None,
    ticker: Annotated[str | None, typer.Option("--ticker", help="Explain a forecast of it; QQQ by default.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Explain a forecast by it; v12_super_model by default.")
    ] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Of the forecast, sessions ahead; 1.")] = None,
    output_format: Annotated[CardFormat, typer.Option("--format", help="Of the run card.")] = CardFormat.TEXT,
    out: Annotated[Path | None, typer.Option("--out", help="Write a page, or the JSON, to this file.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Which bars, models and rules made a position; with --ticker or --model, why a forecast is what it is."""
    settings = _settings(warehouse=warehouse)
    asked = _session(session)
    if ticker is None and model is None and horizon is None:
        _explain_signal(settings, signal or Signal.QQQ_POSITION, asked, output_format, out)
        return
    if signal is not None or output_format is not CardFormat.TEXT:
        raise UsageError("--signal and --format are of run cards, and --ticker, --model and --horizon of forecasts.")
    _explain_forecast(settings, asked, ticker or "QQQ", model or "v12_super_model", horizon or 1, out)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="An experiment, or a strategy.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another of the same kind.")],
    window: Annotated[CompareWindow, typer.Option("--window", help="Which sessions.")] = CompareWindow.WHOLE,
    horizon: Annotated[int, typer.Option("--horizon", min=1, help="Sessions ahead, of experiments.")] = 1,
    warehouse: WarehouseOption = None,
) -> None:
    """Whether A beats B: the difference, its interval, and how small a difference would be found."""
    from alpha_pipeline.reports.comparison import render
    from alpha_pipeline.steps.proof import compare as compare_held
    from alpha_pipeline.warehouse.store import Warehouse

    settings = _settings(warehouse=warehouse)
    _require_filled(settings)
    found = compare_held(Warehouse(settings.warehouse), a, b, window=window.value, horizon=horizon)
    console.print(render(found))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help='DuckDB SQL, for example "from signals.qqq_position".')],
    output_format: Annotated[OutputFormat, typer.Option("--format")] = OutputFormat.TABLE,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output when not given.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Query the warehouse; every table of the design is a view."""
    from alpha_pipeline.catalogue import TABLES
    from alpha_pipeline.reports.frames import write_frame
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.views import query as run_query

    settings = _settings(warehouse=warehouse)
    _require_filled(settings)
    frame = run_query(Warehouse(settings.warehouse), TABLES, query)
    write_frame(frame, output_format.value, out)


@app.command()
def doctor(source: SourceOption = None, path: PathOption = None, warehouse: WarehouseOption = None) -> None:
    """Look at the machine, the settings and the warehouse; exit code 1 when something needs mending."""
    from alpha_pipeline.doctor import examine

    findings = examine(_settings(source, path, warehouse, of_market=source is None))
    for finding in findings:
        verdict = "[green]ok  [/]" if finding.is_ok else "[red]bad [/]"
        console.print(f"{verdict} [bold]{finding.what}[/]: {escape(finding.detail)}", soft_wrap=True)
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def audit(warehouse: WarehouseOption = None) -> None:
    """Look for leaks of the future, in the pipeline and in what is held; exit code 1 when one is found."""
    settings = _settings(warehouse=warehouse)
    _require_filled(settings)
    with _progress_bars("loading") as observe:
        from alpha_pipeline.reports.audit import render
        from alpha_pipeline.steps.audit import audit as look
        from alpha_pipeline.warehouse.market import read_market
        from alpha_pipeline.warehouse.store import Warehouse

        observe(steps_progress.Progress("start", 0, 0, str(settings.warehouse), is_over=True))
        held = Warehouse(settings.warehouse)
        found = list(look(held, settings.now()))
    if not found:
        raise NotEnoughDataError(f"{settings.warehouse} holds no bars to audit. `alpha run` fills it.")
    _publish_views(settings)
    market = read_market(held)
    console.print(render(found, market.market if market else "", is_simulated=bool(market and market.is_simulated)))
    bad = [one.probe for one in found if not one.passed]
    if bad:
        raise AlphaError(
            f"The future leaks: {len(bad)} of {len(found)} probes say so ({', '.join(bad)}). Their lines name the "
            "culprit; no figure of this warehouse is to be believed until it is mended."
        )


@app.command()
def alerts(
    test: Annotated[bool, typer.Option("--test", help="Send a test alert to each; exit code 1 if one fails.")] = False,
) -> None:
    """Where alerts go: the log, and the services of ALPHA_ALERTS by scheme and host."""
    from alpha_pipeline.alerts import Alert, check, send

    urls = _settings().alerts
    places = ", ".join(["the log", *check(urls)])
    console.print(f"Alerts go to {places}.", highlight=False, markup=False, soft_wrap=True)
    if not test:
        return
    failed = send(Alert("test", "alpha_pipeline: test", "A test of where alerts go.", "test"), urls)
    if failed:
        raise AlphaError(f"Not delivered to {', '.join(failed)}. Look at ALPHA_ALERTS and at that service.")
    console.print("The test alert was taken by all of them.")


@app.command()
def ui(
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
    profile: ProfileOption = None,
    seeds: SeedsOption = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on the loopback interface.")] = 3000,
) -> None:
    """Open the Dagster web UI and daemon on this warehouse (loopback only)."""
    from alpha_pipeline.defs.home import prepare_home
    from alpha_pipeline.defs.ui import HOST, require_free, serve

    settings = _settings(source, path, warehouse, profile, seeds, of_market=source is None)
    require_free(port)
    _sync_partitions(settings)
    console.print(f"Dagster UI: http://{HOST}:{port}  (warehouse {settings.warehouse}; Ctrl-C ends it)", soft_wrap=True)
    serve(prepare_home(settings), port)


@tickers_app.command("list")
def list_tickers(warehouse: WarehouseOption = None) -> None:
    """The tickers followed and the state of their bars."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tables.raw import COVERAGE
    from alpha_pipeline.warehouse.tickers import followed

    held = Warehouse(_settings(warehouse=warehouse).warehouse)
    coverage = {row["ticker"]: row for row in held.read(COVERAGE).iter_rows(named=True)}
    table = Table("ticker", "first", "last", "sessions", "status", box=None)
    for ticker in followed(held):
        row = coverage.get(ticker)
        cells = (
            [str(row[name] or "-") for name in ("first_session", "last_session", "n_sessions", "status")] if row else []
        )
        table.add_row(ticker, *(cells or ["-", "-", "-", "no bars yet"]))
    console.print(table)


@tickers_app.command("add")
def add_tickers(
    names: Annotated[list[str], typer.Argument(help="Yahoo's names, for example PLTR or BRK-B.")],
    source: SourceOption = None,
    path: PathOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Follow tickers, after asking the source whether it knows them; a wrong one leaves no trace."""
    from alpha_pipeline.steps.ingest import last_wanted, require_known
    from alpha_pipeline.warehouse.market import MarketRecord, claim_market
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import add

    settings = _settings(source, path, warehouse, of_market=source is None)
    asked = _checked(names)
    bars = _require_source(settings)
    with errors.status(f"asking {bars.market} about {', '.join(asked)}"):
        require_known(bars, asked, last_wanted(settings))
    held = Warehouse(settings.warehouse)
    claim_market(held, MarketRecord(bars.kind, bars.market))
    new = add(held, asked)
    _sync_partitions(settings)
    known = [ticker for ticker in asked if ticker not in new]
    if new:
        console.print(f"Added {', '.join(new)}. An open `alpha ui`, or the next `alpha run`, brings them to forecasts.")
    if known:
        console.print(f"Already followed: {', '.join(known)}.")


@tickers_app.command("remove")
def remove_tickers(names: Annotated[list[str], typer.Argument()], warehouse: WarehouseOption = None) -> None:
    """Stop following tickers; their history stays."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import remove

    settings = _settings(warehouse=warehouse)
    remove(Warehouse(settings.warehouse), _checked(names))
    _sync_partitions(settings)
    console.print(f"Removed {', '.join(_checked(names))}; the history is kept.")


def main() -> None:
    """Run the command; a user's mistake is one line and an exit code, never a traceback."""
    # A script starts what it puts in the background deaf to SIGINT, and Dagster makes SIGTERM do what SIGINT does: the
    # process, and every one that it starts, could then only be killed.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except UsageError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
    except AlphaError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("Interrupted. What was finished is kept; the next run goes on from there.")
        sys.exit(130)


def _settings(
    source: str | None = None,
    path: str | None = None,
    warehouse: str | None = None,
    profile: str | None = None,
    seeds: str | None = None,
    through: str | None = None,
    *,
    of_market: bool = False,
) -> Settings:
    """The settings; with `of_market`, an unnamed source is the one that filled the warehouse."""
    flags: Mapping[str, str | None] = {
        "ALPHA_SOURCE": source,
        "ALPHA_SOURCE_PATH": path,
        "ALPHA_WAREHOUSE": warehouse,
        "ALPHA_PROFILE": profile,
        "ALPHA_SEEDS": seeds,
        "ALPHA_THROUGH": through,
    }
    settings = load_settings(flags)
    if settings.warehouse.exists() and not settings.warehouse.is_dir():
        raise UsageError(f"--warehouse must name a folder, and {settings.warehouse} is a file.")
    if of_market:
        from alpha_pipeline.warehouse.market import settings_of_market

        return settings_of_market(flags)
    return settings


def _checked(names: list[str]) -> list[str]:
    from alpha_pipeline.universe import checked

    return list(dict.fromkeys(checked(name) for name in names))


def _tickers(names: str | None, settings: Settings) -> list[str] | None:
    """The tickers named, or None; only followed ones can be asked for."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed

    if names is None:
        return None
    asked = _checked(names.split(","))
    strangers = sorted(set(asked) - set(followed(Warehouse(settings.warehouse))))
    if strangers:
        raise UsageError(
            f"Not followed: {', '.join(strangers)}. `alpha tickers add {' '.join(strangers)}` follows them."
        )
    return asked


def _sync_partitions(settings: Settings) -> None:
    """Show the web UI the tickers that the warehouse follows."""
    from alpha_pipeline.defs.alive import bury
    from alpha_pipeline.defs.home import open_instance
    from alpha_pipeline.defs.partitions import sync_tickers
    from alpha_pipeline.warehouse.store import Warehouse

    with open_instance(settings) as instance:
        bury(instance, settings.warehouse)
        sync_tickers(instance, Warehouse(settings.warehouse))


def _require_source(settings: Settings) -> "PriceSource":
    """The source, once it is known to be readable and of the warehouse's market; a wrong one leaves no trace."""
    from alpha_pipeline.sources.registry import make_source
    from alpha_pipeline.steps.ingest import require_usable
    from alpha_pipeline.warehouse.store import Warehouse

    source = make_source(settings)
    require_usable(Warehouse(settings.warehouse), source)
    return source


def _require_filled(settings: Settings) -> None:
    """Refuse an empty warehouse, which is most often a mistyped one, before anything is made in it."""
    from alpha_pipeline.warehouse.market import read_market
    from alpha_pipeline.warehouse.store import Warehouse

    if read_market(Warehouse(settings.warehouse)) is None:
        raise NotEnoughDataError(f"{settings.warehouse} is no warehouse yet, or an empty one. `alpha run` fills it.")


def _experiments(names: str | None) -> list[str] | None:
    from alpha_pipeline.models.spec import load_experiments

    known = load_experiments()
    chosen = None if names is None else [name.strip() for name in names.split(",")]
    strangers = [name for name in chosen or [] if name not in known]
    if strangers:
        raise UsageError(f"No experiment {', '.join(strangers)}. There are: {', '.join(known)}.")
    return chosen


def _experiment(name: str) -> "Experiment":
    """One experiment by its name."""
    from alpha_pipeline.models.spec import load_experiments

    known = load_experiments()
    if name not in known:
        raise ExperimentError(name, f"no experiment of that name. There are: {', '.join(known)}.")
    return known[name]


def _explain_signal(
    settings: Settings, signal: Signal, session: dt.date | None, output_format: CardFormat, out: Path | None
) -> None:
    """Show the run card of a signal row, and write it as a page; or its JSON to the screen or a file."""
    from alpha_pipeline.reports.frames import write_text
    from alpha_pipeline.reports.run_card import render_json
    from alpha_pipeline.reports.run_card_page import render_html
    from alpha_pipeline.reports.run_card_terminal import render
    from alpha_pipeline.steps.run_card import run_card
    from alpha_pipeline.warehouse.store import Warehouse

    _require_filled(settings)
    card = run_card(Warehouse(settings.warehouse), signal.value, session)
    if output_format is CardFormat.JSON:
        if out is None:
            sys.stdout.write(render_json(card))
        else:
            write_text(render_json(card), out)
        return
    if out is not None:
        write_text(render_html(card), out)
    console.print(render(card))
    if out is not None:
        console.print(f"Page: {out}", highlight=False, soft_wrap=True)


def _explain_forecast(
    settings: Settings, session: dt.date | None, ticker: str, model: str, horizon: int, out: Path | None
) -> None:
    """Show why a forecast is what it is, and write it as a page with figures."""
    from alpha_pipeline.reports.explanation import render
    from alpha_pipeline.reports.explanation_page import render_html
    from alpha_pipeline.reports.frames import write_text
    from alpha_pipeline.steps.explain import explain_forecast
    from alpha_pipeline.warehouse.store import Warehouse

    (name,) = _checked([ticker])
    _require_filled(settings)
    explained = explain_forecast(Warehouse(settings.warehouse), _experiment(model), name, session, horizon)
    console.print(render(explained))
    if out is not None:
        write_text(render_html(explained), out)
        console.print(f"Page: {out}", highlight=False, soft_wrap=True)


def _session(day: str | None) -> dt.date | None:
    """A date as a person writes it."""
    try:
        return None if day is None else dt.date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"SESSION {day!r} is no ISO date. Write it as 2016-01-29.") from None


@contextmanager
def _progress_bars(detail: str) -> Iterator[steps_progress.Observer]:
    """One bar per stage of the work done inside, the first with a detail while it begins."""
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", justify="left"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[detail]}"),
        console=errors,
    )
    shown: dict[str, TaskID] = {}

    def observe(step: steps_progress.Progress) -> None:
        if step.stage not in shown:
            shown[step.stage] = bars.add_task(step.stage, total=None, detail="")
        task = shown[step.stage]
        if step.is_over:  # a stage that counted nothing shows as one thing done
            total = bars.tasks[task].total or 1
            bars.update(task, completed=total, total=total, detail=step.detail)
        else:
            bars.update(task, completed=step.done, total=step.total or None, detail=step.detail)

    with bars, steps_progress.watching(observe):
        observe(steps_progress.Progress("start", 0, 0, detail))
        yield observe


@contextmanager
def _runner(settings: Settings) -> "Iterator[Runner]":
    """A runner whose progress shows as one bar per stage."""
    with _progress_bars("loading") as observe:
        from alpha_pipeline.defs.runner import Runner

        with Runner(settings) as runner:
            observe(steps_progress.Progress("start", 0, 0, str(settings.warehouse), is_over=True))
            yield runner


def _require_alert_services(settings: Settings) -> None:
    """Refuse a malformed ALPHA_ALERTS before the day begins."""
    from alpha_pipeline.alerts import check

    check(settings.alerts)


def _alert(settings: Settings, error: AlphaError | None = None) -> None:
    """Tell what a person should hear of; a dead service fails nothing."""
    from alpha_pipeline.steps.alerts import Failure, due_alerts, notify
    from alpha_pipeline.steps.ingest import last_wanted
    from alpha_pipeline.warehouse.store import Warehouse

    held = Warehouse(settings.warehouse)
    failures = [Failure("alpha run", f"alpha run {settings.now():%Y-%m-%dT%H:%M:%SZ}", str(error))] if error else []
    notify(held, due_alerts(held, last_wanted(settings), failures), settings.alerts)


def _publish_views(settings: Settings) -> None:
    from alpha_pipeline.catalogue import TABLES
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.views import publish

    publish(Warehouse(settings.warehouse), TABLES)


def _print_card(settings: Settings, problems: tuple[str, ...] = ()) -> None:
    from alpha_pipeline.reports.signal_card import render
    from alpha_pipeline.steps.card import signal_card
    from alpha_pipeline.warehouse.store import Warehouse

    console.print(render(signal_card(Warehouse(settings.warehouse), problems)))


def _write_report(
    settings: Settings, problems: tuple[str, ...] = (), out: Path | None = None, *, brief: bool = False
) -> None:
    from alpha_pipeline.reports.daily_report import render_brief, render_html
    from alpha_pipeline.reports.frames import write_text
    from alpha_pipeline.steps.report import LATEST_BRIEF, gather, write_report
    from alpha_pipeline.warehouse.store import Warehouse

    held = Warehouse(settings.warehouse)
    if out is None:
        written = write_report(held, settings.reports_kept, problems)
        console.print(f"Brief: {held.objects.path(LATEST_BRIEF)}", highlight=False, soft_wrap=True)
    else:
        write_text((render_brief if brief else render_html)(gather(held, problems)), out)
        written = str(out)
    console.print(f"Report: {written}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
