"""The `alpha` command: the same assets as the web UI, from a terminal.

Exit codes: 0 done, 1 failed with a message that names the culprit and the fix, 2 wrong usage.
"""

import datetime as dt
import os
import platform
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alpha_pipeline.errors import AlphaError, ExperimentError, NotEnoughDataError, UsageError
from alpha_pipeline.settings import Settings, listed, load_settings, one_of
from alpha_pipeline.steps.progress import REPORT, Progress
from alpha_pipeline.steps.progress import report as report_progress
from alpha_pipeline.steps.watch import shown

if TYPE_CHECKING:
    from alpha_pipeline.defs.runner import Runner
    from alpha_pipeline.models.spec import Experiment
    from alpha_pipeline.reports.progress_display import LogDisplay, TerminalDisplay
    from alpha_pipeline.reports.signal_card import SignalCard
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


# Every flag takes all that is given to it, so that none of it is lost: `one_of` refuses a second value where one is
# wanted, and `listed` adds up the values of a list.
Texts = list[str] | None
WarehouseOption = Annotated[Texts, typer.Option("--warehouse", metavar="FOLDER", help="Folder of the warehouse.")]
SourceOption = Annotated[Texts, typer.Option("--source", metavar="simulated|files|yahoo", help="Where bars come from.")]
PathOption = Annotated[Texts, typer.Option("--path", metavar="PATH", help="File or folder of the files source.")]
ProfileOption = Annotated[Texts, typer.Option("--profile", metavar="quick|standard|full", help="How much training.")]
SeedsOption = Annotated[Texts, typer.Option("--seeds", metavar="N", help="Members per fold, instead of the profile's.")]
TickersOption = Annotated[
    Texts,
    typer.Option("--tickers", metavar="NAMES", help="Separated by commas, or the flag again; default: all followed."),
]
ThroughOption = Annotated[Texts, typer.Option("--through", metavar="DATE", help="Last session to use, ISO date.")]
ExperimentsOption = Annotated[
    Texts, typer.Option("--experiments", metavar="NAMES", help="Separated by commas, or the flag again; default: all.")
]


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
    early: list[SignalCard] = []
    try:
        with _runner(settings) as (runner, display):

            def show() -> None:
                with display.paused():
                    early.append(_print_card(settings, tuple(runner.problems), is_early=True))

            runner.day(asked, chosen, show)
            problems = tuple(runner.problems)
            report_progress(Progress(REPORT, 0, 0))
            _publish_views(settings)
            written = _report_of_the_results(settings, problems)
            report_progress(Progress(REPORT, 0, 0, is_over=True))
    except AlphaError as error:
        _alert(settings, error)
        raise
    _print_card(settings, problems, shown_before=early)
    _print_lines(written)
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
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", metavar="FILE", help="File to write; WAREHOUSE/reports when not given."),
    ] = None,
    brief: Annotated[bool, typer.Option("--brief", help="With --out: the brief instead of the tear sheet.")] = False,
    warehouse: WarehouseOption = None,
) -> None:
    """Write the tear sheet and the daily brief: HTML pages that open offline."""
    settings, file = _settings(warehouse=warehouse), one_of("--out", out)
    if file is None and brief:
        raise UsageError("--brief chooses what --out writes: name a file with --out.")
    _print_lines(_write_report(settings, out=file, brief=brief))


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
    with _runner(settings) as (runner, _):
        runner.train(asked, chosen)
    console.print("Every model asked for is trained, and its forecasts are in forecasts.daily.")


