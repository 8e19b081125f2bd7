"""Processes that refresh, train and read one warehouse at once, while the source restates its history under them.

Every version of the market scales all prices and is named by the volume of every row, so a frame that mixes two
versions is seen at a glance.
"""

import datetime as dt
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal

import polars as pl

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.training import load_artifact, train_experiment
from alpha_pipeline.warehouse import sql, views
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS, REVISIONS
from alpha_pipeline_tests.pipeline_world import QUICK, after_close, build_features, retrained

FIRST, LAST = dt.date(2014, 6, 2), dt.date(2016, 3, 31)
TICKERS: Final = ("QQQ", "NVDA")
What = Literal["refresh", "train", "read", "query"]
_MARKS: Final = """select ticker, count(*) as n_rows, count(distinct session) as n_sessions,
    min(volume) as lowest, max(volume) as highest from raw.bars group by ticker"""
_HOLD: Final = """import duckdb, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("create or replace table mine as select 42 as answer")
print("open", flush=True)
sys.stdin.read()"""


@dataclass(frozen=True)
class Size:
    """How large a crowd is.

    Attributes:
        refreshing: processes that refresh every ticker.
        training: processes that build features and train ridge.
        reading: processes that read until the others are done.
        rounds: how often each of the first two does so.
    """

    refreshing: int = 3
    training: int = 2
    reading: int = 3
    rounds: int = 4

    @property
    def processes(self) -> int:
        return self.refreshing + self.training + self.reading


@dataclass(frozen=True)
class Deed:
    """One thing a process did.

    Attributes:
        what: refresh and train write; read and query read.
        seconds: how long it took.
        wrong: what failed or was torn; empty when all was well.
        ticker: whose; empty where it was all of them.
        version: of the market that a refresh stored; None where it stored none.
    """

    what: What
    seconds: float
    wrong: str
    ticker: str
    version: int | None


@dataclass(frozen=True)
class HeardSource(FilesSource):
    """The files source; `heard` keeps which version each answer was."""

    heard: list[int] = field(default_factory=list)

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        answer = super().fetch(ticker, first, last)
        self.heard.extend(int(volume) for volume in answer.bars.get_column("volume").unique())
        return answer


@dataclass(frozen=True)
class Ground:
    """Where the crowd meets: a market whose file changes, and a warehouse."""

    root: Path

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.root / "warehouse")

    @property
    def is_over(self) -> bool:
        return (self.root / "over").exists()

    def base(self) -> pl.DataFrame:
        return pl.read_parquet(self.root / "base.parquet")

    def restate(self, version: int) -> None:
        """Replace the market's file by another version of all of its history."""
        prices = pl.col("open", "high", "low", "close", "adj_close") * scale(version)
        rows = self.base().with_columns(prices, volume=pl.lit(version).cast(pl.Float64))
        hidden = self.root / ".next"
        rows.write_parquet(hidden)
        hidden.replace(self.root / "bars.parquet")

    def torn(self, rows: pl.DataFrame) -> str:
        """What is wrong with the held bars of one ticker; empty when they are one whole version."""
        BARS.validate(rows, "a reader")
        versions = rows.get_column("volume").unique().to_list()
        if len(versions) != 1:
            return f"versions {versions} side by side"
        whole = self.base().join(rows, on=["ticker", "session"], suffix="_held")
        expected = self.base().filter(pl.col("ticker").is_in(rows.get_column("ticker").unique()))
        if not whole.height == rows.height == expected.height:
            return f"{rows.height} rows of {expected.height}"
        drift = whole.select((pl.col("close_held") / pl.col("close") / scale(versions[0]) - 1).abs().max()).item()
        return f"prices of another basis, {drift:.1e} off" if drift > 1e-9 else ""


def scale(version: int) -> float:
    """What a version multiplies every price by."""
    return 1 + version / 100


def make_ground(root: Path) -> Ground:
    """A market at its first version, and a warehouse that holds it with features."""
    ground = Ground(root)
    bars = simulate(7, 0.0, FIRST, LAST, TICKERS).bars
    pl.concat(bars[ticker] for ticker in TICKERS).write_parquet(root / "base.parquet")
    ground.restate(1)
    for ticker in TICKERS:
        _refresh(ground, ticker, after_close(LAST))
    build_features(ground.warehouse, TICKERS)
    views.publish(ground.warehouse, TABLES)
    return ground


