import datetime as dt
import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.signals import volatility_target as vt

Frame = Callable[..., pl.DataFrame]


def test_realised_volatility_is_the_annualised_deviation_of_the_last_twenty_returns(
    random_bars: Frame, year: tuple[dt.date, ...]
) -> None:
    closes = random_bars(year, 100.0, seed=3)["adj_close"].to_numpy()
    expected = pl.Series(np.diff(np.log(closes))).rolling_std(20, ddof=1).to_numpy() * math.sqrt(252)
    actual = vt.realised_volatility_ann(closes)
    assert np.isnan(actual[:20]).all()
    np.testing.assert_allclose(actual[20:], expected[19:], rtol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 20])
def test_too_short_a_history_has_no_size(n: int, random_bars: Frame, year: tuple[dt.date, ...]) -> None:
    assert vt.sizes(random_bars(year, 100.0, seed=3).head(n))["size_multiplier"].null_count() == n


def test_the_band_keeps_the_size_until_the_target_is_further_than_a_tenth_away() -> None:
    targets = np.array([math.nan, 0.50, 0.59, 0.41, 0.61, 0.52, 1.0, 0.90, 0.89])
    np.testing.assert_equal(vt.within_band(targets), [math.nan, 0.5, 0.5, 0.5, 0.61, 0.61, 1.0, 1.0, 0.89])


def test_a_market_that_does_not_move_is_held_whole(year: tuple[dt.date, ...]) -> None:
    flat = pl.DataFrame({"session": year, "adj_close": [100.0] * len(year)})
    assert vt.sizes(flat)["size_multiplier"].drop_nulls().unique().to_list() == [1.0]


def test_size_times_volatility_is_near_the_target_where_the_cap_does_not_bind(
    random_bars: Frame, year: tuple[dt.date, ...]
) -> None:
    bars = random_bars(year, 100.0, seed=4)
    size = vt.sizes(bars)["size_multiplier"].to_numpy()[20:]
    volatility = vt.realised_volatility_ann(bars["adj_close"].to_numpy())[20:]
    target = np.minimum(1, 0.15 / volatility)
    assert (np.abs(size - target) <= vt.BAND).all()
    assert size.min() < 0.6 < size.max()


def test_the_future_changes_no_bit(random_bars: Frame, year: tuple[dt.date, ...]) -> None:
    bars = random_bars(year, 100.0, seed=5)
    whole = vt.sizes(bars)
    for cut in range(100, 117):  # Every remainder of a vector register's width.
        assert vt.sizes(bars.head(cut)).equals(whole.head(cut))
        noise = bars.with_columns(adj_close=pl.when(pl.int_range(pl.len()) < cut).then("adj_close").otherwise(7.0))
        assert vt.sizes(noise).head(cut).equals(whole.head(cut))


def test_volatility_depends_on_its_window_only(random_bars: Frame, year: tuple[dt.date, ...]) -> None:
    closes = random_bars(year, 100.0, seed=6)["adj_close"].to_numpy()
    whole = vt.realised_volatility_ann(closes)
    for start in (1, 7, 50):
        np.testing.assert_array_equal(vt.realised_volatility_ann(closes[start:])[20:], whole[start + 20 :])
