"""The simulated bars resemble the real ones, statistic by statistic.

`STATISTICS` holds what the real daily bars of 2010-01-04 to 2025-06-30 give by the recipes in `statistics`,
and how near every one of three seeds must come over the same sessions. The tolerances are absolute. They
come from how much a statistic varies between seeds (15 years of a market hold its own crises: the volatility
of SPY varies by 0.02, its kurtosis by 6) and from where the simulation is known to be milder than reality:
volatility clusters less, single stocks have thinner tails, and calm markets are more correlated.

Meant to differ: real daily returns have a small negative autocorrelation, simulated ones have none; and the
real bars hold March 2020, which not every seed has, so kurtosis is only asked to be of the right order.
"""

import datetime as dt
import os
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.universe import MAG7, SECTORS, UNIVERSE, VIX

FIRST, LAST = dt.date(2010, 1, 4), dt.date(2025, 6, 30)
TRADABLE = [ticker for ticker in UNIVERSE if ticker not in {VIX, "UVXY"}]
Array = npt.NDArray[np.float64]

# name: (real, how near)
STATISTICS = {
    "volatility QQQ": (0.2084, 0.04),
    "volatility SPY": (0.1741, 0.04),
    "volatility NVDA": (0.4578, 0.08),
    "volatility TSLA": (0.5785, 0.12),
    "volatility XLP": (0.1381, 0.03),
    "volatility XLK": (0.2186, 0.04),
    "volatility XLU": (0.1764, 0.03),
    "volatility ^VIX": (1.244, 0.15),
    "volatility UVXY": (1.165, 0.15),
    "volatility, median ticker": (0.3, 0.04),
    "kurtosis SPY": (12.33, 9),
    "kurtosis QQQ": (7.424, 5),
    "kurtosis, median ticker": (9.108, 6),
    "autocorrelation of |r| 1 SPY": (0.3133, 0.15),
    "autocorrelation of |r| 20 SPY": (0.1643, 0.1),
    "autocorrelation of |r| 1, median ticker": (0.1899, 0.09),
    "leverage SPY": (-0.1165, 0.09),
    "overnight share of variance, median ticker": (0.3615, 0.04),
    "Parkinson over intraday variance, median ticker": (1.032, 0.08),
    "correlation QQQ SPY": (0.9319, 0.02),
    "correlation XLK QQQ": (0.9737, 0.01),
    "correlation XLU SPY": (0.5936, 0.06),
    "correlation XLE SPY": (0.6887, 0.06),
    "correlation AAPL MSFT": (0.5899, 0.08),
    "correlation KLAC LRCX": (0.8518, 0.06),
    "correlation PEP XLP": (0.813, 0.06),
    "correlation with SPY, median ticker": (0.6362, 0.06),
    "mean correlation of core, VIX low": (0.3013, 0.15),
    "mean correlation of core, VIX high": (0.5741, 0.07),
    "correlation VIX change SPY": (-0.7618, 0.14),
    "correlation UVXY VIX change": (0.8913, 0.06),
    "VIX lowest": (9.14, 1),
    "VIX median": (16.7, 2),
    "VIX 95th percentile": (31.61, 6),
    "VIX highest": (82.69, 35),
    "VIX days up > 10 %": (0.0868, 0.02),
    "VIX log level autocorrelation 1": (0.97, 0.012),
    "VIX log level autocorrelation 20": (0.6922, 0.15),
    "UVXY log return per year": (-1.637, 0.7),
    "volume, correlation of log with |r|, median ticker": (0.481, 0.05),
}


