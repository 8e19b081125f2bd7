"""Made histories that look like bars, and what goes wrong with them."""

import datetime as dt

import numpy as np
import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer

START, THROUGH = dt.date(2020, 1, 2), dt.date(2021, 12, 31)
DAYS = sessions.between(START, THROUGH)
OHLC = ("open", "high", "low", "close")


def walk(n: int = 120, *, seed: int = 0, quarter: int = 63) -> pl.DataFrame:
    """A history of a stock that pays 1 % each quarter, columns of `ANSWER_SCHEMA`."""
    draw = np.random.default_rng(seed)
    close = 80.0 * np.exp(np.cumsum(draw.normal(0.0, 0.015, n)))
    opened = np.concatenate([[80.0], close[:-1]]) * np.exp(draw.normal(0.0, 0.004, n))
    reach = np.exp(np.abs(draw.normal(0.0, 0.005, (2, n))))
    to_come = (n - 1) // quarter - np.arange(n) // quarter
    frame = pl.DataFrame({
        "session": DAYS[:n],
        "open": opened,
        "high": np.maximum(opened, close) * reach[0],
        "low": np.minimum(opened, close) / reach[1],
        "close": close,
        "adj_close": close * 0.99**to_come,
        "volume": np.round(1e6 * np.exp(draw.normal(0.0, 0.3, n))),
    })  # fmt: skip
    frame = frame.with_columns(ticker=pl.lit("QQQ"), is_final=pl.lit(value=True))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())


def times(frame: pl.DataFrame, factor: float, first: int, last: int, *names: str) -> pl.DataFrame:
    """The frame with some columns times a factor in the rows from `first` to before `last`."""
    inside = pl.int_range(pl.len()).is_between(first, last, closed="left")
    return frame.with_columns(pl.when(inside).then(pl.col(n) * factor).otherwise(pl.col(n)).alias(n) for n in names)


def unsplit(frame: pl.DataFrame, ratio: float, place: int) -> pl.DataFrame:
    """The frame as before a split of `ratio` for 1 that came with a row: prices before as they were, and the volume."""
    return times(times(frame, ratio, 0, place, *OHLC, "adj_close"), 1 / ratio, 0, place, "volume")


def said(frame: pl.DataFrame, *actions: tuple[dt.date, str, float], ticker: str = "QQQ") -> Answer:
    """The frame as a source's answer."""
    named = pl.DataFrame([(ticker, *one) for one in actions], schema=ACTION_SCHEMA, orient="row")
    return Answer(ticker, frame.with_columns(ticker=pl.lit(ticker)), named, "files")
