"""The command as a person meets it: a process, its exit code, its two streams, and what it leaves on disk."""

import datetime as dt
import hashlib
import io
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

import alpha_pipeline
from alpha_pipeline import sessions
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.cli.explain import Signal
from alpha_pipeline.cli.main import main
from alpha_pipeline.defs.runner import Runner
from alpha_pipeline.ingestion.coverage import ALL_TAKEN, COVERAGE_SCHEMA
from alpha_pipeline.sources.simulated import SimulatedSource, simulate
from alpha_pipeline.steps.results import write_ledger
from alpha_pipeline.steps.run_card import SIGNALS
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL
from alpha_pipeline.universe import CORE, MAG7, SECTORS, UNIVERSE, VIX
from alpha_pipeline.warehouse import views
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS, COVERAGE
from alpha_pipeline.warehouse.tables.signals import QQQ_POSITION
from alpha_pipeline.warehouse.tickers import followed
from alpha_pipeline_tests.pipeline_world import ingest_all, leave_empty, signal_all

FIRST, LAST = dt.date(2012, 1, 3), dt.date(2016, 1, 29)
NOW = "2016-01-30T12:00:00+00:00"
QUICK = ("--experiments", "expanding_mean,ridge")


@dataclass(frozen=True)
class Outcome:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


def environment(**given: str) -> dict[str, str]:
    """This process's environment with none of its settings."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ALPHA_", "DAGSTER_"))}
    settings = {"ALPHA_NOW": NOW, "COLUMNS": "160", "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return inherited | settings | given


def process(*arguments: object) -> Outcome:
    """Run `alpha` in a process of its own."""
    command = [sys.executable, "-m", "alpha_pipeline.cli", *map(str, arguments)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=300)
    return Outcome(done.returncode, done.stdout, done.stderr)


def alpha(*arguments: object, **given: str) -> Outcome:
    """Run `alpha` through its entry point in this process, which spares the seconds of importing."""
    before, wanted, out, err = dict(os.environ), environment(**given), io.StringIO(), io.StringIO()
    code = 0
    try:
        os.environ.clear()
        os.environ.update(wanted)
        with patch.object(sys, "argv", ["alpha", *map(str, arguments)]), redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Outcome(code, out.getvalue(), err.getvalue())


def on_disk(*roots: Path) -> dict[Path, str]:
    """Every file below some folders and its hash; the empty files that locks leave hold nothing."""
    files = (path for root in roots for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def bars_of(*tickers: str) -> pl.DataFrame:
    """Four years of simulated bars as a person's file has them."""
    bars = simulate(7, 0.0, FIRST, LAST, tickers).bars
    return pl.concat(bars.values()).drop("is_final").rename({"session": "date"})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files to ask for: a sound one, and one without a close."""
    folder = tmp_path_factory.mktemp("files")
    rows = bars_of("QQQ").tail(30)
    rows.write_csv(folder / "sound.csv")
    rows.drop("close").write_csv(folder / "no_close.csv")
    return folder


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse of the simulated market that holds a position."""
    warehouse = Warehouse(tmp_path_factory.mktemp("simulated"))
    source = SimulatedSource(7)
    claim_market(warehouse, MarketRecord(source.kind, source.market))
    ingest_all(warehouse, source, ["QQQ", VIX], LAST, dt.date(2015, 10, 1))
    signal_all(warehouse, sessions.between(dt.date(2016, 1, 4), LAST))
    views.publish(warehouse, TABLES)
    return warehouse.root


