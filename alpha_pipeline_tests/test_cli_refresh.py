"""`alpha refresh`, and where a person reads what was refused and who failed: run, today, report and doctor."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.runner import Runner
from alpha_pipeline.settings import load_settings
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.loopback.world import forget, levels
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo
from alpha_pipeline_tests.pipeline_world import after_close, signal_all
from alpha_pipeline_tests.test_cli import LAST, Outcome, alpha, assert_refused, bars_of

SPOILT = dt.date(2015, 3, 5)
REFUSED = f"price_not_positive 1 ({SPOILT} low -3, expected a price above 0)"
STRANGER = "Nobody follows IWM, which the files hold: `alpha tickers add IWM` does."


def in_words(text: str) -> str:
    """Text without the frame and the line ends that a terminal's width gives it."""
    return " ".join(text.translate(str.maketrans("", "", "─│╭╮╰╯")).split())


def everything(root: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file each of QQQ, with a row that cannot be, of ^VIX, and of a ticker that nobody follows."""
    root = tmp_path_factory.mktemp("prices")
    bars = bars_of("QQQ", VIX).filter(pl.col("date") >= dt.date(2015, 1, 2))
    there = (pl.col("date") == SPOILT) & (pl.col("ticker") == "QQQ")
    bars = bars.with_columns(low=pl.when(there).then(-3.0).otherwise("low"))
    bars.filter(ticker="QQQ").write_csv(root / "QQQ.csv")
    bars.filter(ticker=VIX).write_parquet(root / "vix.parquet")
    bars.filter(ticker=VIX).with_columns(ticker=pl.lit("IWM")).write_csv(root / "IWM.csv")
    return root


@pytest.fixture(scope="module")
def refreshed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """A warehouse that `alpha refresh` filled, and what it said."""
    root = tmp_path_factory.mktemp("held") / "warehouse"
    return root, alpha("refresh", "--source", "files", "--path", folder, "--warehouse", root)


@pytest.fixture
def signalled(refreshed: tuple[Path, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it with positions, and a day that has nothing to do."""
    root = tmp_path / "warehouse"
    shutil.copytree(refreshed[0], root)
    signal_all(Warehouse(root), sessions.between(dt.date(2016, 1, 25), LAST))
    monkeypatch.setattr(Runner, "day", lambda *_: None)
    return root


def test_it_brings_bars_and_nothing_else_and_says_what_became_of_each(refreshed: tuple[Path, Outcome]) -> None:
    root, said = refreshed
    assert said.code == 0, said.err
    lines = {line.split()[0]: line.split() for line in said.out.splitlines() if line.strip()}
    n = len(sessions.between(dt.date(2015, 1, 2), LAST))
    assert lines["QQQ"] == ["QQQ", str(n - 1), "2015-01-02", str(LAST), str(n - 1), "0", "1"]
    assert lines[VIX] == [VIX, str(n), "2015-01-02", str(LAST), str(n), "0", "0"]
    assert "16 failed, not in " in said.out
    assert said.out.count(", META, ") == 1  # who failed is named once
    assert REFUSED in said.out
    assert "QQQ.csv refused" in said.out
    assert STRANGER in said.out
    assert "bars: " in said.err
    held = Warehouse(root)
    assert {table.name.split(".")[0] for table in TABLES if held.units(table)} == {"raw"}
    assert held.units(raw.BARS) == ["QQQ", VIX]
    again = alpha("refresh", "--warehouse", root, "--source", "files", "--path", root / "nothing")
    assert_refused(again, 1, "nothing does not exist")


def test_the_run_is_in_the_web_ui_and_asks_for_the_tickers_named(
    refreshed: tuple[Path, Outcome], folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(refreshed[0], tmp_path / "held")
    given = ("--source", "files", "--path", folder, "--warehouse", tmp_path / "held", "--tickers", "QQQ")
    said = alpha("refresh", *given, "--take-corrections")
    assert said.code == 0, said.err
    assert [line.split()[0] for line in said.out.splitlines()[1:2]] == ["QQQ"]
    alone = alpha("refresh", *given[:-1], "META")
    assert alone.code == 1
    assert "META failed" in alone.err
    settings = load_settings({"ALPHA_WAREHOUSE": str(tmp_path / "held")}, {})
    with patch.dict(os.environ), open_instance(settings) as instance:
        runs = instance.get_runs()
    assert {run.job_name for run in runs} == {"refresh_bars"}
    assert len(runs) > 2


def test_a_dry_run_writes_nothing_and_says_what_the_files_are_read_as(
    refreshed: tuple[Path, Outcome], folder: Path, tmp_path: Path
) -> None:
    root, done = refreshed
    before = everything(root)
    given = ("--source", "files", "--path", folder, "--dry-run", "--warehouse")
    held, fresh = alpha("refresh", *given, root), alpha("refresh", *given, tmp_path / "new" / "path")
    assert (held.code, fresh.code) == (0, 0), held.err + fresh.err
    assert everything(root) == before
    assert not (tmp_path / "new").exists()
    for name in ("QQQ.csv", "vix.parquet", "IWM.csv"):
        assert str(folder / name) in fresh.out
    assert f"rows of QQQ, 2015-01-02 to {LAST}" in fresh.out
    assert [line for line in fresh.out.splitlines() if line in done.out.splitlines()][:1] != []
    assert "QQQ  " in held.out
    [line] = [line.split() for line in held.out.splitlines() if line.startswith("QQQ ")]
    assert line[-3:] == ["0", "0", "1"]
    assert REFUSED in held.out
    assert "Nothing was written" in held.out


@pytest.mark.parametrize("command", ["run", "refresh"])
@pytest.mark.parametrize("name", ["empty.parquet", "bare.csv", "refused.csv"])
def test_files_of_which_nothing_can_be_taken_leave_nothing_and_are_the_reason(
    tmp_path: Path, command: str, name: str
) -> None:
    rows = bars_of("QQQ").tail(30).with_columns(low=-3.0)
    rows = rows if name == "refused.csv" else rows.clear()
    rows.write_parquet(tmp_path / name) if name.endswith("parquet") else rows.write_csv(tmp_path / name)
    outcome = alpha(command, "--source", "files", "--path", tmp_path / name, "--warehouse", tmp_path / "warehouse")
    assert_refused(outcome, 1, name)
    if name == "refused.csv":
        assert_refused(outcome, 1, "No bars were taken", "30 of 30 rows", "low -3, expected a price above 0")
    assert "None of the core tickers" not in outcome.err
    assert not (tmp_path / "warehouse").exists()


def test_refused_rows_are_on_the_card_in_the_report_in_doctor_and_in_the_last_lines_of_a_run(
    signalled: Path, folder: Path, tmp_path: Path
) -> None:
    where = ("--warehouse", signalled)
    ran = alpha("run", "--source", "files", "--path", folder, *where)
    assert ran.code == 0, ran.err
    last = ran.out.splitlines()[-5:]
    assert [REFUSED in line and "QQQ.csv" in line for line in last].count(True) == 1
    assert STRANGER in last
    card = in_words(alpha("today", *where).out)
    assert REFUSED in card
    assert card.count("16 of the 18 tickers followed are not in") == 1
    for flags in ((), ("--brief",)):
        assert alpha("report", *where, "--out", tmp_path / "page.html", *flags).code == 0
        assert REFUSED in (tmp_path / "page.html").read_text()
    sick = alpha("doctor", *where)
    assert sick.code == 1
    [line] = [line for line in sick.out.splitlines() if " quarantine: " in line]
    assert line.startswith("bad ")
    assert REFUSED in line
    assert "Look at QQQ" in line


@pytest.fixture
def yahoo() -> Iterator[LoopbackYahoo]:
    """Yahoo with QQQ, ^VIX and a holding."""
    first = dt.date(2015, 12, 1)
    with LoopbackYahoo(after_close(LAST)) as server:
        for ticker in ("QQQ", VIX, "WDAY"):
            server.listings[ticker] = Listing(levels(first, dt.date(2016, 2, 29), {first: 20.0}))
        yield server
    forget(server.listings)


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_a_holding_that_answers_404_for_good_is_told_wherever_a_person_looks(
    yahoo: LoopbackYahoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--warehouse", tmp_path / "warehouse")

    def asked(command: str, day: dt.date, *arguments: object) -> Outcome:
        yahoo.now = after_close(day)
        given = {"ALPHA_YAHOO_BASE_URL": yahoo.url, "ALPHA_YAHOO_RATE": "1000", "ALPHA_CBOE_VIX": "off"}
        return alpha(command, *where, *arguments, ALPHA_NOW=yahoo.now.isoformat(), **given)

    names = ("--source", "yahoo", "--tickers", f"QQQ,{VIX},WDAY")
    days = sessions.between(LAST, dt.date(2016, 2, 5))
    assert asked("refresh", days[0], *names).code == 0
    del yahoo.listings["WDAY"]
    forget(["WDAY"])
    first = asked("refresh", days[1], *names)
    assert first.code == 0, first.err
    assert "WDAY    failed: 404" in first.out
    signal_all(Warehouse(tmp_path / "warehouse"), days[:2])
    told = "1 of 67 failed: WDAY (404)."
    assert told in in_words(asked("today", days[1]).out)
    assert "alpha tickers remove" not in asked("today", days[1]).out

    monkeypatch.setattr(Runner, "day", lambda runner, asked, *_: runner.refresh(asked))
    ran = asked("run", days[5], *names)
    assert ran.code == 0, "the others went on"
    hint = f"WDAY has failed since {days[1]} (5 sessions). `alpha tickers remove WDAY` stops following"
    assert any(line.startswith(f"{told} {hint}") for line in ran.out.splitlines()[-4:])
    for outcome in (ran, asked("today", days[5])):
        assert f"{told} {hint}" in in_words(outcome.out)
    for flags in ((), ("--brief",)):
        assert asked("report", days[5], "--out", tmp_path / "page.html", *flags).code == 0
        assert told in (tmp_path / "page.html").read_text()
    sick = asked("doctor", days[5])
    assert sick.code == 1
    assert any(line.startswith(f"bad  last refresh: {told}") for line in sick.out.splitlines())
