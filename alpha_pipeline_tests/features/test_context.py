"""Other tickers beside a ticker's own bars: joined by session, added in one order, compared by hand."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features.context import (
    by_ticker,
    closes,
    co_deviations,
    correlation,
    count,
    joined,
    mean,
    sessions_of,
)
from alpha_pipeline.features.windows import Variances
from alpha_pipeline_tests.features.by_hand import from_closes


def test_each_session_once_ascending() -> None:
    later = from_closes("A", [1.0] * 2, first=dt.date(2024, 1, 3))

    days = sessions_of(pl.concat([later, from_closes("B", [1.0] * 2)]))["session"].to_list()
    assert days == [dt.date(2024, 1, 2), dt.date(2024, 1, 3), dt.date(2024, 1, 4)]


def test_closes_are_adjusted_and_nan_where_a_session_has_none() -> None:
    paying = from_closes("SPY", [100.0, 101.0, 102.0]).with_columns(adj_close=pl.col("close") * 0.5)
    damaged = paying.with_columns(low=pl.when(pl.int_range(pl.len()) == 1).then(0.0).otherwise("low"))
    around = pl.concat([from_closes("QQQ", [7.0]), damaged])

    beside = closes(around, ("SPY", "XLK"), sessions_of(paying))
    assert beside["close_SPY"].fill_nan(None).to_list() == [50.0, None, 51.0]
    assert beside["close_XLK"].is_nan().all()


def test_parts_are_joined_by_session_and_not_carried_forward() -> None:
    days = sessions_of(from_closes("A", [1.0] * 3))
    part = pl.DataFrame({"session": days["session"][1:2], "x": [5.0]})

    assert joined(days, part)["x"].to_list() == [None, 5.0, None]


def test_a_frame_per_ticker_has_a_row_per_session() -> None:
    days = sessions_of(from_closes("A", [1.0] * 3))
    held = from_closes("B", [1.0, 2.0]).select("ticker", "session", "close")

    absent, short = by_ticker(held, ["A", "B"], days)
    assert absent["close"].to_list() == [None] * 3
    assert short["close"].to_list() == [1.0, 2.0, None]


def test_means_are_over_what_is_there() -> None:
    columns = [pl.Series([1.0, None, None]), pl.Series([3.0, 4.0, None])]

    assert mean(columns).to_list() == [2.0, 4.0, None]
    assert count(columns).to_list() == [2.0, 1.0, 0.0]


def test_correlation_agrees_with_numpy() -> None:
    a, b = np.random.default_rng(5).normal(0, 0.01, (2, 40))
    left, right, still = pl.Series(a), pl.Series(b), pl.Series(np.zeros(40))
    n = 20

    def together(x: pl.Series, y: pl.Series) -> float:
        squares = (Variances(one).squared_deviations(n) for one in (x, y))
        return float(correlation(co_deviations(x, y, n), *squares, n)[-1])

    assert co_deviations(left, right, n)[-1] == pytest.approx(n * np.cov(a[-n:], b[-n:], ddof=0)[0, 1])
    assert together(left, right) == pytest.approx(np.corrcoef(a[-n:], b[-n:])[0, 1])
    assert together(left, still) == 0.0
    assert math.isnan(together(left, pl.Series([*b[:-1], math.nan])))