def assert_refused(outcome: Outcome, code: int, *words: str) -> None:
    """One line that names the culprit, an exit code, and no traceback."""
    assert outcome.code == code, outcome
    assert outcome.err.startswith("error: "), outcome
    assert len(outcome.err.splitlines()) == 1, outcome
    assert outcome.out == ""
    for word in words:
        assert word in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("tickers add ZZZZ", 1, ["'ZZZZ'", "Check the spelling"]),
        ("tickers add QQQ ZZZZ --source files --path {files}/sound.csv", 1, ["sound.csv has no ticker 'ZZZZ'"]),
        ("tickers remove ZZZZ", 1, ["Not followed: ZZZZ", "alpha tickers list"]),
        ("tickers remove QQQ", 2, ["QQQ is what the position is a weight of", "--yes"]),
        ("tickers remove ^VIX,COST", 2, ["every position abstains", "--yes"]),
        ("tickers remove NVDA AAPL MSFT", 2, ["4 ballots are left; below 5", "--yes"]),
        ("tickers remove xlk", 2, ["XLK is one of the seven sectors", "--yes"]),
        ("tickers add \u017fpy", 2, ["LATIN SMALL LETTER LONG S"]),
        ("run --source files --path {files}/absent.csv", 1, ["absent.csv does not exist"]),
        ("run --source files --path {files}/no_close.csv", 1, ["no_close.csv lacks the column(s) close", "ticker"]),
        ("run --source files", 2, ["--path"]),
        ("run --source bloomberg", 2, ["'bloomberg'", "simulated, files, yahoo"]),
        ("run --profile fast", 2, ["'fast'", "quick, standard, full"]),
        ("run --experiments ridge,v99", 2, ["v99", "expanding_mean, har_x"]),
        ("run --tickers QQQ,PLTR", 2, ["Not followed: PLTR", "alpha tickers add PLTR"]),
        ("run --tickers M&M.NS", 2, ["Not followed: M&M.NS", "alpha tickers add 'M&M.NS'"]),
        ("run --through 2016-13-01", 2, ["2016-13-01", "ISO date"]),
        ("train", 1, ["`alpha run` fills it"]),
        ("today", 1, ["holds no position yet", "`alpha run`"]),
        ("explain", 1, ["`alpha run` fills it"]),
        ("compare ridge lightgbm", 1, ["`alpha run` fills it"]),
        ("explain --ticker $$", 2, ["'$$' cannot be a ticker"]),
        ("sql {query}", 1, ["`alpha run` fills it"]),
        ("audit", 1, ["`alpha run` fills it"]),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_trace(
    tmp_path: Path, files: Path, arguments: str, code: int, words: list[str]
) -> None:
    warehouse = tmp_path / "fresh"
    given = [part.format(files=files, query="from raw.bars") for part in arguments.split()]
    before = on_disk(files)
    assert_refused(alpha(*given, "--warehouse", warehouse), code, *words)
    assert on_disk(files, warehouse) == before


@pytest.mark.parametrize("name", ["A B", "", "../etc", "é"])
def test_a_name_that_cannot_be_a_ticker_is_refused(tmp_path: Path, name: str) -> None:
    assert_refused(alpha("tickers", "add", name, "--warehouse", tmp_path), 2, f"{name!r} cannot be a ticker")
    assert on_disk(tmp_path) == {}


@pytest.mark.parametrize("command", ["today", "run", "doctor", "sql x", "tickers list", "audit"])
def test_a_file_is_no_warehouse(files: Path, command: str) -> None:
    before = on_disk(files)
    outcome = alpha(*command.split(), "--warehouse", files / "sound.csv")
    assert_refused(outcome, 2, "--warehouse must name a folder", "sound.csv is a file")
    assert on_disk(files) == before


