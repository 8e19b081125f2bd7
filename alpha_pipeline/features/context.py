"""What other tickers said, put beside a ticker's own bars by session and never carried forward."""

import functools
import math
import operator
from collections.abc import Sequence

import polars as pl

from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Compute, described, usable
from alpha_pipeline.features.windows import Sums, ratio, within


def sessions_of(bars: pl.DataFrame) -> pl.DataFrame:
    """The sessions of the bars, each once, ascending."""
    return bars.select(pl.col("session").unique()).sort("session")


def features_of(
    context: pl.DataFrame, tickers: Sequence[str], features: Sequence[Feature], compute: Compute
) -> pl.DataFrame:
    """The features of some tickers of the context, each from its own bars."""
    return described(context.filter(pl.col("ticker").is_in(tickers)), features, compute)


def joined(sessions: pl.DataFrame, *parts: pl.DataFrame) -> pl.DataFrame:
    """The parts side by side, one row per session, null where a part has none."""
    return functools.reduce(
        lambda left, right: left.join(right, on="session", how="left", maintain_order="left"), parts, sessions
    )


def by_ticker(frame: pl.DataFrame, tickers: Sequence[str], sessions: pl.DataFrame) -> list[pl.DataFrame]:
    """One frame per ticker, with a row for every session, null where the ticker has none."""
    grid = pl.DataFrame({"ticker": tickers}).join(sessions, how="cross", maintain_order="left_right")
    whole = grid.join(frame, on=["ticker", "session"], how="left", maintain_order="left")
    return [whole.slice(i * sessions.height, sessions.height) for i in range(len(tickers))]


def closes(context: pl.DataFrame, tickers: Sequence[str], sessions: pl.DataFrame) -> pl.DataFrame:
    """Adjusted closes that a ticker is held against, ``close_TICKER`` by session, NaN where missing."""
    bars = adjusted(context.filter(pl.col("ticker").is_in(tickers) & usable()))
    parts = [
        bars.filter(pl.col("ticker") == ticker).select("session", pl.col("close").alias(f"close_{ticker}"))
        for ticker in tickers
    ]
    return joined(sessions, *parts).with_columns(pl.col(pl.Float64).fill_null(math.nan))


def mean(columns: Sequence[pl.Series]) -> pl.Series:
    """Row by row mean of what is not null; null where nothing is.

    Added in a fixed order: a horizontal sum may add in any order, and differ in the last bit.
    """
    total = functools.reduce(operator.add, [column.fill_null(0.0) for column in columns])
    return ratio(total, count(columns), otherwise=None)


def count(columns: Sequence[pl.Series]) -> pl.Series:
    """Row by row number of what is not null."""
    return functools.reduce(operator.add, [column.is_not_null().cast(pl.Float64) for column in columns])


def co_deviations(a: pl.Series, b: pl.Series, n: int) -> pl.Series:
    """Sum of products of both columns' deviations from their means, over the n rows that end at each row."""
    return Sums(a * b)(n) - Sums(a)(n) * Sums(b)(n) / n


def correlation(products: pl.Series, a_squares: pl.Series, b_squares: pl.Series, n: int) -> pl.Series:
    """Correlation of daily log returns over n rows; 0 where either stood still, NaN where either is missing.

    Args:
        products: `co_deviations` of the two.
        a_squares: sum of squared deviations of the one.
        b_squares: sum of squared deviations of the other.
        n: rows in the window.
    """
    return within(ratio(products, (a_squares * b_squares).sqrt(), otherwise=0.0, floor=n * SAME**2), -1.0, 1.0)
