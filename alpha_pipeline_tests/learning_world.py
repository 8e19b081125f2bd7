"""A small market for the tests of what learns: random bars, features of which one knows the future, experiments."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.datasets.folds import Fold, walk_forward_folds
from alpha_pipeline.datasets.samples import Samples, build_samples
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.models.spec import Experiment

FIRST = dt.date(2013, 1, 2)
LAST = dt.date(2017, 6, 30)
QUICK = {
    "validation_sessions": 60,
    "minimum_samples": 200,
    "epochs": 3,
    "warm_epochs": 2,
    "batch_size": 64,
    "learning_rate": 1e-3,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "hybrid": {"kind": "hybrid", "width": 8, "heads": 2},
    "v17": {"kind": "v17", "width": 4},
    "ridge": {"kind": "ridge"},
    "lightgbm": {"kind": "lightgbm", "most_trees": 60, "learning_rate": 0.1, "fewest_in_leaf": 20},
    "expanding_mean": {"kind": "expanding_mean"},
    "last_value": {"kind": "last_value"},
    "sniper": {"kind": "hybrid", "width": 8, "heads": 2},
    "spotter": {"kind": "hybrid", "width": 8, "heads": 2},
    "v17_no_revin": {"kind": "v17", "width": 4, "revin": False},
    "v17_no_kan": {"kind": "v17", "width": 4, "kan": False},
}
TRAINED = tuple(name for name, values in ARCHITECTURES.items() if values["kind"] in {"hybrid", "v17"})
EVENTS: dict[str, dict[str, Any]] = {
    "sniper": {"kind": "bull", "move": 0.5, "precision": 0.4},
    "spotter": {"kind": "spike", "rise": 0.01},
}


def experiment(kind: str, *, window: int = 8, training: Mapping[str, object] | None = None) -> Experiment:
    """A small experiment of an architecture."""
    raw = ARCHITECTURES[kind]["kind"] in {"v17", "expanding_mean", "last_value"}
    return Experiment.model_validate(
        {
            "name": f"small_{kind}",
            "description": "",
            "architecture": ARCHITECTURES[kind],
            "inputs": {"kind": "raw_bars"} if raw else {"kind": "features", "sets": ["technical"]},
            "window": window,
            "event": EVENTS.get(kind),
            "training": QUICK | dict(training or {}),
            "tickers": ["QQQ"],
        }
    )


def random_bars(ticker: str = "QQQ", *, last: dt.date = LAST, level: float = 100.0, seed: int = 0) -> pl.DataFrame:
    """Bars of a random walk of 1 % a session; cutting `last` changes no bar before it."""
    rng = np.random.default_rng([seed, *ticker.encode()])
    whole = sessions.between(FIRST, LAST)
    moves = rng.normal(0, 0.01, (len(whole), 4))
    close = level * np.exp(np.cumsum(moves[:, 0]))
    opened = close * np.exp(0.3 * moves[:, 1])
    frame = pl.DataFrame(
        {
            "ticker": [ticker] * len(whole),
            "session": whole,
            "open": opened,
            "high": np.maximum(opened, close) * np.exp(np.abs(moves[:, 2])),
            "low": np.minimum(opened, close) * np.exp(-np.abs(moves[:, 3])),
            "close": close,
            "adj_close": close,
            "volume": rng.integers(1_000, 9_000, len(whole)),
        }
    )
    return frame.filter(pl.col("session") <= last)


def features_of(bars: pl.DataFrame, *, knowing: float = 0.0) -> pl.DataFrame:
    """Three noise columns and, where `knowing` is above 0, one that correlates with the next open-to-open return."""
    whole = random_bars(bars["ticker"][0])
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(whole.height, 4))
    opened = np.log(whole["open"].to_numpy())
    following = np.append(opened[2:] - opened[1:-1], [0.0, 0.0]) / 0.01
    noise[:, 3] = knowing * following + (1 - knowing) * noise[:, 3]
    columns = {f"x{i}": noise[:, i] for i in range(4)}
    keys = whole.select("ticker", "session")
    return keys.with_columns(**{k: pl.Series(v) for k, v in columns.items()}).head(bars.height)


def samples_of(
    made: Experiment, ticker: str = "QQQ", *, last: dt.date = LAST, level: float = 100.0, knowing: float = 0.0
) -> Samples:
    """The samples of an experiment when the data end at `last`."""
    bars = random_bars(ticker, last=last, level=level)
    features = {"technical": features_of(bars, knowing=knowing)}
    return build_samples(ticker, made, features, bars, forward(bars, made.target.horizons))


def folds_to(last: dt.date = LAST) -> tuple[Fold, ...]:
    """Half-yearly folds from 2016."""
    return walk_forward_folds(last, retrain_months=6)
