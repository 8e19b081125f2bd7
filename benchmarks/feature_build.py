"""How long the five feature sets take, against a plain pandas loop over tickers.

Usage: ``python benchmarks/feature_build.py [--bars FILE.parquet]``. Without ``--bars`` it takes the file
named by ALPHA_REAL_BARS, or makes a random panel of that size (82 tickers, 3,896 sessions). Prints rows,
columns and the median of five runs. The pandas loop computes ten of the technical columns, ours all of all
five sets.
"""

import argparse
import datetime as dt
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from alpha_pipeline.features.market_context import market_context
from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.features.sector_context import sector_context
from alpha_pipeline.features.technical import technical
from alpha_pipeline.features.volatility import volatility
from alpha_pipeline.sessions import between
from alpha_pipeline.universe import CORE

RUNS = 5


def random_panel(tickers: int = 82, sessions: int = 3896) -> pl.DataFrame:
    """Random walks; the first tickers carry the names of the core."""
    rng = np.random.default_rng(0)
    days = between(dt.date(2010, 1, 4), dt.date(2035, 12, 31))[:sessions]
    names = sorted([*CORE, *(f"T{i:03d}" for i in range(tickers - len(CORE)))])
    shape = (tickers, sessions)
    close = 100 * np.exp(np.cumsum(rng.normal(3e-4, 0.015, shape), axis=1))
    opened = close * np.exp(rng.normal(0, 0.005, shape))
    high = np.maximum(opened, close) * 1.005
    low = np.minimum(opened, close) / 1.005
    prices = {"open": opened, "high": high, "low": low, "close": close, "adj_close": close}
    return pl.DataFrame(
        {"ticker": np.repeat(names, sessions), "session": days * tickers}
        | {name: values.ravel() for name, values in prices.items()}
        | {"volume": rng.integers(1_000, 10_000_000, tickers * sessions)}
    )


def load(path: str | None) -> pl.DataFrame:
    """The bars of a Parquet file, or a random panel."""
    if path is None:
        return random_panel()
    bars = pl.read_parquet(Path(path))
    return bars.rename({"date": "session"} if "date" in bars.columns else {}).sort("ticker", "session").rechunk()


def in_pandas(bars: pd.DataFrame) -> pd.DataFrame:
    """Ten technical columns the way they are usually written."""
    return pd.concat([_one_ticker(rows) for _, rows in bars.groupby("ticker", sort=False)])


def _one_ticker(rows: pd.DataFrame) -> pd.DataFrame:
    close, high, low = rows["close"], rows["high"], rows["low"]
    before, change = close.shift(1), close.diff()
    gain = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    loss = (-change).clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
    true_range = pd.concat([high - low, (high - before).abs(), (low - before).abs()], axis=1).max(axis=1)
    line = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    mean, deviation = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    log_return = np.log(close / before)
    return pd.DataFrame(
        {
            "log_return_1": log_return,
            "volatility_20": log_return.rolling(20).std() * np.sqrt(252),
            "rsi_14": 100 * gain / (gain + loss),
            "atr_14": true_range.ewm(alpha=1 / 14, adjust=False).mean() / close,
            "macd": line / close,
            "macd_signal": line.ewm(span=9, adjust=False).mean() / close,
            "close_to_sma_20": close / mean - 1,
            "close_to_sma_200": close / close.rolling(200).mean() - 1,
            "bollinger_b_20": (close - mean) / (4 * deviation) + 0.5,
            "relative_volume_20": rows["volume"] / rows["volume"].rolling(20).mean(),
        }
    )


def timed(name: str, build: Callable[[], pl.DataFrame | pd.DataFrame], keys: int) -> float:
    """Print rows, feature columns and the median time of one build."""
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        frame = build()
        seconds.append(time.perf_counter() - begin)
    median = statistics.median(seconds)
    rows, columns = frame.shape
    print(f"{name:<28} {rows:>9,} rows {columns - keys:>4} columns {median:>8.3f} s")
    return median


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    bars = load(parser.parse_args().bars)
    context = bars.filter(pl.col("ticker").is_in(CORE))
    ours = [
        timed("technical", lambda: technical(bars), 2),
        timed("price_action", lambda: price_action(bars), 2),
        timed("market_context", lambda: market_context(bars, context), 2),
        timed("volatility", lambda: volatility(bars, context), 2),
        timed("sector_context", lambda: sector_context(bars, context), 2),
    ]
    print(f"{'all five':<28} {sum(ours):>38.3f} s")
    plain = pd.DataFrame(bars.select("ticker", "high", "low", "close", "volume").to_dict(as_series=False))
    timed("pandas, ten of them", lambda: in_pandas(plain), 0)


if __name__ == "__main__":
    main()
