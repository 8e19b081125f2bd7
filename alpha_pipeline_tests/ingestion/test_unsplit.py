"""Splits that the prices do not carry are mended where they are listed and refused where they are not."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.ingestion.quality import judge
from alpha_pipeline_tests.ingestion.walks import OHLC, THROUGH, said, times, unsplit, walk

VALUES = (*OHLC, "adj_close", "volume")


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 10.0, 20.0, 0.1, 0.2, 7 / 2, 20 / 19 * 2])
@pytest.mark.parametrize("place", [3, 40, 110, 119])
def test_a_listed_split_is_carried_through_at_any_place(ratio: float, place: int) -> None:
    truth = walk()
    judged = judge(said(unsplit(truth, ratio, place), (truth["session"][place], "split", ratio)), THROUGH)
    assert judged.refused.is_empty()
    for name in VALUES:
        np.testing.assert_allclose(judged.accepted[name], truth[name], rtol=1e-9)
    assert f"the split of {ratio:g} for 1 on {truth['session'][place]} is listed" in judged.notes[0]


def test_several_listed_splits_are_carried_through_together() -> None:
    truth = walk()
    rows = unsplit(unsplit(truth, 4.0, 30), 0.1, 80)
    actions = [(truth["session"][30], "split", 4.0), (truth["session"][80], "split", 0.1)]
    judged = judge(said(rows, *actions), THROUGH)
    np.testing.assert_allclose(judged.accepted["close"], truth["close"], rtol=1e-9)
    assert len(judged.notes) == 2


def test_a_split_listed_elsewhere_counts_too() -> None:
    truth = walk()
    judged = judge(said(unsplit(truth, 10.0, 40)), THROUGH, None, {truth["session"][40]: 10.0})
    np.testing.assert_allclose(judged.accepted["close"], truth["close"], rtol=1e-9)


def test_of_a_split_carried_into_the_adjusted_close_alone_only_the_rest_is_mended() -> None:
    truth = walk()
    raw = times(times(truth, 10.0, 0, 40, *OHLC), 0.1, 0, 40, "volume")
    judged = judge(said(raw, (truth["session"][40], "split", 10.0)), THROUGH)
    for name in VALUES:
        np.testing.assert_allclose(judged.accepted[name], truth[name], rtol=1e-9)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 4.0, 10.0, 20.0, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_before_a_jump_that_only_a_split_explains_nothing_is_taken(ratio: float, seed: int) -> None:
    truth = walk(seed=seed)
    judged = judge(said(unsplit(truth, ratio, 70)), THROUGH)
    assert judged.accepted.equals(truth[70:])
    assert judged.refused["reason"].unique().to_list() == ["unlisted_split"]
    assert f"{unsplit(truth, ratio, 70)['close'][69]:g} on {truth['session'][69]}" in judged.notes[0]


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 10.0])
def test_a_true_fall_comes_with_news_and_is_kept(ratio: float) -> None:
    """The volume of the first days is many times the usual one, and more than a split's."""
    fallen = times(walk(), 1 / ratio, 70, 120, *OHLC, "adj_close")
    news = times(times(fallen, 15.0 * ratio, 70, 73, "volume"), 3.0, 73, 120, "volume")
    assert judge(said(news), THROUGH).refused.is_empty()


def test_a_payment_in_the_adjusted_close_is_no_split() -> None:
    """KDP paid 103.75 on 123.66, MDLZ split off a third of itself; the adjusted close knows."""
    truth = walk()
    paid = times(times(truth, 3.0, 0, 70, *OHLC), 1 / 3, 0, 70, "volume")
    assert judge(said(paid), THROUGH).refused.is_empty()


def test_the_held_bars_tell_which_side_of_a_split_is_right() -> None:
    truth = walk()
    raw = unsplit(truth, 4.0, 70)
    held_before, held_after = raw.head(50), truth.tail(60)
    whole = judge(said(raw), THROUGH, held_before)
    assert whole.accepted.equals(raw.head(70))
    assert whole.refused["reason"].unique().to_list() == ["unexplained_move"]
    assert judge(said(raw), THROUGH, held_after).accepted.equals(truth[70:])


def test_an_index_is_not_split() -> None:
    rows = times(unsplit(walk(), 2.0, 70), 0.0, 0, 120, "volume")
    assert judge(said(rows, ticker="^VIX"), THROUGH).refused.is_empty()
    assert isinstance(rows["session"][0], dt.date)
    assert rows.filter(pl.col("volume") > 0).is_empty()


@pytest.mark.parametrize("own_move", [0.91, 1.1])
@pytest.mark.parametrize("ratio", [10.0, 0.1, 22.0])
def test_a_large_split_shows_on_a_day_of_panic_too(ratio: float, own_move: float) -> None:
    truth = times(walk(), own_move, 70, 120, *OHLC, "adj_close")
    judged = judge(said(unsplit(truth, ratio, 70)), THROUGH)
    assert judged.accepted.equals(truth[70:])
