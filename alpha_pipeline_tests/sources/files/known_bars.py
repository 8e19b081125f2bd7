"""Known bars that the tests write in other dresses, and what the source makes of them."""

import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.sources.files.source import FilesSource

FIRST, LAST = dt.date(1990, 1, 2), dt.date(2035, 12, 31)
PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "adj_close", "volume")


def known(
    n: int = 60, *, ticker: str = "QQQ", first: dt.date = dt.date(2023, 7, 3), level: float = 370.0
) -> pl.DataFrame:
    """Bars of `n` sessions with two decimals, an adjusted close of four and whole volumes of eight digits."""
    days = sessions.between(first, sessions.offset(first, n - 1))
    close = [round(level * (1 + 0.01 * ((7 * i) % 11 - 5)), 2) for i in range(n)]
    rows = [
        {
            "ticker": ticker,
            "session": day,
            "open": round(price * 0.99, 2),
            "high": round(price * 1.02, 2),
            "low": round(price * 0.98, 2),
            "close": price,
            "adj_close": round(price * (0.98 if i < n // 2 else 1.0), 4),
            "volume": float(19_432_900 + 1_000_100 * i),
        }
        for i, (day, price) in enumerate(zip(days, close, strict=True))
    ]
    return pl.DataFrame(rows)


def answer(path: Path, ticker: str = "QQQ") -> Answer:
    return FilesSource(path).fetch(ticker, FIRST, LAST)


def lines(bars: pl.DataFrame, cell: Callable[[dict[str, object]], Iterable[object]], delimiter: str = ",") -> list[str]:
    """One line for each bar; `cell` gives its fields."""
    return [delimiter.join(str(field) for field in cell(row)) for row in bars.iter_rows(named=True)]


def csv(path: Path, header: str, rows: Iterable[str], *, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([header, *rows, ""]).encode(encoding))
    return path


def assert_is(path: Path, bars: pl.DataFrame, *, adjusted: bool = True, volume: bool = True) -> Answer:
    """The source reads the bars of one ticker at the path, exactly and without a note."""
    [ticker] = bars["ticker"].unique()
    got = answer(path, ticker)
    names = [*PRICES, *(["volume"] if volume else [])]
    read = got.bars.sort("session")
    assert read["session"].to_list() == bars["session"].to_list()
    for name in names:
        assert read[name].to_list() == bars[name].to_list(), name
    assert read["adj_close"].to_list() == bars["adj_close" if adjusted else "close"].to_list()
    assert got.notes == ()
    return got
