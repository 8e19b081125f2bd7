"""What the loopback Yahoo knows of an instrument: its sessions as they were traded, and what it tells when."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.universe import is_index


class Quirk(StrEnum):
    """A habit of Yahoo's answers that is no failure, but has to be seen through."""

    DUPLICATE_LAST = "the last row comes twice, first with a part of its volume"
    ROW_AFTER_END = "the latest price follows the rows asked for"
    EX_DIVIDEND_ROW = "on an ex-date, before the open, a row without prices stands for the session"
    NULL_LAST = "the last row has no values"


@dataclass(frozen=True)
class Trade:
    """One session as it was traded: prices unadjusted. A None price is a hole in Yahoo's data.

    Attributes:
        adj_close: None lets the listing's dividends make it.
    """

    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: int
    adj_close: float | None = None


@dataclass
class Listing:
    """One instrument.

    Attributes:
        trades: by session, ascending.
        splits: new shares per old one, by ex-date.
        dividends: per share of that day, by ex-date.
        capital_gains: per share of that day, by ex-date; for an ETF only.
        instrument: Yahoo's instrumentType.
        timezone: the exchange's.
        late: by session, when its row appears, if that is after its open.
        corrections: by session, what it is said to have traded instead, and from when on.
        delisted: the day from which on the ticker is unknown.
        quirks: what is odd about its answers.
    """

    trades: Mapping[dt.date, Trade]
    splits: dict[dt.date, float] = field(default_factory=dict)
    dividends: dict[dt.date, float] = field(default_factory=dict)
    capital_gains: dict[dt.date, float] = field(default_factory=dict)
    instrument: str = "EQUITY"
    timezone: str = "America/New_York"
    late: dict[dt.date, dt.datetime] = field(default_factory=dict)
    corrections: dict[dt.date, tuple[dt.datetime, Trade]] = field(default_factory=dict)
    delisted: dt.date | None = None
    quirks: set[Quirk] = field(default_factory=set)

    def is_known(self, now: dt.datetime) -> bool:
        """Whether the ticker is still listed."""
        return self.delisted is None or now < opening(self.delisted)

    def known(self, now: dt.datetime) -> dict[dt.date, Trade]:
        """The trades of the sessions that have opened, as they are told at a time."""
        moment = int(now.timestamp())
        told = {day: trade for day, trade in self.trades.items() if open_stamp(day) <= moment}
        for day, appears in self.late.items():
            if appears > now:
                told.pop(day, None)
        return told | {d: trade for d, (since, trade) in self.corrections.items() if d in told and since <= now}


def trades(
    first: dt.date,
    last: dt.date,
    price: float = 100.0,
    volume: int = 1_000_000,
    splits: Mapping[dt.date, float] | None = None,
) -> dict[dt.date, Trade]:
    """A gentle wave around a price, one trade per XNYS session; every value differs from its neighbours.

    Args:
        first: first session.
        last: last session.
        price: around which it moves, before any split.
        volume: shares a day, growing a little; 0 for an index.
        splits: new shares per old one, by ex-date, from which on the stock trades lower.
    """
    made = {}
    for place, session in enumerate(sessions.between(first, last)):
        shares = math.prod(ratio for day, ratio in (splits or {}).items() if day <= session)
        close = price * (1 + 0.03 * math.sin(place / 3) + 0.001 * place) / shares
        traded = int((volume + 1000 * place) * shares) if volume else 0
        made[session] = Trade(close * 0.995, close * 1.01, close * 0.99, close, traded)
    return made


def read_listings(file: Path) -> dict[str, Listing]:
    """The listings of a Parquet file of bars, whose values are told as they stand.

    Columns: ticker, date or session, open, high, low, close, adj_close, volume. Rows of days that are no XNYS
    sessions are left out; a NaN is a hole.
    """
    bars = pl.read_parquet(file)
    day = "session" if "session" in bars.columns else "date"
    prices = [pl.col(name).cast(pl.Float64).fill_nan(None) for name in ("open", "high", "low", "close")]
    adjusted = pl.col("adj_close").cast(pl.Float64).fill_nan(None)
    rows = bars.sort(day).select(
        "ticker", pl.col(day).cast(pl.Date), *prices, pl.col("volume").cast(pl.Int64), adjusted
    )
    traded: dict[str, dict[dt.date, Trade]] = {}
    for ticker, session, *values in rows.iter_rows():
        if sessions.is_session(session):
            traded.setdefault(ticker, {})[session] = Trade(*values)
    return {ticker: _listing(ticker, days) for ticker, days in traded.items()}


def _listing(ticker: str, days: Mapping[dt.date, Trade]) -> Listing:
    if is_index(ticker):
        return Listing(days, instrument="INDEX", timezone="America/Chicago")
    return Listing(days)


@cache
def opening(session: dt.date) -> dt.datetime:
    """When the session opens (UTC)."""
    return sessions.open_time(session)


@cache
def open_stamp(session: dt.date) -> int:
    """When the session opens, in seconds since 1970."""
    return int(opening(session).timestamp())


@cache
def closing(session: dt.date) -> dt.datetime:
    """When the session closes (UTC)."""
    return sessions.close_time(session)
