"""Probe: the seeds of a fold are averaged, all of them, and none is picked by how it did."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.untrained import untrained
from alpha_pipeline.models.spec import Experiment

PROBE: Final = "seeds"
SAME: Final = 1e-9


def seeds(pipeline: Pipeline, experiment: Experiment, samples: Samples, fold: Fold, numbers: Sequence[int]) -> Finding:
    """Forecast a fold by several untrained members together, and by each alone.

    Args:
        pipeline: its cut and forecast are looked at.
        experiment: a network, so that seeds differ.
        samples: one ticker's.
        fold: to forecast.
        numbers: the seeds.
    """
    data = pipeline.cut(samples, fold, experiment.training.slice_rule)
    artifacts = [untrained(experiment, data, seed) for seed in numbers]
    together = pipeline.forecast(samples, experiment, artifacts)
    alone = [pipeline.forecast(samples, experiment, [artifact]) for artifact in artifacts]
    wrong = []
    named = {tuple(name.split("+")) for name in together["model_id"].unique()}
    if named != {tuple(artifact.card.model_id for artifact in artifacts)} or set(together["seeds"]) != {len(numbers)}:
        wrong.append(f"of {len(numbers)} seeds, forecasts name {'; '.join('+'.join(one) for one in sorted(named))}")
    mean = np.mean([one["expected_return"].to_numpy() for one in alone], axis=0)
    apart = (
        int((np.abs(together["expected_return"].to_numpy() - mean) > SAME).sum())
        if len(mean) == together.height
        else -1
    )
    if apart:
        wrong.append(f"the forecast is not the mean over {len(numbers)} seeds ({apart} of {len(mean)} rows)")
    return judged(
        PROBE,
        wrong,
        f"{together.height} forecasts are the mean over all {len(numbers)} seeds",
        {"seeds": len(numbers), "forecasts": together.height},
    )