@pytest.mark.parametrize("value", ["yesterday", "2016-02-30T10:00:00"])
def test_a_wrong_clock_is_refused(tmp_path: Path, value: str) -> None:
    outcome = alpha("today", "--warehouse", tmp_path, ALPHA_NOW=value)
    assert_refused(outcome, 2, f"ALPHA_NOW='{value}'", "ISO time")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "--source", "files", "--path", "{files}/sound.csv"], 1, ["simulated(seed=7", "--warehouse"]),
        (["tickers", "add", "QQQ", "--source", "files", "--path", "{files}/sound.csv"], 1, ["simulated(seed=7"]),
        (["explain", "--ticker", "QQQ"], 1, ["No forecast of QQQ is held", "`alpha run`"]),
        (["explain", "2016-01-30"], 1, ["no row of 2016-01-30, which is no session", "2016-01-04 to 2016-01-29"]),
        (["explain", "2016-02-01"], 1, ["signals.qqq_position holds no row of 2016-02-01", "It holds 19 sessions"]),
        (["explain", "--signal", "mag7_vote", "--ticker", "QQQ"], 2, ["--signal and --format are of run cards"]),
        (["explain", "--format", "json", "--model", "ridge"], 2, ["--signal and --format are of run cards"]),
        (["explain", "--out", "{files}/absent/card.html"], 2, ["absent/card.html"]),
        (["compare", "ridge", "v99"], 2, ["Nothing is held of 'ridge'", "experiments: none", "strategies: "]),
        (["explain", "--model", "v99"], 1, ["v99", "There are: bear_headhunter"]),
        (["explain", "yesterday"], 2, ["SESSION 'yesterday'", "ISO date"]),
        (["sql", "selec 1"], 1, ["SQL:", "selec"]),
        (["sql", "from raw.bras"], 1, ["SQL:", "bras"]),
        (["sql", "from raw.bars", "--format", "parquet"], 2, ["--out"]),
        (["sql", "copy raw.bars to '{files}/bars.csv'"], 1, ["no COPY here", "--allow-files"]),
        (["sql", "from '{files}/sound.csv'"], 1, ["--allow-files lifts that"]),
        (["sql", "from raw.bars", "--format", "csv", "--out", "{files}/absent/bars.csv"], 2, ["absent/bars.csv"]),
    ],
)
def test_a_mistake_changes_nothing_in_a_filled_warehouse(
    simulated: Path, files: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    before = on_disk(simulated, files)
    given = [part.format(files=files) for part in arguments]
    assert_refused(alpha(*given, "--warehouse", simulated), code, *words)
    assert on_disk(simulated, files) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["tickers", "add", "ZZZZ"], 1, ["'ZZZZ'"]),
        (["run", "--source", "files", "--path", "absent.csv"], 1, ["absent.csv does not exist"]),
        (["run", "--experiments", "v99"], 2, ["No experiment v99"]),
    ],
)
def test_a_process_ends_with_the_same_line_and_code(
    tmp_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    assert_refused(process(*arguments, "--warehouse", tmp_path), code, *words)
    assert on_disk(tmp_path) == {}


def test_what_a_script_starts_in_the_background_can_be_interrupted() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        heard = list[object]()
        with patch("alpha_pipeline.cli.ending.ended", lambda *_: heard.append(signal.getsignal(signal.SIGINT)) or 0):
            assert alpha("--help").code == 0
        assert callable(heard[0])
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_version_is_the_declared_one_and_loads_no_library() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "alpha_pipeline.cli", "--version"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    own, libraries = done.stdout.splitlines()
    declared = tomllib.loads((Path(alpha_pipeline.__file__).parents[1] / "pyproject.toml").read_text())["project"][
        "version"
    ]
    assert own == f"alpha_pipeline {declared}"
    assert libraries == f"Python {platform.python_version()}, dagster {version('dagster')}, torch {version('torch')}"
    assert {line.split()[-1] for line in done.stderr.splitlines()} & {"dagster", "torch", "duckdb"} == set()


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    for arguments in (["sqk"], ["sql"], ["run", "--fast"], ["sql", "select 1", "--format", "xml"]):
        outcome = alpha(*arguments, ALPHA_WAREHOUSE=str(tmp_path))
        assert outcome.code == 2
        assert "Usage: " in outcome.err
        assert "Traceback" not in outcome.err
    assert on_disk(tmp_path) == {}


def test_a_simulated_card_says_so(simulated: Path) -> None:
    outcome = process("today", "--warehouse", simulated)
    assert outcome.code == 0
    assert "SIMULATED · QQQ at the open of 2016-02-01" in outcome.out
    assert "abstains: no bars of NVDA" in outcome.out


@pytest.mark.parametrize("has_record", [False, True])
def test_a_card_shown_early_is_shown_again_only_with_what_it_lacked(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_record: bool
) -> None:
    def day(self: Runner, _tickers: object, _chosen: object, on_signals: Callable[[], None]) -> None:
        on_signals()
        if has_record:
            write_ledger(self.warehouse)

    shutil.copytree(simulated, tmp_path / "held")
    monkeypatch.setattr(Runner, "day", day)
    outcome = alpha("run", "--warehouse", tmp_path / "held")
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("QQQ at the open of 2016-02-01") == 1 + has_record
    assert outcome.out.count("still to come") == 1
    first, _, second = outcome.out.partition("decided at the close of 2016-01-29")
    assert "still to come" in first
    assert ("Record since" in first, "Record since" in second) == (False, has_record)


def test_both_reports_are_written_where_they_are_asked_for(simulated: Path, tmp_path: Path) -> None:
    outcome = alpha("report", "--warehouse", simulated)
    assert outcome.code == 0, outcome
    tear_sheet, brief = (simulated / "reports" / f"{name}_{LAST}.html" for name in ("daily", "brief"))
    assert str(tear_sheet) in outcome.out
    assert "latest_brief.html" in outcome.out
    for flags, same in (((), tear_sheet), (("--brief",), brief)):
        elsewhere = tmp_path / "page.html"
        assert alpha("report", "--warehouse", simulated, "--out", elsewhere, *flags).code == 0
        assert elsewhere.read_bytes() == same.read_bytes()
    assert_refused(alpha("report", "--warehouse", simulated, "--brief"), 2, "--brief", "--out")


def test_the_run_card_of_a_position_is_shown_written_and_machine_readable(simulated: Path, tmp_path: Path) -> None:
    before = on_disk(simulated)
    asked = ("explain", "--warehouse", simulated)
    page, file = tmp_path / "card.html", tmp_path / "card.json"
    newest, named = alpha(*asked), alpha(*asked, "2016-01-29", "--out", page)
    assert (newest.code, named.code) == (0, 0), newest.err + named.err
    for words in (
        "SIMULATED · Run card of signals.qqq_position at the close of 2016-01-29",
        "abstains: no fresh ballot from NVDA",
        "replayed: identical",
    ):
        assert words in newest.out
        assert words in named.out
    assert f"Page: {page}" in named.out
    printed = alpha(*asked, "--format", "json")
    written = alpha(*asked, "--format", "json", "--out", file)
    assert (printed.code, written.code, written.out) == (0, 0, "")
    assert file.read_text() == printed.out
    card = json.loads(printed.out)
    assert (card["session"], card["is_simulated"], card["replay"]) == ("2016-01-29", True, [])
    assert f"digest {card['digest']}" in newest.out
    assert card["digest"] in page.read_text()
    regime = alpha(*asked, "2016-01-28", "--signal", "vix_regime")
    assert "Run card of signals.vix_regime at the close of 2016-01-28" in regime.out
    assert "Mag-7 vote" not in regime.out
    assert on_disk(simulated) == before


def test_every_signal_with_a_run_card_can_be_named() -> None:
    assert set(Signal) == set(SIGNALS)


def test_the_doctor_looks_and_its_exit_code_says_whether_all_is_well(tmp_path: Path, simulated: Path) -> None:
    empty = alpha("doctor", "--warehouse", tmp_path / "fresh")
    assert empty.code == 0
    assert "is empty; `alpha run` fills it" in empty.out
    assert not (tmp_path / "fresh").exists()
    lacking = alpha("doctor", "--warehouse", simulated)
    assert lacking.code == 1
    assert "SPY: no bars" in lacking.out
    other = alpha("doctor", "--warehouse", simulated, "--source", "yahoo")
    assert other.code == 1
    assert "the source is set to yahoo" in other.out
    held, whole = Warehouse(simulated), Warehouse(tmp_path / "whole")
    claim_market(whole, MarketRecord("simulated", SimulatedSource(7).market))
    for ticker in CORE:
        row = (ticker, FIRST, LAST, 1, 0, "complete", "", *ALL_TAKEN)
        whole.write(COVERAGE, ticker, pl.DataFrame([row], schema=COVERAGE_SCHEMA, orient="row"))
        whole.write(BARS, ticker, held.read(BARS, ["QQQ"]).tail(1).with_columns(ticker=pl.lit(ticker)))
    sound = alpha("doctor", "--warehouse", whole.root)
    assert sound.code == 0
    assert "all complete; bars to 2016-01-29, the last closed session is 2016-01-29" in sound.out


def test_an_empty_year_stops_nothing_and_the_doctor_mends_it(tmp_path: Path, simulated: Path) -> None:
    shutil.copytree(simulated, tmp_path / "held")
    asked = ("--warehouse", tmp_path / "held")
    before = alpha("today", *asked)
    key = leave_empty(Warehouse(tmp_path / "held"), QQQ_POSITION, "2017")
    assert alpha("today", *asked) == before
    assert alpha("report", *asked).code == 0
    assert f"without rows: {key}; `alpha doctor --mend` removes them" in alpha("doctor", *asked).out
    mended = alpha("doctor", "--mend", *asked)
    assert f"mended: removed {key}, which held no rows" in mended.out
    assert "units: sound" in mended.out
    assert Warehouse(tmp_path / "held").units(QQQ_POSITION) == ["2016"]


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_an_audit_says_what_each_probe_found_and_its_exit_code_whether_the_future_leaks(
    tmp_path: Path, simulated: Path
) -> None:
    shutil.copytree(simulated, tmp_path / "audited")
    asked = ("audit", "--warehouse", tmp_path / "audited")
    first = process(*asked)
    assert first.code == 0, first.err
    assert "SIMULATED · Leak audit of simulated(seed=7, planted_ic=0.0): 22 probes, 0 found a leak" in first.out
    lines = {line.split()[1]: line.split()[0] for line in first.out.splitlines()[1:] if not line.startswith("    ")}
    assert lines["truncation"] == lines["planted_signal"] == "ok"
    assert lines["stored_cards"] == "-"
    assert "leak audit" in first.err
    held = Warehouse(tmp_path / "audited")
    day = held.read(BARS, ["QQQ"])["session"][-1]
    rows = pl.DataFrame({"session": [day], "ticker": ["QQQ"], "horizon": [1], "model": ["ridge"], "model_id": ["gone"]})
    none = dict.fromkeys(
        ("low_90", "high_90", "prob_spike", "spike_threshold", "prob_bull", "bull_threshold", "bull_move")
    )
    rows = rows.with_columns(
        expected_return=0.01, forecast_vol=0.01, prob_up=0.5, seeds=1, seed_spread=0.0, is_live=False, **none
    ).with_columns(trained_through=pl.lit(day), made_at=pl.lit(dt.datetime(2016, 1, 30, tzinfo=dt.UTC)))
    held.write(DAILY, "QQQ", DAILY.conform(rows))
    again = alpha(*asked)
    assert again.code == 1
    assert [line.split()[1] for line in again.out.splitlines() if line.startswith("bad ")] == ["stored_forecasts"]
    said = " ".join(again.out.split())  # a narrow terminal breaks lines
    assert "ridge, QQQ: 2016-01-29 at horizon 1 was forecast from labels not known before it" in said
    assert again.err.splitlines()[-1].startswith("error: The future leaks: 1 of 22 probes say so (stored_forecasts).")
    verdicts = alpha("sql", "select probe from evaluation.audit where not passed", "--format", "csv", *asked[1:])
    assert verdicts.out.split() == ["probe", "stored_forecasts"]


def test_tickers_come_and_go(tmp_path: Path, files: Path) -> None:
    bars = pl.read_csv(files / "sound.csv").with_columns(ticker=pl.lit("PLTR"))
    bars.write_csv(tmp_path / "bars.csv")
    warehouse = tmp_path / "warehouse"
    source = ("--source", "files", "--path", tmp_path / "bars.csv")
    added = alpha("tickers", "add", "pltr", *source, "--warehouse", warehouse)
    assert (added.code, "Added PLTR" in added.out) == (0, True)
    again = alpha("tickers", "add", "PLTR", *source, "--warehouse", warehouse)
    assert (again.code, "Already followed: PLTR" in again.out) == (0, True)
    listed = alpha("tickers", "list", "--warehouse", warehouse).out
    assert [line.split() for line in listed.splitlines() if "PLTR" in line] == [
        ["PLTR", "-", "-", "-", "no", "bars", "yet"]
    ]
    removed = alpha("tickers", "remove", "PLTR", "--warehouse", warehouse)
    assert (removed.code, "Removed PLTR" in removed.out) == (0, True)
    assert "PLTR" not in alpha("tickers", "list", "--warehouse", warehouse).out


def test_every_ticker_of_a_file_that_ends_in_the_past_can_be_followed(tmp_path: Path) -> None:
    names = ["PLTR", "M&M.NS", "BRK.B", "VOD.L", "BTC-USD", "ES=F"]
    rows = bars_of("QQQ").head(30).drop("ticker")
    pl.concat([rows.with_columns(ticker=pl.lit(name)) for name in names]).write_csv(tmp_path / "bars.csv")
    asked = ("--warehouse", tmp_path / "warehouse")
    source = ("--source", "files", "--path", tmp_path / "bars.csv")
    added = alpha("tickers", "add", *names, *source, *asked, ALPHA_NOW="2026-11-27T22:00:00+00:00")
    assert (added.code, f"Added {', '.join(names)}." in " ".join(added.out.split())) == (0, True)
    assert "Already followed: BRK.B" in alpha("tickers", "add", "BRK-B", *source, *asked).out
    assert alpha("tickers", "remove", "brk-b", "vod.l", *asked).code == 0
    assert followed(Warehouse(tmp_path / "warehouse")) == [*UNIVERSE, "PLTR", "M&M.NS", "BTC-USD", "ES=F"]


def test_what_the_signals_rest_on_goes_when_it_is_meant(tmp_path: Path) -> None:
    removed = alpha("tickers", "remove", "QQQ", "COST", "--yes", "--warehouse", tmp_path)
    assert (removed.code, removed.err) == (0, "")
    assert "no ledger and no record" in removed.out
    assert set(UNIVERSE) - set(followed(Warehouse(tmp_path))) == {"QQQ", "COST"}


@dataclass(frozen=True)
class World:
    """A files world after a run."""

    warehouse: Path
    run: Callable[[], Outcome]
    first: Outcome


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A run on a CSV with broken rows that lacks one of the Magnificent Seven."""
    root = tmp_path_factory.mktemp("world")
    rows = bars_of("QQQ", VIX, "NVDA").with_columns(pl.exclude("ticker", "date").cast(pl.String))
    day, is_qqq = pl.col("date"), pl.col("ticker") == "QQQ"
    rows = rows.with_columns(
        close=pl.when(is_qqq & (day == dt.date(2015, 3, 4))).then(pl.lit("n/a")).otherwise("close"),
        low=pl.when(is_qqq & (day == dt.date(2015, 3, 5))).then(pl.lit("-3")).otherwise("low"),
        high=pl.when(is_qqq & (day == dt.date(2015, 3, 6))).then(pl.lit("1")).otherwise("high"),
    )
    sunday = rows.filter(is_qqq, day == dt.date(2015, 3, 9)).with_columns(date=dt.date(2015, 3, 8))
    pl.concat([rows, sunday]).write_csv(root / "bars.csv")

    def run() -> Outcome:
        given = ("--source", "files", "--path", root / "bars.csv", "--tickers", f"QQQ,{VIX},NVDA,META")
        return process("run", *given, "--warehouse", root / "warehouse", *QUICK)

    return World(root / "warehouse", run, run())


def test_a_run_survives_bad_rows_and_a_missing_ticker(world: World) -> None:
    assert world.first.code == 0, world.first.err
    card = world.first.out
    assert "QQQ at the open of 2016-02-01" in card
    assert "! 1 of the 18 tickers followed is not in bars.csv: META." in card
    assert "SIMULATED" not in card
    assert "Traceback" not in world.first.err
    coverage = Warehouse(world.warehouse).read(COVERAGE)
    status = dict(coverage.select("ticker", "status").iter_rows())
    assert status == {"META": "failed", "NVDA": "complete", "QQQ": "gaps", VIX: "complete"}


def test_a_run_into_a_pipe_says_how_far_it_is_at_both_ends_of_each_stage(world: World) -> None:
    lines = world.first.err.splitlines()
    for stage in (
        "bars",
        "features and targets",
        "training ridge",
        "forecasts",
        "signals",
        "scores",
        "views and report",
    ):
        begun = next(i for i, line in enumerate(lines) if re.match(rf"\d:\d\d:\d\d {stage} · .*left", line))
        assert re.match(rf"\d:\d\d:\d\d {stage}: .*\d s$", next(line for line in lines[begun:] if f"{stage}:" in line))
    assert not set(world.first.err) & {"\x1b", "\r"}
    assert not [line for line in world.first.out.splitlines() if "still to come" in line]


def test_refused_rows_are_in_quarantine_and_not_in_the_bars(world: World) -> None:
    query = "select session, reason from raw.quarantine where ticker = 'QQQ' order by session"
    outcome = alpha("sql", query, "--format", "csv", "--warehouse", world.warehouse)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "session,reason",
        "2015-03-04,price_missing",
        "2015-03-05,price_not_positive",
        "2015-03-06,high_below_low",
        "2015-03-08,not_a_session",
    ]


def test_a_forecast_is_explained_in_the_terminal_and_on_a_page(world: World, tmp_path: Path) -> None:
    before = on_disk(world.warehouse)
    asked = ("explain", "--model", "ridge", "--warehouse", world.warehouse)
    page = tmp_path / "why.html"
    newest, named = alpha(*asked), alpha(*asked[:1], "2016-01-29", *asked[1:], "--horizon", "5", "--out", page)
    assert (newest.code, named.code) == (0, 0), newest.err + named.err
    assert "Why ridge forecast QQQ so" in newest.out
    assert "at the close of 2016-01-29" in newest.out
    row = Warehouse(world.warehouse).read(DAILY, ["QQQ"]).filter(model="ridge", session=LAST, horizon=1)
    assert f"Expected return {row['expected_return'].item():+.3%} over 1 session," in newest.out
    assert row["model_id"].item() in newest.out
    for group in ("technical", "price_action", "market_context"):
        assert group in newest.out
    assert "over 5 sessions" in named.out
    assert f"Page: {page}" in named.out
    assert "What the model relies on" in page.read_text()
    assert on_disk(world.warehouse) == before
    for arguments, words in (
        (["--model", "ridge", "--ticker", "AMD"], ["No forecast of AMD is held"]),
        (["--model", "ridge", "2016-01-30"], ["ridge made no forecast of QQQ on 2016-01-30, which is no session"]),
        (["--model", "lightgbm"], ["lightgbm does not forecast QQQ; these do: expanding_mean, ridge"]),
    ):
        assert_refused(alpha("explain", "--warehouse", world.warehouse, *arguments), 1, *words)


@pytest.mark.slow
@pytest.mark.minutes(0.6)
def test_a_second_run_changes_no_object(world: World) -> None:
    folders = [world.warehouse / name for name in ("tables", "models")]
    before = on_disk(*folders)
    assert before
    again = world.run()
    assert (again.code, again.out) == (0, world.first.out)
    assert on_disk(*folders) == before


def test_a_query_says_what_it_made_and_shows_every_result(simulated: Path) -> None:
    before = on_disk(simulated)
    asked = ("--warehouse", simulated, "--format", "csv")
    outcome = alpha("sql", "create table t as select 1 as a; from t; select 2 as b", *asked)
    assert (outcome.code, outcome.out) == (0, "a\n1\n\nb\n2\n")
    assert "was in memory and is gone" in outcome.err
    assert alpha("sql", "select sum(volume) > 0 as some from raw.bars", *asked).err == ""
    several = alpha("sql", "select 1; select 2", *asked[:2], "--format", "parquet", "--out", simulated / "x.parquet")
    assert_refused(several, 2, "A Parquet file holds one result, and there are 2")
    assert on_disk(simulated) == before


def test_an_interrupted_query_ends_with_one_line(simulated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alpha_pipeline.warehouse.sql.answers", interrupted)
    outcome = alpha("sql", "select 1", "--warehouse", simulated)
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (130, "", 1)


def test_every_format_says_the_same(world: World, tmp_path: Path) -> None:
    query = "select session, close, volume from raw.bars where ticker = 'QQQ' order by session limit 5"

    def asked(*arguments: object) -> str:
        outcome = alpha("sql", query, *arguments, "--warehouse", world.warehouse)
        assert outcome.code == 0, outcome
        return outcome.out

    out = tmp_path / "bars.parquet"
    assert asked("--format", "parquet", "--out", out) == ""
    rows = pl.read_parquet(out)
    assert rows.height == 5
    assert pl.read_csv(io.StringIO(asked("--format", "csv")), try_parse_dates=True).equals(rows)
    from_json = pl.read_json(io.StringIO(asked("--format", "json"))).with_columns(pl.col("session").str.to_date())
    assert from_json.equals(rows)
    assert asked("--format", "csv", "--out", tmp_path / "bars.csv") == ""
    assert pl.read_csv(tmp_path / "bars.csv", try_parse_dates=True).equals(rows)
    assert "2012-01-03" in asked()


@pytest.mark.slow
def test_the_vote_goes_on_without_the_missing_ticker_and_says_so(tmp_path: Path) -> None:
    """All of the core but META, with forecasts of the voting model put into the warehouse between two runs."""
    others = [ticker for ticker in CORE if ticker != "META"]
    bars_of(*others).write_parquet(tmp_path / "bars.parquet")
    where = ("--source", "files", "--path", tmp_path, "--warehouse", tmp_path / "warehouse")
    assert process("run", *where, *QUICK).code == 0
    warehouse = Warehouse(tmp_path / "warehouse")
    listened_to = dict.fromkeys(MAG7, BALLOT_MODEL) | dict.fromkeys(SECTORS, SECTOR_MODEL) | {VIX: VIX_MODEL}
    for ticker, model in listened_to.items():
        if ticker == "META":
            continue
        rows = warehouse.read(DAILY, [ticker]).filter(model="ridge")
        bullish = rows.with_columns(model=pl.lit(model), prob_up=pl.lit(0.6), spike_threshold=None)
        warehouse.write(DAILY, ticker, pl.concat([warehouse.read(DAILY, [ticker]), DAILY.conform(bullish)]))
    outcome = process("run", *where, *QUICK)
    assert outcome.code == 0, outcome.err
    assert "6 of 6 bull: strong buy" in outcome.out
    assert f"\n1 of the 18 tickers followed is not in {tmp_path.name}: META." in outcome.out
    position = warehouse.read(next(table for table in TABLES if table.name == "signals.qqq_position")).tail(1)
    assert position["target_weight"].item() > 0
    assert position["reason"].item().startswith("strong buy: 6 of 6 bull")


@pytest.mark.slow
def test_a_simulated_run_says_so_from_end_to_end(tmp_path: Path) -> None:
    where = ("--tickers", "QQQ", "--warehouse", tmp_path)
    first = process("run", *where, "--experiments", "expanding_mean")
    assert first.code == 0, first.err
    assert "SIMULATED · QQQ at the open of 2016-02-01" in first.out
    # The frame is as wide as the terminal, and cells are wrapped in it; what is said is the same.
    frame = str.maketrans("", "", "─│╭╮╰╯")
    words = alpha("today", "--warehouse", tmp_path).out.translate(frame).split()
    assert sorted(first.out.translate(frame).split()[: len(words)]) == sorted(words)
