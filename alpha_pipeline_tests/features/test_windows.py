import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features.windows import Highest, Lowest, Sums, Variances, lag, ratio, within

ROWS = 400
X = pl.Series(np.random.default_rng(0).lognormal(0, 1, ROWS))


def windows(n: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(X.to_numpy(), n)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7, 20, 60, 64, 252, ROWS])
def test_windows_agree_with_numpy(n: int) -> None:
    def tail(column: pl.Series) -> np.ndarray:
        assert len(column) == ROWS
        return column.to_numpy()[n - 1 :]

    np.testing.assert_allclose(tail(Sums(X)(n)), windows(n).sum(axis=1), rtol=1e-13)
    np.testing.assert_array_equal(tail(Highest(X)(n)), windows(n).max(axis=1))
    np.testing.assert_array_equal(tail(Lowest(X)(n)), windows(n).min(axis=1))
    np.testing.assert_allclose(tail(Variances(X).deviation(n)), windows(n).std(axis=1), rtol=1e-12)


def test_a_window_longer_than_the_column_has_its_length() -> None:
    for window in (Sums(X), Highest(X), Lowest(X), Variances(X).squared_deviations):
        assert len(window(ROWS + 1)) == ROWS
    assert len(lag(X, ROWS + 5)) == ROWS


def test_the_bits_of_a_window_do_not_depend_on_what_came_before() -> None:
    huge = pl.Series([1e18] * 100).append(X)

    assert Sums(huge)(60)[-1] == Sums(X)(60)[-1]
    assert Variances(huge).deviation(60)[-1] == Variances(X).deviation(60)[-1]


def test_a_missing_value_stays_within_its_windows() -> None:
    holed = X.clone()
    holed[100] = math.nan

    sums = Sums(holed)(20)

    assert sums[100:120].is_nan().all()
    assert sums[120:].equals(Sums(X)(20)[120:])


def test_a_constant_window_has_no_variance() -> None:
    assert Variances(pl.Series([12.34] * 50)).deviation(20)[30] == 0.0


def test_lag() -> None:
    assert lag(pl.Series([1.0, 2.0, 3.0, 4.0]), 2)[2:].to_list() == [1.0, 2.0]


def test_ratio_says_what_it_means_when_nothing_moved() -> None:
    top, bottom = pl.Series([1.0, 1.0, 0.0]), pl.Series([2.0, 0.0, 0.0])

    assert ratio(top, bottom, otherwise=0.5).to_list() == [0.5, 0.5, 0.5]
    assert ratio(top, bottom, otherwise=None).to_list() == [0.5, None, None]


def test_within() -> None:
    bounded = within(pl.Series([-2.0, 0.5, 3.0, math.nan]), -1.0, 1.0)

    assert bounded[:3].to_list() == [-1.0, 0.5, 1.0]
    assert math.isnan(bounded[3])