@app.command()
def explain(
    session: Annotated[str | None, typer.Argument(help="ISO date; default: the newest.")] = None,
    signal: Annotated[
        list[Signal] | None,
        typer.Option(
            "--signal",
            metavar="NAME",
            help="Whose run card: qqq_position by default, mag7_vote, sector_rotation or vix_regime.",
        ),
    ] = None,
    ticker: Annotated[
        Texts, typer.Option("--ticker", metavar="TICKER", help="Explain a forecast of it; QQQ by default.")
    ] = None,
    model: Annotated[
        Texts,
        typer.Option("--model", metavar="EXPERIMENT", help="Explain a forecast by it; v12_super_model by default."),
    ] = None,
    horizon: Annotated[
        list[int] | None, typer.Option("--horizon", metavar="N", help="Of the forecast, sessions ahead; 1.")
    ] = None,
    output_format: Annotated[
        list[CardFormat] | None, typer.Option("--format", metavar="text|json", help="Of the run card; text by default.")
    ] = None,
    out: Annotated[
        list[Path] | None, typer.Option("--out", metavar="FILE", help="Write a page, or the JSON, to this file.")
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Which bars, models and rules made a position; with --ticker or --model, why a forecast is what it is."""
    settings = _settings(warehouse=warehouse)
    asked, file = _session(session), one_of("--out", out)
    whose, form = one_of("--signal", signal), one_of("--format", output_format) or CardFormat.TEXT
    of, by, ahead = one_of("--ticker", ticker), one_of("--model", model), one_of("--horizon", horizon)
    if of is None and by is None and ahead is None:
        _explain_signal(settings, whose or Signal.QQQ_POSITION, asked, form, file)
        return
    if whose is not None or form is not CardFormat.TEXT:
        raise UsageError("--signal and --format are of run cards, and --ticker, --model and --horizon of forecasts.")
    _explain_forecast(settings, asked, of or "QQQ", by or "v12_super_model", ahead or 1, file)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="An experiment, or a strategy.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another of the same kind.")],
    window: Annotated[
        list[CompareWindow] | None,
        typer.Option("--window", metavar="whole|2024_2025h1", help="Which sessions; whole by default."),
    ] = None,
    horizon: Annotated[
        list[int] | None,
        typer.Option("--horizon", metavar="N", min=1, help="Sessions ahead, of experiments; 1 by default."),
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Whether A beats B: the difference, its interval, and how small a difference would be found."""
    from alpha_pipeline.reports.comparison import render
    from alpha_pipeline.steps.proof import compare as compare_held
    from alpha_pipeline.warehouse.store import Warehouse

    settings = _settings(warehouse=warehouse)
    days, ahead = one_of("--window", window) or CompareWindow.WHOLE, one_of("--horizon", horizon) or 1
    _require_filled(settings)
    found = compare_held(Warehouse(settings.warehouse), a, b, window=days.value, horizon=ahead)
    console.print(render(found))


@app.command()
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

    settings = _settings(warehouse=warehouse)
    form, file = one_of("--format", output_format) or OutputFormat.TABLE, one_of("--out", out)
    _require_filled(settings)
    frame = run_query(Warehouse(settings.warehouse), TABLES, query)
    # Into a file or a pipe a table is as wide as it always was, unless somebody says otherwise.
    width = console.width if console.is_terminal or "COLUMNS" in os.environ else 200
    write_frame(frame, form.value, file, width)


@app.command()
def doctor(source: SourceOption = None, path: PathOption = None, warehouse: WarehouseOption = None) -> None:
    """Look at the machine, the settings and the warehouse; exit code 1 when something needs mending."""
    from alpha_pipeline.doctor import examine

    findings = examine(_settings(source, path, warehouse, of_market=source is None))
    for finding in findings:
        verdict = "[green]ok  [/]" if finding.is_ok else "[red]bad [/]"
        # A terminal wraps between words; a log keeps a finding in a line.
        console.print(f"{verdict} [bold]{finding.what}[/]: {escape(finding.detail)}", soft_wrap=not console.is_terminal)
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def audit(warehouse: WarehouseOption = None) -> None:
    """Look for leaks of the future, in the pipeline and in what is held; exit code 1 when one is found."""
    settings = _settings(warehouse=warehouse)
    _require_filled(settings)
    with shown(errors):
        report_progress(Progress("start", 0, 0, "loading"))
        from alpha_pipeline.reports.audit import render
        from alpha_pipeline.steps.audit import audit as look
        from alpha_pipeline.warehouse.market import read_market
        from alpha_pipeline.warehouse.store import Warehouse

        report_progress(Progress("start", 0, 0, is_over=True))
        held = Warehouse(settings.warehouse)
        found = list(look(held, settings.now(), is_all=True))
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
    port: Annotated[
        list[int] | None,
        typer.Option("--port", metavar="N", min=1, max=65_535, help="Port on the loopback interface; 3000 by default."),
    ] = None,
) -> None:
    """Open the Dagster web UI and daemon on this warehouse (loopback only)."""
    from alpha_pipeline.defs.home import prepare_home
    from alpha_pipeline.defs.ui import HOST, require_free, serve

    number = one_of("--port", port) or 3000
    settings = _settings(source, path, warehouse, profile, seeds, of_market=source is None)
    require_free(number)
    _sync_partitions(settings)
    console.print(
        f"Dagster UI: http://{HOST}:{number}  (warehouse {settings.warehouse}; Ctrl-C ends it)", soft_wrap=True
    )
    serve(prepare_home(settings), number)


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
    names: Annotated[
        list[str], typer.Argument(help="Yahoo's names, for example PLTR BRK-B; commas separate them as well.")
    ],
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
    asked = _checked(listed(names))
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
def remove_tickers(
    names: Annotated[list[str], typer.Argument(help="Separated by blanks or commas.")],
    warehouse: WarehouseOption = None,
) -> None:
    """Stop following tickers; their history stays."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import remove

    settings = _settings(warehouse=warehouse)
    asked = _checked(listed(names))
    remove(Warehouse(settings.warehouse), asked)
    _sync_partitions(settings)
    console.print(f"Removed {', '.join(asked)}; the history is kept.")


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
    source: Texts = None,
    path: Texts = None,
    warehouse: Texts = None,
    profile: Texts = None,
    seeds: Texts = None,
    through: Texts = None,
    *,
    of_market: bool = False,
) -> Settings:
    """The settings; with `of_market`, an unnamed source is the one that filled the warehouse."""
    flags: Mapping[str, str | None] = {
        "ALPHA_SOURCE": one_of("--source", source),
        "ALPHA_SOURCE_PATH": one_of("--path", path),
        "ALPHA_WAREHOUSE": one_of("--warehouse", warehouse),
        "ALPHA_PROFILE": one_of("--profile", profile),
        "ALPHA_SEEDS": one_of("--seeds", seeds),
        "ALPHA_THROUGH": one_of("--through", through),
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


def _tickers(names: Texts, settings: Settings) -> list[str] | None:
    """The tickers named, or None; only followed ones can be asked for."""
    from alpha_pipeline.warehouse.store import Warehouse
    from alpha_pipeline.warehouse.tickers import followed

    if not names:
        return None
    asked = _checked(listed(names))
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


def _experiments(names: Texts) -> list[str] | None:
    """The experiments named, or None."""
    from alpha_pipeline.models.spec import load_experiments

    known = load_experiments()
    chosen = listed(names) if names else None
    strangers = [name or "''" for name in chosen or [] if name not in known]
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
def _runner(settings: Settings) -> "Iterator[tuple[Runner, TerminalDisplay | LogDisplay]]":
    """A runner, and what shows its progress."""
    with shown(errors) as display:
        report_progress(Progress("start", 0, 0, "loading"))
        from alpha_pipeline.defs.runner import Runner

        with Runner(settings) as runner:
            report_progress(Progress("start", 0, 0, is_over=True))
            yield runner, display


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

    card = signal_card(Warehouse(settings.warehouse), problems, is_early=is_early)
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


def _print_lines(lines: "Sequence[str]") -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
