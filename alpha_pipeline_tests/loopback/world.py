"""A warehouse that is refreshed from the loopback Yahoo evening by evening, while no real second passes."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from yfinance.cache import get_tz_cache, tz_db_proxy
from yfinance.data import SingletonMeta, YfData

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA
from alpha_pipeline.sources.pace import Pace
from alpha_pipeline.sources.yahoo import YahooSource
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.outcomes import IngestReport
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline_tests.loopback_yahoo import LoopbackYahoo, Trade
from alpha_pipeline_tests.patience import Naps
from alpha_pipeline_tests.pipeline_world import after_close

SAID = [name for name in BARS_SCHEMA if name != "fetched_at"]


@dataclass
class World:
    """The server, a source that asks it, and a warehouse.

    Attributes:
        server: the loopback Yahoo; its clock is the replayed time.
        source: asks it.
        warehouse: where the bars go.
        naps: the wall clock that the source's pace looks at.
        first: the first session asked for.
        folder: of everything that is kept.
    """

    server: LoopbackYahoo
    source: YahooSource
    warehouse: Warehouse
    naps: Naps
    first: dt.date
    folder: Path

    def another_source(self, timeout_s: float = 15.0) -> YahooSource:
        """A source with the same pace, as another process has it."""
        return _source(self.server, self.folder, self.naps, timeout_s)

    def refresh(self, ticker: str, at: dt.date | dt.datetime, through: dt.date | None = None) -> IngestReport:
        """Bring a ticker up to date on the evening of a session, or at a moment."""
        now = at if isinstance(at, dt.datetime) else after_close(at)
        self.server.now = now
        last = through or sessions.last_closed(now)
        return ingest_ticker(self.warehouse, self.source, ticker, since=self.first, through=last, now=now)

    def rows(self, table: Table, ticker: str) -> pl.DataFrame:
        """What the warehouse holds of a ticker in a table."""
        return self.warehouse.read(table, [ticker])

    def single_fetch(self, ticker: str, table: Table) -> pl.DataFrame:
        """What a new warehouse holds after one fetch at the server's time."""
        fresh = Warehouse(self.folder / f"single {self.server.now:%Y-%m-%d %H%M} {len(self.server.requests)}")
        through, now = sessions.last_closed(self.server.now), self.server.now
        ingest_ticker(fresh, self.source, ticker, since=self.first, through=through, now=now)
        return fresh.read(table, [ticker])

    def returns(self, ticker: str) -> list[float]:
        """Session-by-session returns as features see them, rounded to where float noise ends."""
        adjusted = final_bars(self.warehouse, [ticker])["adj_close"]
        return (adjusted / adjusted.shift(1) - 1).drop_nulls().round(9).to_list()


@contextmanager
def yahoo_world(folder: Path, first: dt.date, now: dt.datetime) -> Iterator[World]:
    """A world whose server runs; yfinance's memory is wiped behind it."""
    with LoopbackYahoo(now) as server:
        naps = Naps()
        yield World(server, _source(server, folder, naps), Warehouse(folder / "warehouse"), naps, first, folder)
    forget(server.listings)


def forget(tickers: Iterable[str]) -> None:
    """Wipe yfinance's memory, of which a process has one: time zones, answers and the session."""
    for ticker in tickers:
        get_tz_cache().store(ticker, None)
    tz_db_proxy.close()
    YfData.cache_get.cache_clear()
    SingletonMeta._instances.clear()


def _source(server: LoopbackYahoo, folder: Path, naps: Naps, timeout_s: float = 15.0) -> YahooSource:
    pace = Pace(folder / "pace", 2.0, naps.clock, naps.sleep)
    return YahooSource(server.url, now=lambda: server.now, pace=pace, timeout_s=timeout_s)


def levels(first: dt.date, last: dt.date, prices: Mapping[dt.date, float], volume: int = 8000) -> dict[dt.date, Trade]:
    """Trades at one price from each of some days on, so that every true return is known without a calculation."""
    made = {}
    for session in sessions.between(first, last):
        price = [level for day, level in prices.items() if day <= session][-1]
        made[session] = Trade(price, price, price, price, volume)
    return made
