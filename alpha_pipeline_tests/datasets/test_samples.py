"""Samples: what is in a row, from when a label is known, and that later bars change no bit."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.datasets.samples import NEVER, VOL_FLOOR, build_samples, trailing_vol
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline_tests.learning_world import LAST, experiment, features_of, random_bars, samples_of


def test_raw_bars_are_logs_of_adjusted_prices() -> None:
    made = experiment("v17")
    bars = random_bars().with_columns(adj_close=pl.col("close") / 2)
    samples = build_samples("QQQ", made, {}, bars, forward(bars))
    expected = np.log(np.array(bars.select("open", "high", "low", "close").row(30)) / 2)
    np.testing.assert_allclose(samples.inputs[30, :4], expected, rtol=1e-6)
    assert samples.inputs[30, 4] == np.float32(np.log1p(bars["volume"][30]))


def test_a_null_feature_stays_unknown_and_shortens_nothing_later() -> None:
    bars = random_bars()
    frame = features_of(bars).with_columns(x0=pl.when(pl.int_range(pl.len()) == 100).then(None).otherwise("x0"))
    samples = build_samples("QQQ", experiment("ridge"), {"technical": frame}, bars, forward(bars))
    assert np.isnan(samples.inputs[100]).tolist() == [True, False, False, False]
    assert samples.columns == ("technical.x0", "technical.x1", "technical.x2", "technical.x3")


def test_the_first_usable_row_has_a_whole_window_past_the_warm_up() -> None:
    bars = random_bars()
    warming = pl.int_range(pl.len()) < 50
    frame = features_of(bars).with_columns(
        pl.when(warming).then(None).otherwise(f"x{i}").alias(f"x{i}") for i in range(4)
    )
    samples = build_samples("QQQ", experiment("ridge", window=8), {"technical": frame}, bars, forward(bars))
    assert samples.first_usable == 50 + 8 - 1


def test_labels_are_open_to_open_for_a_fund_and_close_to_close_for_an_index() -> None:
    made = experiment("v17")
    for ticker, price, shift in (("QQQ", "open", 1), ("^VIX", "close", 0)):
        bars = random_bars(ticker)
        logs = np.log(bars[price].to_numpy())
        labels = build_samples(ticker, made, {}, bars, forward(bars)).targets[:, 1]  # horizon 5
        assert labels[40] == pytest.approx(logs[45 + shift] - logs[40 + shift])


def test_a_label_is_known_at_the_open_that_completes_it() -> None:
    samples = samples_of(experiment("v17"))
    row = 40
    assert samples.known_at[row].tolist() == [samples.positions[row] + 2, samples.positions[row] + 6]
    assert samples.known_at[-2].tolist() == [NEVER, NEVER]
    assert np.isnan(samples.targets[-2]).all()


def test_volatility_by_hand() -> None:
    returns = np.array([0.01] * 20 + [0.03, 0.0])
    vol = trailing_vol(100 * np.exp(np.append(0.0, returns.cumsum())))
    assert np.isnan(vol[:20]).all()
    assert vol[20] == pytest.approx(0.01)
    assert vol[21] == pytest.approx(np.sqrt(0.94 * 0.01**2 + 0.06 * 0.03**2))
    assert vol[22] == pytest.approx(np.sqrt(0.94) * vol[21])


def test_a_split_in_two_or_four_leaves_every_bit_of_volatility() -> None:
    prices = 100 * np.exp(np.random.default_rng(3).normal(0, 0.02, 300).cumsum())
    assert np.array_equal(trailing_vol(prices), trailing_vol(prices / 4), equal_nan=True)


def test_a_halted_stock_has_the_smallest_volatility_not_zero() -> None:
    assert (trailing_vol(np.full(60, 50.0))[20:] == VOL_FLOOR).all()


@pytest.mark.parametrize("kind", ["hybrid", "v17"])
def test_cutting_the_future_changes_no_bit(kind: str) -> None:
    cut = dt.date(2016, 9, 14)
    whole, short = samples_of(experiment(kind)), samples_of(experiment(kind), last=cut)
    n = len(short.sessions)
    assert whole.first_usable == short.first_usable
    for name in ("inputs", "vol", "positions"):
        np.testing.assert_array_equal(getattr(whole, name)[:n], getattr(short, name))
    known = short.known_at <= sessions.position(cut)
    np.testing.assert_array_equal(whole.targets[:n][known], short.targets[known])
    assert np.isnan(short.targets[~known]).all()


def test_missing_bars_and_feature_sets_are_named() -> None:
    bars = random_bars()
    with pytest.raises(NotEnoughDataError, match="TSLA: no bars"):
        build_samples("TSLA", experiment("ridge"), {}, bars, forward(bars))
    with pytest.raises(NotEnoughDataError, match="QQQ: the feature set technical"):
        build_samples("QQQ", experiment("ridge"), {}, bars, forward(bars))
    with pytest.raises(NotEnoughDataError, match="QQQ: small_v17 needs targets at horizon 5"):
        build_samples("QQQ", experiment("v17"), {}, bars, forward(bars, (1,)))
    assert bars["session"].max() == LAST
