"""Runs on another scale are refused, wherever they lie and whatever column they are of."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alpha_pipeline.ingestion.ingest import ingest
from alpha_pipeline.ingestion.quality import QUARANTINE_SCHEMA, judge
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA
from alpha_pipeline.sources.base import ANSWER_SCHEMA
from alpha_pipeline.steps.asking import calendar
from alpha_pipeline_tests.ingestion.walks import OHLC, THROUGH, said, times, walk

PRICES = (*OHLC, "adj_close")
N = 120


@given(
    seed=st.integers(0, 50),
    factor=st.sampled_from([100.0, 0.01, 10.0, 0.1, 1000.0, 25.0]),
    names=st.sampled_from([PRICES, OHLC, ("adj_close",)]),
    first=st.integers(0, N - 1),
    length=st.integers(3, N // 2 - 1),
)
@settings(max_examples=25, deadline=None)
def test_of_a_run_on_another_scale_no_row_is_taken_and_no_other_is_lost(
    seed: int, factor: float, names: tuple[str, ...], first: int, length: int
) -> None:
    truth, last = walk(N, seed=seed), min(first + length, N)
    judged = judge(said(times(truth, factor, first, last, *names)), THROUGH)
    outside = ~pl.int_range(pl.len()).is_between(first, last, closed="left")
    right = truth.filter(outside)
    assert judged.accepted.join(truth, on=list(ANSWER_SCHEMA), how="anti").is_empty()
    # One or two rows alone on a side of the run prove nothing, and may be refused with it.
    lone = [*(range(first) if first < 3 else ()), *(range(last, N) if N - last < 3 else ())]
    lost = set(right["session"]) - set(judged.accepted["session"])
    assert lost <= {truth["session"][place] for place in lone}
    assert judged.notes


@pytest.mark.parametrize(("first", "last"), [(0, 6), (57, 63), (114, 120), (0, 59), (61, 120), (30, 80)])
def test_the_reason_and_two_values_are_named(first: int, last: int) -> None:
    truth = walk(N)
    judged = judge(said(times(truth, 1000.0, first, last, *PRICES)), THROUGH)
    assert judged.refused["reason"].to_list() == ["other_scale"] * (last - first)
    [note] = judged.notes
    inside, outside = (last - 1, last) if first == 0 else (first, first - 1)
    beside = f"{truth['close'][outside]:g} on {truth['session'][outside]}"
    assert f"close {truth['close'][inside] * 1000:g} on {truth['session'][inside]}, {beside}" in note


def test_blank_adjusted_closes_filled_with_the_close_are_on_another_scale() -> None:
    truth = walk(N)
    filled = truth.with_columns(
        adj_close=pl.when(pl.int_range(pl.len()).is_between(20, 23)).then("close").otherwise("adj_close")
    )
    assert truth["close"][20] / truth["adj_close"][20] == pytest.approx(1 / 0.99)
    assert judge(said(filled), THROUGH).refused.is_empty()  # 1 % is no more than a dividend
    poor = truth.with_columns(adj_close=pl.col("adj_close") * 0.9)
    filled = filled.with_columns(
        adj_close=pl.when(pl.int_range(pl.len()).is_between(20, 23)).then("close").otherwise(poor["adj_close"])
    )
    refused = judge(said(filled), THROUGH).refused
    assert refused["session"].to_list() == truth["session"][20:24].to_list()
    assert refused["reason"].unique().to_list() == ["adj_close_other_scale"]


def test_a_true_fall_and_a_true_rise_years_apart_are_no_run() -> None:
    """By 80 % and back fivefold, each on twenty times the volume, as of a small company's news."""
    fallen = times(walk(N), 0.2, 30, 90, *PRICES)
    news = times(times(fallen, 20.0, 30, 33, "volume"), 20.0, 90, 93, "volume")
    assert judge(said(news), THROUGH).refused.is_empty()


def test_the_held_bars_tell_which_scale_is_right() -> None:
    """Of an answer of which most is in pence, a few rows that are held speak against all the others."""
    truth = walk(40)
    nothing = pl.DataFrame(schema=BARS_SCHEMA), pl.DataFrame(schema=QUARANTINE_SCHEMA)
    now = calendar.close_time(THROUGH)
    held = ingest(said(truth.head(12)), *nothing, now=now, through=THROUGH)
    pence = times(truth, 100.0, 12, 40, *PRICES)
    done = ingest(said(pence), held.bars, held.quarantine, now=now, through=THROUGH)
    assert done.bars.equals(held.bars)
    assert done.quarantine["reason"].unique().to_list() == ["other_scale"]


def test_bars_that_lost_their_volume_are_refused() -> None:
    truth = walk(N)
    judged = judge(said(times(truth, 0.0, 40, 50, "volume")), THROUGH)
    assert judged.refused["session"].to_list() == truth["session"][40:50].to_list()
    assert judged.refused["reason"].unique().to_list() == ["volume_lost"]
    assert "volume 0 on" in judged.notes[0]
    # A bar that did not move may not have traded; a currency never shows a volume.
    flat = times(truth, 0.0, 40, 50, "volume").with_columns(
        pl.when(pl.col("volume") == 0).then("close").otherwise(name).alias(name) for name in ("open", "high", "low")
    )
    assert judge(said(flat), THROUGH).refused.is_empty()
    assert judge(said(times(truth, 0.0, 0, N, "volume")), THROUGH).refused.is_empty()


def test_an_answer_of_another_calendar_is_refused_whole() -> None:
    """A day that began in Berlin is stamped in UTC with the day before: Fridays lack, and Sundays are there."""
    truth = walk(N)
    shifted = truth.with_columns(pl.col("session").dt.offset_by("-1d"))
    judged = judge(said(shifted), THROUGH)
    assert judged.accepted.is_empty()
    assert judged.refused["reason"].to_list() == ["other_calendar"] * N
    # Every day of the week, as of a coin: the sessions are kept.
    weekend = truth.filter(pl.col("session").dt.weekday() == 5).with_columns(pl.col("session").dt.offset_by("1d"))
    coin = judge(said(pl.concat([truth, weekend]).sort("session")), THROUGH)
    assert coin.accepted.equals(truth)
    assert np.isin(coin.refused["reason"].to_numpy(), ["not_a_session"]).all()
    assert f"{weekend.height} rows are of days without a session, the first Saturday" in coin.notes[0]
