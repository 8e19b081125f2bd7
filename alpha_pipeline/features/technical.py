"""Technical indicators: trend, momentum, volatility and volume of one ticker, without its price level.

Standard indicators follow TA-Lib's definitions (ta-lib.org), divided by the close where TA-Lib gives
prices. Multiplying all prices by a constant, or all volumes, changes nothing. Where nothing moved, an
oscillator stands in its middle.
"""

import math

import polars as pl

from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Panel, described
from alpha_pipeline.features.windows import (
    Highest,
    Lowest,
    Sums,
    Variances,
    filled,
    indicator,
    lag,
    larger,
    ratio,
    smaller,
)

RETURN_SESSIONS = (1, 2, 3, 5, 10, 20, 60, 120)
SESSIONS_A_YEAR = 252

RETURNS = tuple(Feature(f"log_return_{n}", n, f"Log return of the close over {n} session(s)") for n in RETURN_SESSIONS)
MOMENTUM = (
    Feature("roc_30", 30, "Rate of change: close over the close 30 sessions before, minus 1"),
    Feature("rsi_2", 40, "Relative strength index (Wilder), 0 to 100; 50 where nothing moved", 2),
    Feature("rsi_7", 150, "Relative strength index (Wilder), 0 to 100; 50 where nothing moved", 7),
    Feature("rsi_14", 300, "Relative strength index (Wilder), 0 to 100; 50 where nothing moved", 14),
    Feature("stochastic_k_14", 15, "Slow stochastic %K: place in the 14-session range, mean of 3, 0 to 100"),
    Feature("stochastic_d_14", 17, "Slow stochastic %D: 3-session mean of %K, 0 to 100"),
    Feature("williams_r_14", 13, "Williams %R: place in the 14-session range, -100 to 0"),
    Feature(
        "cci_20",
        19,
        "Commodity channel index: typical price from its mean, in 0.015 mean deviations",
    ),
)
TREND = (
    Feature("macd", 350, "EMA 12 minus EMA 26 of the close, over the close", 25),
    Feature("macd_signal", 400, "EMA 9 of the MACD line, over the close", 33),
    Feature("macd_histogram", 400, "MACD line minus its signal, over the close", 33),
    Feature("close_to_ema_12", 200, "Close over its EMA 12, minus 1", 11),
    Feature("close_to_ema_26", 350, "Close over its EMA 26, minus 1", 25),
    Feature("close_to_sma_5", 4, "Close over its 5-session mean, minus 1"),
    Feature("close_to_sma_10", 9, "Close over its 10-session mean, minus 1"),
    Feature("close_to_sma_20", 19, "Close over its 20-session mean, minus 1"),
    Feature("close_to_sma_50", 49, "Close over its 50-session mean, minus 1"),
    Feature("close_to_sma_200", 199, "Close over its 200-session mean, minus 1"),
    Feature("sma_20_slope", 24, "Log change of the 20-session mean over 5 sessions"),
    Feature("sma_50_slope", 59, "Log change of the 50-session mean over 10 sessions"),
    Feature("adx_14", 400, "Average directional index (Wilder), 0 to 100", 27),
    Feature("plus_di_14", 300, "Positive directional indicator (Wilder), 0 to 100", 14),
    Feature("minus_di_14", 300, "Negative directional indicator (Wilder), 0 to 100", 14),
)
VOLATILITY = (
    Feature("bollinger_b_20", 19, "Close between the bands at 2 deviations: 0 lower, 1 upper"),
    Feature("bollinger_width_20", 19, "Width of the bands at 2 deviations, over the 20-session mean"),
    Feature("atr_14", 300, "Average true range (Wilder), over the close", 14),
    Feature("volatility_5", 5, "Standard deviation of daily log returns over 5 sessions, a year"),
    Feature("volatility_20", 20, "Standard deviation of daily log returns over 20 sessions, a year"),
    Feature("volatility_60", 60, "Standard deviation of daily log returns over 60 sessions, a year"),
    Feature("volatility_ratio_5_20", 20, "5-session over 20-session volatility; 1 where nothing moved"),
    Feature("parkinson_20", 19, "Volatility from high and low over 20 sessions, a year (Parkinson, 1980)"),
    Feature("garman_klass_20", 19, "Volatility from OHLC over 20 sessions, a year (Garman and Klass, 1980)"),
    Feature("skew_20", 20, "Skewness of daily log returns over 20 sessions; 0 where nothing moved"),
)
VOLUME = (
    Feature("mfi_14", 14, "Money flow index, 0 to 100; 50 where the price stood still"),
    Feature("obv_slope_20", 20, "Mean slope of on-balance volume over 20 sessions, in mean volumes, -1 to 1"),
    Feature("relative_volume_5", 4, "Volume over its 5-session mean"),
    Feature("relative_volume_20", 19, "Volume over its 20-session mean"),
    Feature("volume_z_20", 19, "Volume from its 20-session mean, in standard deviations"),
)
FEATURES = (*RETURNS, *MOMENTUM, *TREND, *VOLATILITY, *VOLUME)


