"""An adjusted close that is not of its close is refused by the column's name; one that is, never."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.source import FilesSource

DAYS = sessions.between(dt.date(2022, 1, 3), dt.date(2023, 12, 29))
N = len(DAYS)


def bars(level: float = 100.0, *, every: int = 63) -> pl.DataFrame:
    """Two years with a payment now and then."""
    place = pl.int_range(N)
    close = (level * (1 + 0.01 * (place * 2.4).sin()) * (1 + 0.002 * (place * 0.9).cos())).round(2)
    left = 0.99 ** ((N - 1 - place) // every)
    frame = pl.select(session=pl.Series(DAYS), close=close).with_columns(
        open="close", high=pl.col("close") + 0.02, low=pl.col("close") - 0.02, volume=pl.lit(1000), place=place
    )
    frame = frame.with_columns(adj_close=(pl.col("close") * left).round(2))
    return frame.select("session", "open", "high", "low", "close", "adj_close", "volume")


def fetch(folder: Path, rows: pl.DataFrame) -> pl.DataFrame:
    rows.rename({"session": "Date", "adj_close": "Adj Close"}).write_csv(folder / "QQQ.csv")
    return FilesSource(folder).fetch("QQQ", dt.date.min, dt.date.max).bars


@pytest.mark.parametrize(
    "wrong",
    [
        pl.col("adj_close").shift(1),
        pl.col("adj_close").shift(-1),
        pl.col("adj_close").shift(5),
        pl.col("adj_close").reverse(),
        pl.when(pl.int_range(pl.len()) < 150).then(pl.col("adj_close").shift(1)).otherwise("adj_close"),
    ],
    ids=["a row late", "a row early", "a week late", "backwards", "late in a part"],
)
def test_a_column_of_other_days_is_refused_by_name(tmp_path: Path, wrong: pl.Expr) -> None:
    with pytest.raises(SourceError, match=r"QQQ\.csv.* the column Adj Close of QQQ moves against the close on \d+ of"):
        fetch(tmp_path, bars().with_columns(adj_close=wrong))


@pytest.mark.parametrize(("level", "every"), [(100.0, 63), (100.0, 5), (1.5, 63), (0.05, 63), (5000.0, 21)])
def test_a_column_of_its_own_days_is_taken(tmp_path: Path, level: float, every: int) -> None:
    assert fetch(tmp_path, bars(level, every=every)).height == N
