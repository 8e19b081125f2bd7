"""A small world for the tests of the shared model: three tickers, one listed late and one within a fold."""

import datetime as dt
from functools import cache

import polars as pl

from alpha_pipeline.datasets.matrix import MatrixSamples, build_matrix
from alpha_pipeline.datasets.samples import Samples, build_samples
from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline_tests.learning_world import LAST, QUICK, random_bars

LISTED, MISSED = dt.date(2015, 6, 15), dt.date(2015, 10, 5)
AFTER = dt.date(2016, 3, 1)  # within the first fold


@cache
def experiment() -> Experiment:
    """A small experiment with a shared model."""
    return Experiment.model_validate(
        {
            "name": "small_matrix",
            "description": "",
            "architecture": {"kind": "matrix", "width": 8, "heads": 2},
            "inputs": {"kind": "raw_bars"},
            "window": 8,
            "training": QUICK,
            "tickers": ["QQQ", "CRWD", "PDD"],
            "joins_added": False,
        }
    )


def samples_from(bars: pl.DataFrame) -> Samples:
    """One ticker's samples."""
    made = experiment()
    return build_samples(bars["ticker"][0], made, {}, bars, forward(bars, made.target.horizons))


def matrix(*, last: dt.date = LAST) -> MatrixSamples:
    """QQQ whole, CRWD listed late and absent for a session, PDD listed within the first fold."""
    late = random_bars("CRWD", last=last).filter(pl.col("session") >= LISTED, pl.col("session") != MISSED)
    later = random_bars("PDD", last=last).filter(pl.col("session") >= AFTER)
    return build_matrix([samples_from(bars) for bars in (random_bars(last=last), late, later) if bars.height])