def technical(bars: pl.DataFrame) -> pl.DataFrame:
    """Technical features of each bar, known at its close.

    Args:
        bars: raw bars of any number of tickers, sorted by ticker and session.

    Returns:
        ``ticker, session`` and `FEATURES`; null in the warm-up. Volume features are null for an index and
        where nothing was traded throughout the window.
    """
    return described(bars, FEATURES, _technical)


def _technical(panel: Panel) -> dict[str, pl.Series]:
    log_return = (panel["close"] / lag(panel["close"], 1)).log()
    return {
        **_returns(panel, log_return),
        **_averages(panel),
        **_strength(panel),
        **_directional(panel),
        **_range_oscillators(panel),
        **_volatility(panel, log_return),
        **_volume(panel),
    }


def _returns(panel: Panel, log_return: pl.Series) -> dict[str, pl.Series]:
    close, returns = panel["close"], Sums(log_return)
    return {f"log_return_{n}": returns(n) for n in RETURN_SESSIONS} | {"roc_30": close / lag(close, 30) - 1.0}


def _averages(panel: Panel) -> dict[str, pl.Series]:
    """Moving averages of the close, simple and exponential, and the bands around one of them."""
    close = panel["close"]
    sums = Sums(close)
    sma = {n: sums.mean(n) for n in (5, 10, 20, 50, 200)}
    deviation = Variances(close).deviation(20)
    band = 4.0 * deviation
    ema = panel.ewm({"12": (close, 2 / 13), "26": (close, 2 / 27)}, begin=0)
    line = ema["12"] - ema["26"]
    signal = panel.ewm({"signal": (line, 2 / 10)}, begin=25)["signal"]
    return {
        **{f"close_to_sma_{n}": close / mean - 1.0 for n, mean in sma.items()},
        "sma_20_slope": (sma[20] / lag(sma[20], 5)).log(),
        "sma_50_slope": (sma[50] / lag(sma[50], 10)).log(),
        "bollinger_b_20": ratio(close - sma[20], band, otherwise=0.0, floor=SAME * close) + 0.5,
        "bollinger_width_20": band / sma[20],
        "close_to_ema_12": close / ema["12"] - 1.0,
        "close_to_ema_26": close / ema["26"] - 1.0,
        "macd": line / close,
        "macd_signal": signal / close,
        "macd_histogram": (line - signal) / close,
    }


def _strength(panel: Panel) -> dict[str, pl.Series]:
    """Relative strength index: the share of gains in Wilder's average of all moves."""
    close = panel["close"]
    change = close - lag(close, 1)
    gain = change.set(change < 0.0, 0.0)
    move = 2.0 * gain - change  # the absolute change
    lengths = (2, 7, 14)
    smooth = panel.ewm(
        {f"gain_{n}": (gain, 1 / n) for n in lengths} | {f"move_{n}": (move, 1 / n) for n in lengths}, begin=1
    )
    still = SAME * SAME * close
    return {
        f"rsi_{n}": 100.0 * ratio(smooth[f"gain_{n}"], smooth[f"move_{n}"], otherwise=0.5, floor=still) for n in lengths
    }


def true_range(panel: Panel) -> pl.Series:
    """The range of the session together with the close before."""
    before = lag(panel["close"], 1)
    return larger(panel["high"], before) - smaller(panel["low"], before)


def _directional(panel: Panel) -> dict[str, pl.Series]:
    """Wilder's directional movement system and average true range."""
    high, low, close = panel["high"], panel["low"], panel["close"]
    up, down, margin = high - lag(high, 1), lag(low, 1) - low, SAME * close
    plus = up.set(~((up > down + margin) & (up > 0.0)), 0.0)
    minus = down.set(~((down > up + margin) & (down > 0.0)), 0.0)
    wilder = 1 / 14
    smooth = panel.ewm(
        {"plus": (plus, wilder), "minus": (minus, wilder), "range": (true_range(panel), wilder)}, begin=1
    )
    still = SAME * SAME * close
    plus_di = 100.0 * ratio(smooth["plus"], smooth["range"], otherwise=0.0, floor=still)
    minus_di = 100.0 * ratio(smooth["minus"], smooth["range"], otherwise=0.0, floor=still)
    gap = plus_di - minus_di
    dx = 100.0 * ratio(larger(gap, -gap), plus_di + minus_di, otherwise=0.0)
    adx = panel.ewm({"adx": (dx, wilder)}, begin=14)["adx"]
    return {"atr_14": smooth["range"] / close, "plus_di_14": plus_di, "minus_di_14": minus_di, "adx_14": adx}


