import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from alpha_pipeline.signals import vix_regime
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.tables.signals import VIX_REGIME

Frame = Callable[..., pl.DataFrame]


@pytest.fixture
def one(forecast_rows: Frame, random_bars: Frame, year: tuple[dt.date, ...]) -> Callable[..., dict[str, Any]]:
    """The regime of the last session of a year, with one ^VIX forecast and close."""

    def build(
        close: float | None = 20.0,
        expected: float = 0.0,
        prob_spike: float | None = None,
        threshold: float | None = None,
        n_bars: int | None = None,
        *,
        forecast: bool = True,
    ) -> dict[str, Any]:
        last = year[-1]
        forecasts = forecast_rows(last, 1, {VIX: 0.5}, {VIX: expected}, prob_spike, threshold)
        closes = pl.DataFrame({"session": [last], "close": [close]}).filter(pl.col("close").is_not_null())
        bars = random_bars(year, 100.0, seed=7).tail(len(year) if n_bars is None else n_bars)
        (row,) = vix_regime.regime(forecasts if forecast else forecasts.clear(), closes, bars, [last]).to_dicts()
        return row

    return build


def test_hysteresis_by_hand() -> None:
    levels = [16, 15, 16.9, 17.1, 16, 14, 26, 22, 24, 21.9, 25, 14.9, 17, 30]
    regimes = "normal calm calm normal normal calm stressed stressed stressed normal stressed calm calm stressed"
    assert list(vix_regime.with_hysteresis(levels)) == regimes.split()


@pytest.mark.parametrize(
    ("close", "expected", "regime"),
    [
        (14.0, 0.0, "calm"),
        (14.5, math.log(1.05), "normal"),
        (24.0, 0.05, "stressed"),
        (26.0, -0.2, "stressed"),
    ],
)
def test_the_higher_of_level_and_forecast_decides(
    close: float, expected: float, regime: str, one: Callable[..., dict[str, Any]]
) -> None:
    row = one(close, expected)
    assert row["regime"] == regime
    assert row["expected_change"] == pytest.approx(math.exp(expected) - 1)


@pytest.mark.parametrize(
    ("expected", "prob_spike", "threshold", "leaves"),
    [
        (0.0, 0.11, 0.11, True),
        (0.0, 0.10, 0.11, False),
        (math.log(1.11), 0.0, 0.11, True),
        (math.log(1.09), 0.0, 0.11, False),
        (math.log(1.11), None, None, True),
        (0.0, None, None, False),
        (0.0, 0.9, None, False),
    ],
)
def test_longs_are_left_on_a_likely_spike_or_a_large_expected_rise(
    expected: float,
    prob_spike: float | None,
    threshold: float | None,
    leaves: bool,
    one: Callable[..., dict[str, Any]],
) -> None:
    assert one(20.0, expected, prob_spike, threshold)["exit_longs"] is leaves


def test_what_is_missing_is_named_and_nothing_is_guessed(one: Callable[..., dict[str, Any]]) -> None:
    blind = one(forecast=False)
    assert (blind["regime"], blind["exit_longs"], blind["missing"]) == (None, False, "^VIX forecast")
    assert blind["size_multiplier"] is not None
    unpriced = one(close=None, prob_spike=0.9, threshold=0.1)
    assert (unpriced["regime"], unpriced["exit_longs"], unpriced["missing"]) == (None, False, "^VIX close")
    young = one(n_bars=20)
    assert (young["regime"], young["size_multiplier"], young["missing"]) == ("normal", None, "QQQ bars")
    assert one(close=None, n_bars=0, forecast=False)["missing"] == "^VIX close, ^VIX forecast, QQQ bars"


def test_neither_the_future_nor_the_range_asked_for_changes_a_bit(
    random_forecasts: Frame, random_bars: Frame, year: tuple[dt.date, ...]
) -> None:
    forecasts = random_forecasts(year, (VIX,), 1, seed=8)
    swings = 20 + 8 * (pl.int_range(pl.len()) / 15).sin()
    closes = pl.DataFrame({"session": year}).with_columns(close=swings)
    bars = random_bars(year, 100.0, seed=10)
    whole = vix_regime.regime(forecasts, closes, bars, year)
    VIX_REGIME.validate(whole, "2024")
    assert set(whole["regime"].drop_nulls()) == {"calm", "normal", "stressed"}
    assert 0 < whole["exit_longs"].sum() < whole.height
    for cut in (30, 101, 222):
        until = pl.col("session") <= year[cut]
        past = (forecasts.filter(until), closes.filter(until), bars.filter(until))
        assert vix_regime.regime(*past, year[: cut + 1]).equals(whole.head(cut + 1))
        assert vix_regime.regime(*past, [year[cut]]).equals(whole.slice(cut, 1))