def statistics(bars: Mapping[str, pl.DataFrame]) -> dict[str, float]:
    """Statistics of daily log returns r = diff(log(adj_close)); volatilities are r.std() * sqrt(252)."""
    r = {ticker: frame["adj_close"].log().diff()[1:].to_numpy() for ticker, frame in bars.items()}
    vix = bars[VIX]["close"].to_numpy()
    overnight = {t: np.log(b["open"][1:].to_numpy() / b["close"][:-1].to_numpy()) for t, b in bars.items()}
    intraday = {t: np.log(b["close"][1:].to_numpy() / b["open"][1:].to_numpy()) for t, b in bars.items()}
    nervous = vix[:-1] > np.median(vix)
    found = {
        f"volatility {t}": float(r[t].std() * np.sqrt(252))
        for t in ("QQQ", "SPY", "NVDA", "TSLA", "XLP", "XLU", "XLK", VIX, "UVXY")
    }
    return found | {
        "volatility, median ticker": median(lambda t: r[t].std() * np.sqrt(252)),
        "kurtosis SPY": kurtosis(r["SPY"]),
        "kurtosis QQQ": kurtosis(r["QQQ"]),
        "kurtosis, median ticker": median(lambda t: kurtosis(r[t])),
        "autocorrelation of |r| 1 SPY": autocorrelation(abs(r["SPY"]), 1),
        "autocorrelation of |r| 20 SPY": autocorrelation(abs(r["SPY"]), 20),
        "autocorrelation of |r| 1, median ticker": median(lambda t: autocorrelation(abs(r[t]), 1)),
        "leverage SPY": float(np.corrcoef(r["SPY"][:-1], abs(r["SPY"][1:]))[0, 1]),
        "overnight share of variance, median ticker": median(
            lambda t: overnight[t].var() / (overnight[t].var() + intraday[t].var())
        ),
        "Parkinson over intraday variance, median ticker": median(lambda t: range_ratio(bars[t])),
        "correlation QQQ SPY": correlation(r, "QQQ", "SPY"),
        "correlation XLK QQQ": correlation(r, "XLK", "QQQ"),
        "correlation XLU SPY": correlation(r, "XLU", "SPY"),
        "correlation XLE SPY": correlation(r, "XLE", "SPY"),
        "correlation AAPL MSFT": correlation(r, "AAPL", "MSFT"),
        "correlation KLAC LRCX": correlation(r, "KLAC", "LRCX"),
        "correlation PEP XLP": correlation(r, "PEP", "XLP"),
        "correlation with SPY, median ticker": median(lambda t: correlation(r, t, "SPY")),
        "mean correlation of core, VIX low": mean_correlation(r, ~nervous),
        "mean correlation of core, VIX high": mean_correlation(r, nervous),
        "correlation VIX change SPY": correlation(r, VIX, "SPY"),
        "correlation UVXY VIX change": correlation(r, "UVXY", VIX),
        "VIX lowest": float(vix.min()),
        "VIX median": float(np.median(vix)),
        "VIX 95th percentile": float(np.quantile(vix, 0.95)),
        "VIX highest": float(vix.max()),
        "VIX days up > 10 %": float(np.mean(np.exp(r[VIX]) > 1.1)),
        "VIX log level autocorrelation 1": autocorrelation(np.log(vix), 1),
        "VIX log level autocorrelation 20": autocorrelation(np.log(vix), 20),
        "UVXY log return per year": float(r["UVXY"].mean() * 252),
        "volume, correlation of log with |r|, median ticker": median(lambda t: volume_response(bars[t], r[t])),
    }


def median(of: Callable[[str], float]) -> float:
    return float(np.median([of(ticker) for ticker in TRADABLE]))


def kurtosis(x: Array) -> float:
    """Excess: 0 for a normal law."""
    return float(((x - x.mean()) ** 4).mean() / x.var() ** 2 - 3)


def autocorrelation(x: Array, lag: int) -> float:
    return float(np.corrcoef(x[lag:], x[:-lag])[0, 1])


def correlation(r: Mapping[str, Array], one: str, other: str) -> float:
    n = min(len(r[one]), len(r[other]))  # every history ends on the same session
    return float(np.corrcoef(r[one][-n:], r[other][-n:])[0, 1])


def mean_correlation(r: Mapping[str, Array], chosen: npt.NDArray[np.bool_]) -> float:
    """Mean pairwise correlation of Magnificent Seven and sectors on chosen sessions since META's listing."""
    n = len(r["META"])
    table = np.array([r[ticker][-n:][chosen[-n:]] for ticker in (*MAG7, *SECTORS)])
    return float(np.corrcoef(table)[np.triu_indices(len(table), 1)].mean())


def range_ratio(bars: pl.DataFrame) -> float:
    """Parkinson's variance from high and low over the variance of the day; 1 for a Brownian motion."""
    parkinson = ((bars["high"] / bars["low"]).log() ** 2).mean() / (4 * np.log(2))
    return float(parkinson / ((bars["close"] / bars["open"]).log() ** 2).mean())


def volume_response(bars: pl.DataFrame, r: Array) -> float:
    level = bars["volume"].clip(1).log()
    excess = (level - level.rolling_mean(250, center=True))[1:].to_numpy()
    known = ~np.isnan(excess)
    return float(np.corrcoef(excess[known], abs(r[known]))[0, 1])


@pytest.mark.parametrize("seed", [7, 1, 2])
def test_simulated_bars_have_the_statistics_of_real_ones(seed: int) -> None:
    found = statistics(simulate(seed, last=LAST).bars)
    far = {
        name: (found[name], real, near) for name, (real, near) in STATISTICS.items() if abs(found[name] - real) > near
    }
    assert found.keys() == STATISTICS.keys()
    assert not far, "simulated, real, how near"


@pytest.mark.real_bars
def test_the_recorded_statistics_are_those_of_the_real_bars() -> None:
    path = os.environ.get("ALPHA_REAL_BARS")
    if not path:
        pytest.skip("ALPHA_REAL_BARS names no file of real bars")
    real = pl.read_parquet(path).filter(pl.col("date").is_between(FIRST, LAST)).sort("ticker", "date")
    found = statistics({ticker: real.filter(pl.col("ticker") == ticker) for ticker in UNIVERSE})
    for name, (recorded, _) in STATISTICS.items():
        assert found[name] == pytest.approx(recorded, rel=0.01, abs=0.003), name
