"""Members that were never trained: random weights read the same windows, for a hundredth of the time."""

import torch

from alpha_pipeline.datasets.folds import TrainingData
from alpha_pipeline.datasets.scaling import fit_scaler
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import CODE_VERSION, Artifact, Card, EventCard, sha256
from alpha_pipeline.training.weights import encode, fresh_model


def untrained(experiment: Experiment, data: TrainingData, seed: int) -> Artifact:
    """A member of a fold as it is before its first step, with the scaler of its training slice.

    Args:
        experiment: what it would be trained as.
        data: what it would learn from.
        seed: of the weights.
    """
    scaler = fit_scaler(data.scaling_rows) if experiment.architecture.standardises else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = encode(fresh_model(experiment, data.ticker, len(data.columns)), scaler)
    n_horizons = len(data.horizons)
    card = Card(
        model_id=f"untrained{seed}",
        experiment=experiment.name,
        ticker=data.ticker,
        seed=seed,
        fold=data.fold.index,
        first_session=data.fold.first_session,
        end_session=data.fold.end_session,
        trained_through=data.trained_through,
        parent_id=None,
        config_hash="",
        data_hash="",
        code_version=CODE_VERSION,
        libraries={},
        n_training=len(data.train_rows),
        n_validation=len(data.validation_rows),
        epochs=0,
        validation_loss=0.0,
        baseline_loss=0.0,
        spike_thresholds=None,
        event=_event(experiment, n_horizons),
        weights_sha256=sha256(weights),
    )
    return Artifact(card, weights)


def _event(experiment: Experiment, n_horizons: int) -> EventCard | None:
    """Log odds as they are, and a threshold of a half."""
    if experiment.event is None:
        return None
    half, none = (0.5,) * n_horizons, (None,) * n_horizons
    return EventCard(
        kind=experiment.event.kind,
        slopes=(1.0,) * n_horizons,
        intercepts=(0.0,) * n_horizons,
        thresholds=half,
        base_rates=half,
        precisions=none,
        recalls=none,
        coverages=half,
    )
