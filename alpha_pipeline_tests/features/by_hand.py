"""Bars small enough to work out on paper."""

import datetime as dt

import numpy as np
import polars as pl

from alpha_pipeline.sessions import between


def from_closes(ticker: str, closes: list[float] | np.ndarray, first: dt.date = dt.date(2024, 1, 2)) -> pl.DataFrame:
    """Bars without a range at these closes, one a session."""
    days = between(first, dt.date(2026, 12, 31))[: len(closes)]
    close = pl.Series(closes, dtype=pl.Float64)
    return pl.DataFrame(
        {"ticker": [ticker] * len(close), "session": days}
        | dict.fromkeys(("open", "high", "low", "close", "adj_close"), close)
        | {"volume": [1] * len(close)}
    )


def nulls(features: pl.DataFrame, names: list[str]) -> set[str]:
    """Which of the columns are null throughout."""
    return {name for name in names if features[name].null_count() == features.height}
