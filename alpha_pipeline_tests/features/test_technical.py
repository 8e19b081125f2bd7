"""Agreement with TA-Lib, and small cases by hand."""

import datetime as dt
import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import talib

from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.features.technical import technical
from alpha_pipeline.sessions import between

SETTLED = 450


@pytest.fixture(params=["QQQ", "TSLA", "UVXY"])
def bars(request: pytest.FixtureRequest, market: pl.DataFrame) -> pl.DataFrame:
    return market.filter(pl.col("ticker") == request.param)


def oracle(bars: pl.DataFrame) -> dict[str, np.ndarray]:
    prices = adjusted(bars)
    high, low, close = (prices[name].to_numpy() for name in ("high", "low", "close"))
    volume = prices["volume"].cast(pl.Float64).to_numpy()
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    slow_k, slow_d = talib.STOCH(high, low, close, 14, 3, 0, 3, 0)
    return {
        "rsi_2": talib.RSI(close, 2),
        "rsi_7": talib.RSI(close, 7),
        "rsi_14": talib.RSI(close, 14),
        "bollinger_b_20": (close - lower) / (upper - lower),
        "bollinger_width_20": (upper - lower) / middle,
        "macd": line / close,
        "macd_signal": signal / close,
        "macd_histogram": histogram / close,
        "atr_14": talib.ATR(high, low, close, 14) / close,
        "adx_14": talib.ADX(high, low, close, 14),
        "plus_di_14": talib.PLUS_DI(high, low, close, 14),
        "minus_di_14": talib.MINUS_DI(high, low, close, 14),
        "close_to_ema_12": close / talib.EMA(close, 12) - 1,
        "close_to_ema_26": close / talib.EMA(close, 26) - 1,
        "close_to_sma_5": close / talib.SMA(close, 5) - 1,
        "close_to_sma_200": close / talib.SMA(close, 200) - 1,
        "stochastic_k_14": slow_k,
        "stochastic_d_14": slow_d,
        "williams_r_14": talib.WILLR(high, low, close, 14),
        "cci_20": talib.CCI(high, low, close, 20),
        "roc_30": talib.ROC(close, 30) / 100,
        "mfi_14": talib.MFI(high, low, close, volume, 14),
    }


def test_standard_indicators_agree_with_talib(bars: pl.DataFrame) -> None:
    features = technical(bars)
    for name, expected in oracle(bars).items():
        np.testing.assert_allclose(
            features[name].to_numpy()[SETTLED:], expected[SETTLED:], rtol=1e-7, atol=1e-8, err_msg=name
        )


def test_windows_agree_with_talib_from_the_first_value(bars: pl.DataFrame) -> None:
    features = technical(bars)
    expected = oracle(bars)
    for name in (
        "bollinger_b_20",
        "close_to_sma_5",
        "close_to_sma_200",
        "stochastic_d_14",
        "williams_r_14",
        "cci_20",
    ):
        first = int(features[name].is_not_null().arg_max() or 0)
        assert np.isnan(expected[name][first - 1]), name
        np.testing.assert_allclose(
            features[name].to_numpy()[first:], expected[name][first:], rtol=1e-7, atol=1e-8, err_msg=name
        )


def test_on_balance_volume_slope(market: pl.DataFrame) -> None:
    qqq = market.filter(pl.col("ticker") == "QQQ")
    volume = qqq["volume"].cast(pl.Float64).to_numpy()
    balance = talib.OBV(adjusted(qqq)["close"].to_numpy(), volume)
    expected = (balance[20:] - balance[:-20]) / np.convolve(volume, np.ones(20), "valid")[1:]

    np.testing.assert_allclose(technical(qqq)["obv_slope_20"].to_numpy()[20:], expected, rtol=1e-9)


def test_volatility_and_skewness(market: pl.DataFrame) -> None:
    qqq = market.filter(pl.col("ticker") == "QQQ")
    log_return = np.diff(np.log(adjusted(qqq)["close"].to_numpy()))
    last, features = log_return[-20:], technical(qqq).row(-1, named=True)

    assert features["log_return_1"] == pytest.approx(last[-1], rel=1e-12)
    assert features["log_return_20"] == pytest.approx(last.sum(), rel=1e-12)
    assert features["volatility_20"] == pytest.approx(last.std(ddof=1) * math.sqrt(252), rel=1e-12)
    third, second = ((last - last.mean()) ** 3).mean(), last.var()
    assert features["skew_20"] == pytest.approx(third / second**1.5, rel=1e-9)


def constant_range(sessions: int, *, volume: int = 1000) -> pl.DataFrame:
    """Open and close at 100, high 110, low 90, every session."""
    days = between(dt.date(2020, 1, 2), dt.date(2022, 12, 30))[:sessions]
    prices = {"open": 100.0, "high": 110.0, "low": 90.0, "close": 100.0, "adj_close": 100.0}
    return pl.DataFrame({"ticker": "A", "session": days}).with_columns(
        *(pl.lit(price).alias(name) for name, price in prices.items()), volume=pl.lit(volume)
    )


def test_a_constant_range_by_hand() -> None:
    last = technical(constant_range(450)).row(-1, named=True)

    assert last["atr_14"] == pytest.approx(0.2)
    assert last["parkinson_20"] == pytest.approx(math.log(11 / 9) / math.sqrt(4 * math.log(2)) * math.sqrt(252))
    assert last["garman_klass_20"] == pytest.approx(math.log(11 / 9) * math.sqrt(0.5 * 252))
    assert last["relative_volume_20"] == 1.0
    neutral = {
        "rsi_14": 50, "bollinger_b_20": 0.5, "stochastic_k_14": 50, "williams_r_14": -50, "cci_20": 0,
        "adx_14": 0, "mfi_14": 50, "volatility_20": 0, "volatility_ratio_5_20": 1, "skew_20": 0,
        "obv_slope_20": 0, "volume_z_20": 0, "macd": 0,
    }  # fmt: skip
    assert {name: last[name] for name in neutral} == pytest.approx(neutral)


VOLUME_FEATURES = ("mfi_14", "obv_slope_20", "relative_volume_5", "relative_volume_20", "volume_z_20")


def test_volume_features_are_null_without_volume() -> None:
    features = technical(constant_range(60, volume=0))

    assert all(features[name].null_count() == 60 for name in VOLUME_FEATURES)
    assert features["atr_14"][-1] == pytest.approx(0.2)


def test_the_volume_of_an_index_is_not_one() -> None:
    features = technical(constant_range(60).with_columns(ticker=pl.lit("^VIX")))

    assert all(features[name].null_count() == 60 for name in VOLUME_FEATURES)


def test_an_index_beside_a_fund_leaves_the_fund_its_volume(one_ticker: Callable[..., pl.DataFrame]) -> None:
    bars = pl.concat([one_ticker("XLK", 1), one_ticker("^VIX", 2)])
    features = technical(bars)

    assert features.filter(pl.col("ticker") == "XLK")["mfi_14"].null_count() == 14
    assert features.filter(pl.col("ticker") == "^VIX")["mfi_14"].is_null().all()
