"""A small synthetic market: every ticker earns its place by being awkward somewhere."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features.market_context import market_context
from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.features.sector_context import sector_context
from alpha_pipeline.features.technical import technical
from alpha_pipeline.features.volatility import volatility
from alpha_pipeline.sessions import between
from alpha_pipeline.universe import MAG7, SECTORS

SESSIONS = between(dt.date(2018, 1, 2), dt.date(2020, 6, 30))
Build = Callable[[pl.DataFrame], pl.DataFrame]


def series_bars(ticker: str, seed: int, *, drift: float = 3e-4, vol: float = 0.015, first: int = 0) -> pl.DataFrame:
    """Bars of one ticker from a random walk, not adjusted for a dividend every 63 sessions, in cents."""
    rng = np.random.default_rng(seed)
    days = SESSIONS[first:]
    n = len(days)
    close = 50 * np.exp(np.cumsum(rng.normal(drift, vol, n)))
    opened = close * np.exp(rng.normal(0, vol / 3, n))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, vol / 3, n)))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, vol / 3, n)))
    opened, high, low, close = (np.maximum(np.round(x, 2), 0.01) for x in (opened, high, low, close))
    factor = 0.995 ** ((n - 1 - np.arange(n)) // 63)
    return pl.DataFrame(
        {
            "ticker": [ticker] * n,
            "session": days,
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "adj_close": close * factor,
            "volume": rng.integers(100_000, 10_000_000, n),
        }
    )


def awkward_market() -> pl.DataFrame:
    """QQQ, SPY, the seven (one late), the sectors, ^VIX, and four that are hard on arithmetic."""
    plain = ["QQQ", "SPY", *(t for t in MAG7 if t != "TSLA"), *SECTORS]
    parts = [series_bars(ticker, seed) for seed, ticker in enumerate(plain)]
    parts.append(series_bars("TSLA", 50, vol=0.04, first=130))
    # An index: no volume, no dividends.
    vix = series_bars("^VIX", 51, drift=0, vol=0.07)
    parts.append(vix.with_columns(adj_close=pl.col("close"), volume=pl.lit(0, pl.Int64)))
    # Falls thirtyfold in a year; its early volume rounds to 0 after reverse splits.
    decay = series_bars("UVXY", 52, drift=-5e-3, vol=0.06)
    scale = pl.Series(np.exp(np.linspace(24, 20, decay.height)))
    decay = decay.with_columns(pl.col("open", "high", "low", "close", "adj_close") * scale)
    parts.append(decay.with_columns(volume=pl.when(pl.int_range(pl.len()) < 150).then(0).otherwise("volume")))
    # Trades once and then stands still without volume for 60 sessions.
    still = series_bars("HALT", 53)
    halted = pl.int_range(pl.len()).is_between(300, 359)
    price = pl.col("close").get(299)
    parts.append(
        still.with_columns(
            *(pl.when(halted).then(price).otherwise(name).alias(name) for name in ("open", "high", "low", "close")),
            pl.when(halted).then(pl.col("adj_close").get(299)).otherwise("adj_close").alias("adj_close"),
            pl.when(halted).then(0).otherwise("volume").alias("volume"),
        )
    )
    # Bars are missing here and there.
    gaps = series_bars("GAPS", 54).with_row_index()
    parts.append(gaps.filter(~pl.col("index").is_in([100, 101, 250, 400])).drop("index"))
    return pl.concat(parts).sort("ticker", "session")


@pytest.fixture(scope="session")
def market() -> pl.DataFrame:
    """The synthetic market's bars."""
    return awkward_market()


@pytest.fixture
def one_ticker() -> Callable[..., pl.DataFrame]:
    """A maker of one ticker's bars: ``one_ticker(name, seed, drift=, vol=, first=)``."""
    return series_bars


# Those that need the bars of other tickers too.
AROUND = {"market_context": market_context, "volatility": volatility, "sector_context": sector_context}


@pytest.fixture(params=["technical", "price_action", *AROUND])
def feature_set(request: pytest.FixtureRequest) -> str:
    """Each of the sets in turn."""
    return str(request.param)


@pytest.fixture
def build_within(feature_set: str) -> Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]:
    """(bars, bars of the market around) -> the features of the set."""
    if feature_set in AROUND:
        return AROUND[feature_set]
    return lambda bars, _: technical(bars) if feature_set == "technical" else price_action(bars)


@pytest.fixture
def build(build_within: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]) -> Build:
    """Bars -> the features of the set; the market around a panel is the panel itself."""
    return lambda bars: build_within(bars, bars)


@pytest.fixture(scope="session")
def real_bars() -> pl.DataFrame:
    """The real bars named by ALPHA_REAL_BARS."""
    path = os.environ.get("ALPHA_REAL_BARS")
    if not path:
        pytest.skip("ALPHA_REAL_BARS is not set")
    bars = pl.read_parquet(Path(path))
    return bars.rename({"date": "session"} if "date" in bars.columns else {}).sort("ticker", "session")
