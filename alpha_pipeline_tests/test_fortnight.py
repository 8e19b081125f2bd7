"""A fortnight, evening by evening, ends in the warehouse that one fetch at its end makes.

Ten sessions hold a split, a dividend, a half day, an evening on which Yahoo answers nobody (429), a bar that appears
two days late and a correction. Once through the steps, once through the command in processes of its own.
"""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.datasets.folds import training_data
from alpha_pipeline.errors import CoolingError
from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, SECTOR_CONTEXT, TECHNICAL, VOLATILITY
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import Profile
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.outcomes import Outcome
from alpha_pipeline.steps.rounds import ingest_tickers
from alpha_pipeline.steps.training import courses
from alpha_pipeline.training.member import Member
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.sql import query
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline_tests.loopback.world import World, yahoo_world
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo, Trade
from alpha_pipeline_tests.pipeline_world import after_close, build_features, retrained

START: Final = dt.date(2012, 1, 3)
DAYS: Final = sessions.between(dt.date(2016, 11, 14), dt.date(2016, 11, 28))
END: Final = DAYS[-1]
WRONG, LATE, SPLIT, APPEARS, DIVIDEND, MENDED, HALF = (dt.date(2016, 11, day) for day in (15, 16, 17, 18, 21, 22, 25))
TICKERS: Final = ("QQQ", "SPY", "NVDA", "XLK", VIX)
MADE_OF_BARS: Final = (
    raw.BARS, raw.ACTIONS, raw.COVERAGE, raw.QUARANTINE,
    TECHNICAL, PRICE_ACTION, MARKET_CONTEXT, VOLATILITY, SECTOR_CONTEXT, FORWARD,
)  # fmt: skip
QUARTERLY: Final = Profile("quick", seeds=1, retrain_months=3)


def market() -> dict[str, Listing]:
    """What Yahoo knows: NVDA splits 4 for 1, XLK pays, SPY lacks a session for two days, a close of QQQ is mended."""
    bars = simulate(7, 0.0, START, END, TICKERS).bars
    listings = {ticker: Listing(_traded(bars[ticker], 4.0 if ticker == "NVDA" else 1.0)) for ticker in TICKERS}
    listings["NVDA"].splits[SPLIT] = 4.0
    for payer, days in {"NVDA": [dt.date(2016, 8, 23)], "XLK": [dt.date(2016, 3, 18), DIVIDEND]}.items():
        listings[payer].dividends |= {day: 0.004 * (listings[payer].trades[day].open or 0.0) for day in days}
    listings["SPY"].late[LATE] = sessions.open_time(APPEARS)
    true = listings["QQQ"].trades[WRONG]
    wrong = replace(true, close=true.low)
    listings["QQQ"].trades = {**listings["QQQ"].trades, WRONG: wrong}
    listings["QQQ"].corrections[WRONG] = (sessions.open_time(MENDED), true)
    listings[VIX].instrument, listings[VIX].timezone = "INDEX", "America/Chicago"
    return listings


def _traded(bars: pl.DataFrame, shares: float) -> dict[dt.date, Trade]:
    """Split-adjusted bars as they were traded before and after one share became several."""
    made = {}
    for session, *values in bars.select("session", "open", "high", "low", "close", "volume").iter_rows():
        scale = shares if session < SPLIT else 1.0
        opened, high, low, close, volume = values
        made[session] = Trade(opened * scale, high * scale, low * scale, close * scale, int(volume / scale))
    return made


def fingerprints(warehouse: Warehouse) -> dict[tuple[str, str], str]:
    """A hash of what every table made of bars says of every ticker, to the bit and without the times of fetching."""
    return {(table.name, ticker): warehouse.fingerprint(table, ticker) for table in MADE_OF_BARS for ticker in TICKERS}


def said(warehouse: Warehouse, table: Table) -> pl.DataFrame:
    return warehouse.read(table, TICKERS).drop(table.volatile)


