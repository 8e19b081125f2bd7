"""How well a pipeline forecasts one ticker out of sample, in units of its own volatility."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.samples import FloatArray, Samples
from alpha_pipeline.evaluation import metrics
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.walk import train
from alpha_pipeline.models.spec import Experiment


@dataclass(frozen=True)
class Scored:
    """Forecasts beside what came, both in units of the volatility known at the session, (n,).

    Attributes:
        rows: places of the sessions in the samples.
        expected: return.
        realised: return.
    """

    rows: FloatArray
    expected: FloatArray
    realised: FloatArray

    @property
    def ic(self) -> float:
        """Information coefficient."""
        return metrics.information_coefficient(self.expected, self.realised)

    @property
    def t_statistic(self) -> float:
        """Of the information coefficient against none: its standard error is one over the root of n."""
        return self.ic * float(np.sqrt(len(self.expected)))


def scored(pipeline: Pipeline, experiment: Experiment, samples: Samples, folds: tuple[Fold, ...]) -> Scored | None:
    """Train and forecast at the first horizon; None where there is too little to learn from or to judge by."""
    trained = train(pipeline, experiment, samples, folds)
    if not trained.members:
        return None
    made = pipeline.forecast(samples, experiment, trained.artifacts).filter(pl.col("horizon") == samples.horizons[0])
    row_of = {day: row for row, day in enumerate(samples.sessions)}
    rows = np.array([row_of[day] for day in made["session"]], dtype=np.int64)
    unit = samples.unit[rows, 0]
    realised = samples.targets[rows, 0] / unit
    known = np.isfinite(realised)
    if known.sum() < 2:
        return None
    return Scored(rows[known], (made["expected_return"].to_numpy() / unit)[known], realised[known])


def pooled(parts: Sequence[Scored]) -> Scored:
    """Several tickers' forecasts as one sample."""
    return Scored(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.expected for part in parts]),
        np.concatenate([part.realised for part in parts]),
    )
