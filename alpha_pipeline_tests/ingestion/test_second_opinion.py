"""A second opinion: what is compared, what counts as a disagreement, and what may be filled."""

import datetime as dt

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA
from alpha_pipeline.ingestion.second_opinion import closes, disagreements, fill_missing, is_of_the_same_series

# Twelve sessions of January 2024, closing at 20, 21, ...
DAYS = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 1, 18))


def vix(source: str, days: tuple[dt.date, ...] = DAYS, *, partial: tuple[dt.date, ...] = ()) -> pl.DataFrame:
    level = [20.0 + DAYS.index(day) for day in days]
    rows = pl.DataFrame({"session": days, "close": level}, schema={"session": pl.Date, "close": pl.Float64})
    bars = rows.with_columns(
        ticker=pl.lit("^VIX"),
        open=pl.col("close"),
        high=pl.col("close") + 1,
        low=pl.col("close") - 1,
        adj_close=pl.col("close"),
        volume=0,
        source=pl.lit(source),
        fetched_at=dt.datetime(2024, 1, 19, tzinfo=dt.UTC),
        is_final=~pl.col("session").is_in(partial),
    )
    return bars.select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items())


def closing(bars: pl.DataFrame, at: dict[dt.date, float]) -> pl.DataFrame:
    """The same bars with other closes."""
    return bars.with_columns(close=pl.col("session").replace_strict(at, default=pl.col("close")))


def test_a_difference_beyond_a_tenth_of_a_percent_is_a_disagreement() -> None:
    bars = closing(vix("yahoo"), {DAYS[0]: 20.019, DAYS[1]: 21.042, DAYS[2]: 21.9})
    found = disagreements(bars, vix("cboe"))
    assert found.columns == ["session", "close", "opinion_close", "difference"]
    assert found.rows() == [
        (DAYS[1], 21.042, 21.0, pytest.approx(0.002)),
        (DAYS[2], 21.9, 22.0, pytest.approx(-0.1 / 22)),
    ]
    assert disagreements(bars, vix("cboe"), tolerance=0.003)["session"].to_list() == [DAYS[2]]


def test_only_sessions_that_both_hold_are_compared() -> None:
    assert closes(vix("yahoo", DAYS[:6]), vix("cboe", DAYS[4:]))["session"].to_list() == list(DAYS[4:6])


def test_a_bar_that_is_not_final_is_not_compared() -> None:
    assert closes(vix("yahoo", partial=DAYS[-1:]), vix("cboe"))["session"].to_list() == list(DAYS[:-1])


def test_a_bar_filled_from_the_opinion_does_not_confirm_it() -> None:
    bars = pl.concat([vix("yahoo", DAYS[:6]), vix("cboe", DAYS[6:7])])
    assert closes(bars, vix("cboe"))["session"].to_list() == list(DAYS[:6])


def test_gaps_and_the_newest_sessions_are_filled_and_nothing_before_the_first_bar() -> None:
    held = vix("yahoo", (*DAYS[2:5], *DAYS[6:9]))
    filled = fill_missing(held, vix("cboe"), DAYS[10])
    assert dict(filled.schema) == BARS_SCHEMA
    assert filled["session"].to_list() == [DAYS[5], DAYS[9], DAYS[10]]
    assert filled["source"].unique().to_list() == ["cboe"]
    assert filled["is_final"].all()
    assert filled["close"].to_list() == [25.0, 29.0, 30.0]


def test_a_held_bar_is_never_replaced_not_even_one_that_is_not_final() -> None:
    assert fill_missing(vix("yahoo", partial=DAYS[-1:]), vix("cboe"), DAYS[-1]).is_empty()


def test_an_opinion_of_a_session_still_trading_fills_nothing() -> None:
    assert fill_missing(vix("yahoo", DAYS[:-1]), vix("cboe", partial=DAYS[-1:]), DAYS[-1]).is_empty()


def test_nothing_is_filled_where_nothing_is_held() -> None:
    assert fill_missing(vix("yahoo", ()), vix("cboe"), DAYS[-1]).is_empty()


@pytest.mark.parametrize(("n_apart", "is_same"), [(0, True), (1, True), (2, False), (11, False)])
def test_an_opinion_of_another_series_fills_nothing(n_apart: int, *, is_same: bool) -> None:
    """One in ten of the eleven compared may differ: another index, or another market, is no stand-in."""
    held = vix("yahoo", DAYS[:-1])
    opinion = closing(vix("cboe"), dict.fromkeys(DAYS[:n_apart], 35.0))
    assert is_of_the_same_series(held, opinion) is is_same
    assert fill_missing(held, opinion, DAYS[-1]).height == int(is_same)