@dataclass
class Diary:
    """What became of each evening.

    Attributes:
        reports: what was done or why it failed, by evening and ticker.
        bars: what `raw.bars` held after it.
        learned_from: hash of the training data of every fold that had closed before the fortnight.
    """

    reports: dict[dt.date, dict[str, Outcome]] = field(default_factory=dict)
    bars: dict[dt.date, pl.DataFrame] = field(default_factory=dict)
    learned_from: dict[dt.date, dict[tuple[str, int], str]] = field(default_factory=dict)

    def evening(self, world: World, day: dt.date, warehouse: Warehouse) -> None:
        """Refresh, and build everything that is made of bars."""
        world.server.now = now = after_close(day)
        done = ingest_tickers(warehouse, world.source, TICKERS, since=START, through=day, now=now)
        self.reports[day] = dict(done)
        build_features(warehouse, TICKERS)
        self.bars[day] = warehouse.read(raw.BARS)
        self.learned_from[day] = learned_from(warehouse)

    def status(self, ticker: str) -> list[str]:
        return [getattr(reports[ticker], "status", "refused") for reports in self.reports.values()]


def learned_from(warehouse: Warehouse) -> dict[tuple[str, int], str]:
    """Hash of the data of every member of ridge, by ticker and fold, of the quarters that begin by October."""
    ridge = retrained(load_experiments()["ridge"], minimum_samples=100, validation_sessions=40)
    todo = courses(warehouse, ridge, TICKERS, QUARTERLY)
    assert todo.failures == ()
    rule = ridge.training.slice_rule
    return {
        (chain.samples.ticker, fold.index): Member(ridge, training_data(chain.samples, fold, rule), 0, None).data_hash
        for chain in todo.chains
        for fold in chain.folds
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fortnight")


@pytest.fixture(scope="module")
def replayed(folder: Path) -> Iterator[tuple[Diary, Diary, Warehouse, Warehouse]]:
    """(diary, the single fetch's diary, the warehouse of the fortnight, that of the single fetch)."""
    with yahoo_world(folder, START, after_close(DAYS[0])) as world:
        world.server.listings |= market()
        ours, single = Diary(), Diary()
        for day in DAYS:
            if day == SPLIT:
                world.server.refuse(429, times=1000, body="Too Many Requests")
            ours.evening(world, day, world.warehouse)
            world.server.calm()
            world.naps.time += 86_400
        at_once = Warehouse(folder / "at once")
        single.evening(world, END, at_once)
        yield ours, single, world.warehouse, at_once


Replayed = tuple[Diary, Diary, Warehouse, Warehouse]


@pytest.mark.minutes(0.3)
def test_everything_happened(replayed: Replayed) -> None:
    diary, _, warehouse, _ = replayed
    assert len(DAYS) == 10
    assert {type(outcome) for outcome in diary.reports[SPLIT].values()} == {CoolingError}
    assert diary.status("QQQ") == ["complete"] * 3 + ["refused"] + ["complete"] * 6
    assert diary.status("SPY") == ["complete"] * 2 + ["stale", "refused"] + ["complete"] * 6
    assert sessions.close_time(HALF).hour == 18
    revisions = warehouse.read(raw.REVISIONS).group_by("ticker", "cause").agg(pl.len(), pl.col("session").max())
    n_before = sessions.position(SPLIT) - sessions.position(START)
    assert {row[:2]: row[2:] for row in revisions.iter_rows()} == {
        ("NVDA", "split"): (n_before, sessions.offset(SPLIT, -1)),
        ("XLK", "dividend"): (n_before + 2, sessions.offset(DIVIDEND, -1)),
        ("QQQ", "correction"): (1, WRONG),
    }
    assert warehouse.read(raw.QUARANTINE).is_empty()


@pytest.mark.parametrize("table", MADE_OF_BARS, ids=lambda table: table.name)
def test_it_ends_as_one_fetch_does(replayed: Replayed, table: Table) -> None:
    _, _, warehouse, at_once = replayed
    assert said(warehouse, table).equals(said(at_once, table))
    assert table is raw.QUARANTINE or said(warehouse, table).height


def test_it_ends_so_to_the_bit(replayed: Replayed) -> None:
    _, _, warehouse, at_once = replayed
    assert fingerprints(warehouse) == fingerprints(at_once)


def test_the_bars_of_every_evening_are_remembered(replayed: Replayed) -> None:
    diary, _, warehouse, _ = replayed
    for day, held in diary.bars.items():
        evening = after_close(day)
        for moment, known in ((evening, held), (sessions.open_time(sessions.offset(day, 1)), held)):
            assert query(warehouse, [raw.BARS, raw.REVISIONS], f"from raw.bars_as_of('{moment}')").equals(known), day
    before = after_close(DAYS[0]) - dt.timedelta(seconds=1)
    assert query(warehouse, [raw.BARS, raw.REVISIONS], f"from raw.bars_as_of('{before}')").is_empty()


def test_what_was_learned_before_stays_until_a_split_rescales_it(replayed: Replayed) -> None:
    diary, single, _, _ = replayed
    [once] = single.learned_from.values()
    assert once.keys() == {(ticker, fold) for ticker in TICKERS for fold in range(4)}
    for day, hashes in diary.learned_from.items():
        moved = {ticker for ticker, fold in hashes if hashes[ticker, fold] != once[ticker, fold]}
        assert moved <= ({"NVDA"} if day <= SPLIT else set()), day


@dataclass(frozen=True)
class Command:
    """`alpha run` on evenings of the fortnight, each in a process of its own."""

    server: LoopbackYahoo

    def run(self, warehouse: Warehouse, day: dt.date) -> None:
        """Run it; what it says is shown where it fails."""
        self.server.now = after_close(day)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ALPHA_", "DAGSTER_"))}
        settings = {
            "ALPHA_NOW": self.server.now.isoformat(),
            "ALPHA_YAHOO_BASE_URL": self.server.url,
            "ALPHA_YAHOO_RATE": "1000",
            "ALPHA_CBOE_VIX": "off",
        }
        arguments = ("--source", "yahoo", "--tickers", ",".join(TICKERS), "--experiments", "ridge,expanding_mean")
        command = [sys.executable, "-m", "alpha_pipeline.cli", "run", *arguments, "--warehouse", str(warehouse.root)]
        done = subprocess.run(
            command, env=inherited | settings, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.minutes(3)
def test_the_command_ends_there_too_and_what_it_forecast_live_stays(tmp_path: Path) -> None:
    ours, at_once = Warehouse(tmp_path / "ours"), Warehouse(tmp_path / "at once")
    live: list[pl.DataFrame] = []
    with LoopbackYahoo(after_close(DAYS[0])) as server:
        server.listings |= market()
        command = Command(server)
        for day in DAYS:
            if day == LATE:  # the command waits and tries again for both troubles of this evening
                server.refuse(429, times=1000, body="Too Many Requests")
            command.run(ours, day)
            server.calm()
            live.append(ours.read(DAILY).filter("is_live"))
        command.run(at_once, END)
    assert fingerprints(ours) == fingerprints(at_once)

    held, once = ours.read(DAILY), at_once.read(DAILY)
    assert held.select(DAILY.key).equals(once.select(DAILY.key))  # each once, none missing
    remade = held.filter(~pl.col("is_live")).drop(DAILY.volatile)
    assert remade.equals(once.drop(DAILY.volatile).join(remade, on=DAILY.key, how="semi", maintain_order="left"))
    for day, rows in zip(DAYS, live, strict=True):
        assert held.join(rows, on=DAILY.columns, how="semi", nulls_equal=True).height == rows.height, day
    forecast_live = held.filter("is_live").group_by("session").agg(pl.col("made_at").unique(), pl.len()).sort("session")
    n_models, n_horizons = 2, 2
    assert forecast_live.rows() == [
        (day, [after_close(day)], len(TICKERS) * n_models * n_horizons) for day in DAYS if day != LATE
    ]