def rush(ground: Ground, size: Size) -> tuple[list[Deed], int]:
    """Let the crowd in, and restate the market until the writers are done.

    Returns:
        What was done, and how often the views could be published meanwhile.
    """
    context = multiprocessing.get_context("spawn")
    published = 0
    version = 1
    with ProcessPoolExecutor(size.processes, mp_context=context) as pool:
        readers = [pool.submit(_reading, ground) for _ in range(size.reading)]
        writers = [pool.submit(_refreshing, ground, seat, size.rounds) for seat in range(size.refreshing)]
        writers += [pool.submit(_training, ground, size.rounds) for _ in range(size.training)]
        try:
            while wait(writers, timeout=0.2).not_done:
                version += 1
                ground.restate(version)
                published += views.publish(ground.warehouse, TABLES)
        finally:
            (ground.root / "over").touch()
    futures: list[Future[list[Deed]]] = [*readers, *writers]
    return [deed for future in futures for deed in future.result()], published


@contextmanager
def held_open(warehouse: Warehouse) -> Iterator[None]:
    """Another process has `alpha.duckdb` open for writing, with a table of its own in it."""
    command = [sys.executable, "-c", _HOLD, str(warehouse.root / views.DATABASE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"open\n"
        try:
            yield
        finally:
            shell.communicate(timeout=30)


def unaccounted(ground: Ground, deeds: list[Deed]) -> set[tuple[str, int]]:
    """The (ticker, version) that a refresh stored and that neither the bars nor the revisions hold now."""
    stored = {(deed.ticker, deed.version) for deed in deeds if deed.version is not None}
    kept = pl.concat(ground.warehouse.read(table).select("ticker", "volume") for table in (BARS, REVISIONS))
    return stored - set(kept.unique().iter_rows())


def _refreshing(ground: Ground, seat: int, rounds: int) -> list[Deed]:
    # Every refresh has a time of its own, as real ones have.
    times = [after_close(LAST) + dt.timedelta(seconds=number, milliseconds=seat) for number in range(1, rounds + 1)]
    return [_timed("refresh", partial(_refresh, ground, ticker, now), ticker) for now in times for ticker in TICKERS]


def _refresh(ground: Ground, ticker: str, now: dt.datetime) -> int | None:
    """Bring a ticker up to date; the version stored, or None when it was held already."""
    source = HeardSource(ground.root / "bars.parquet")
    # Each version rewrites all of the history: taken by itself it would be set aside.
    report = ingest_ticker(ground.warehouse, source, ticker, since=FIRST, through=LAST, now=now, take_corrections=True)
    assert (report.status, report.n_quarantined) == ("complete", 0), report
    return source.heard[-1] if report.changed else None


def _training(ground: Ground, rounds: int) -> list[Deed]:
    ridge = retrained(load_experiments()["ridge"], minimum_samples=100, validation_sessions=40)

    def learn() -> None:
        build_features(ground.warehouse, TICKERS)
        result = train_experiment(ground.warehouse, ridge, TICKERS, QUICK, device="cpu", progress=lambda _: None)
        assert result.failures == (), result.failures

    return [_timed("train", learn) for _ in range(rounds)]


def _reading(ground: Ground) -> list[Deed]:
    deeds: list[Deed] = []
    while not ground.is_over or not deeds:
        deeds += [_timed("read", partial(_read, ground, ticker), ticker) for ticker in TICKERS]
        deeds.append(_timed("query", partial(_query, ground)))
    return deeds


def _read(ground: Ground, ticker: str) -> None:
    wrong = ground.torn(ground.warehouse.read(BARS, [ticker]))
    assert not wrong, wrong
    for key in ground.warehouse.objects.list(f"models/ridge/{ticker}")[-4:]:
        load_artifact(ground.warehouse, "ridge", ticker, Path(key).stem)


def _query(ground: Ground) -> None:
    n_sessions = ground.base().height // len(TICKERS)
    for ticker, n_rows, n_unique, lowest, highest in sql.query(ground.warehouse, TABLES, _MARKS).iter_rows():
        assert n_rows == n_unique == n_sessions, f"{ticker}: {n_rows} rows of {n_unique} sessions"
        assert lowest == highest, f"{ticker}: versions {lowest} to {highest} side by side"


def _timed(what: What, act: Callable[[], int | None], ticker: str = "") -> Deed:
    begin = time.perf_counter()
    wrong, version = "", None
    try:
        version = act()
    except Exception as error:  # noqa: BLE001  counted, whatever it is
        wrong = f"{type(error).__name__}: {error}"
    return Deed(what, time.perf_counter() - begin, wrong, ticker, version)