def _range_oscillators(panel: Panel) -> dict[str, pl.Series]:
    """Where the close stands in its recent range, and the typical price from its mean."""
    close = panel["close"]
    highest, lowest = Highest(panel["high"])(14), Lowest(panel["low"])(14)
    place = 100.0 * ratio(close - lowest, highest - lowest, otherwise=0.5, floor=SAME * close)
    slow = Sums(place).mean(3)
    typical = typical_price(panel)
    mean = Sums(typical).mean(20)
    scatter = 0.015 * _mean_absolute_deviation(typical, mean, 20)
    return {
        "stochastic_k_14": slow,
        "stochastic_d_14": Sums(slow).mean(3),
        "williams_r_14": place - 100.0,
        "cci_20": ratio(typical - mean, scatter, otherwise=0.0, floor=0.015 * SAME * close),
    }


def typical_price(panel: Panel) -> pl.Series:
    """The mean of high, low and close."""
    return (panel["high"] + panel["low"] + panel["close"]) / 3


def _mean_absolute_deviation(x: pl.Series, mean: pl.Series, n: int) -> pl.Series:
    """Mean distance of the last `n` values from one mean, that of the last row."""
    size = max(len(x) - n + 1, 0)
    centre = mean.slice(len(x) - size)
    total = (x.slice(0, size) - centre).abs()
    for offset in range(1, n):
        total = total + (x.slice(offset, size) - centre).abs()
    return filled(total / n, len(x))


def _volatility(panel: Panel, log_return: pl.Series) -> dict[str, pl.Series]:
    """Volatility by three estimators, a year, and the shape of the returns."""
    year = math.sqrt(SESSIONS_A_YEAR)
    spread = Variances(log_return)
    realised = {n: year * spread.deviation(n, ddof=1) for n in (5, 20, 60)}
    extent = (panel["high"] / panel["low"]).log()
    body = (panel["close"] / panel["open"]).log()
    squared = extent * extent
    return {
        **{f"volatility_{n}": value for n, value in realised.items()},
        "volatility_ratio_5_20": ratio(realised[5], realised[20], otherwise=1.0, floor=SAME),
        "parkinson_20": year * (Sums(squared).mean(20) / (4 * math.log(2))).sqrt(),
        "garman_klass_20": year * Sums(garman_klass(extent, body)).mean(20).sqrt(),
        "skew_20": _skewness(log_return, spread.squared_deviations(20) / 20, 20),
    }


def garman_klass(extent: pl.Series, body: pl.Series) -> pl.Series:
    """Variance of one session from its OHLC (Garman and Klass, 1980), without the night before it.

    Args:
        extent: log of high over low.
        body: log of close over open.
    """
    return 0.5 * (extent * extent) - (2 * math.log(2) - 1) * (body * body)


def _skewness(x: pl.Series, variance: pl.Series, n: int) -> pl.Series:
    """Third standardised moment of the last `n` values, not corrected for bias."""
    squared = x * x
    mean, second, third = Sums(x).mean(n), Sums(squared).mean(n), Sums(squared * x).mean(n)
    moment = third - 3.0 * (mean * second) + 2.0 * (mean * mean * mean)
    return ratio(moment, variance * variance.sqrt(), otherwise=0.0, floor=SAME**3)


def _volume(panel: Panel) -> dict[str, pl.Series]:
    """How much was traded, and on which side; null where nothing was."""
    volume = panel["volume"]
    sums = Sums(volume)
    mean = {n: sums.mean(n) for n in (5, 20)}
    deviation = Variances(volume).deviation(20)
    side = direction(panel["close"])
    typical = typical_price(panel)
    flow, flow_side = typical * volume, direction(typical)
    bought = Sums(flow.set(flow_side <= 0.0, 0.0))(14)
    turned = Sums(flow.set(flow_side == 0.0, 0.0))(14)
    return {
        "mfi_14": (100.0 * ratio(bought, turned, otherwise=0.5)).set(sums(14) == 0.0, None),
        "obv_slope_20": ratio(Sums(side * volume)(20), sums(20), otherwise=None),
        **{f"relative_volume_{n}": ratio(volume, mean[n], otherwise=None) for n in (5, 20)},
        "volume_z_20": ratio(volume - mean[20], deviation, otherwise=0.0).set(mean[20] == 0.0, None),
    }


def direction(price: pl.Series) -> pl.Series:
    """1 where the price rose since the row before, -1 where it fell, 0 where it stayed the same."""
    before = lag(price, 1)
    margin = SAME * before
    rose, fell = price > before + margin, price < before - margin
    return indicator(rose) - indicator(fell)
