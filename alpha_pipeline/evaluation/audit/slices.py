"""Probes: folds follow each other in time, each learns from labels known before it, and so are thresholds chosen.

The rules are worked out again here from calendar positions alone: a label of session t at horizon h is known at
t + 1 + h.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.folds import Fold, SliceRule, TrainingData
from alpha_pipeline.datasets.matrix import MatrixSamples
from alpha_pipeline.datasets.samples import NEVER, Samples
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.forecasting.ensemble import readers
from alpha_pipeline.models.predictive import SPIKE_LOG_RETURN, prob_above
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.member import Member

FOLDS: Final = "folds"
PURGE: Final = "purge"
THRESHOLDS: Final = "thresholds"


def folds(pipeline: Pipeline, first_oos: dt.date, last: dt.date) -> Finding:
    """The folds cover every session from the first out of sample on, once and in order, wherever the data end."""
    wrong: list[str] = []
    count = 0
    for months in (3, 12):
        made = pipeline.folds(last, first_oos=first_oos, retrain_months=months)
        count += len(made)
        wrong += _out_of_order(made, first_oos, last)
        for end in (day for day in calendar.between(first_oos, last)[::250]):
            early = pipeline.folds(end, first_oos=first_oos, retrain_months=months)
            if early != made[: len(early)]:
                wrong.append(f"data that end on {end} make other folds of {months} months")
    return judged(FOLDS, wrong, f"{count} folds to {last} follow each other in time", {"folds": count})


def _out_of_order(made: Sequence[Fold], first_oos: dt.date, last: dt.date) -> list[str]:
    wrong = [
        f"fold {after.index} begins on {after.first_session}, after one that ends before {before.end_session}"
        for before, after in pairwise(made)
        if after.first_session != before.end_session
    ]
    wrong += [f"fold {fold.index} ends before it begins" for fold in made if fold.end_session <= fold.first_session]
    if [fold.index for fold in made] != list(range(len(made))):
        wrong.append("the folds are not numbered in order")
    if made[0].first_session < first_oos or not made[-1].first_session <= last < made[-1].end_session:
        wrong.append(f"the folds do not cover {first_oos} to {last}")
    return wrong


def purge(
    pipeline: Pipeline,
    cases: Sequence[tuple[Experiment, Samples]],
    matrices: Sequence[tuple[Experiment, MatrixSamples]],
    made: Sequence[Fold],
) -> Finding:
    """Training labels are known, plus the embargo, before validation, and all of them before the fold.

    Args:
        pipeline: its cuts are looked at.
        cases: experiments and a ticker's samples.
        matrices: shared models and their matrices.
        made: the folds to cut for; one with too little to learn from is left out.
    """
    wrong: list[str] = []
    count = 0
    for experiment, samples in cases:
        rule = experiment.training.slice_rule
        wrong += _false_known_at(samples)
        for fold in _with_enough(samples.positions, made, rule):
            data = pipeline.cut(samples, fold, rule)
            wrong += [f"{experiment.name}, {samples.ticker}, {words}" for words in of_slices(samples, data, rule)]
            count += 1
    for experiment, matrix in matrices:
        rule = experiment.training.slice_rule
        for fold in _with_enough(matrix.positions, made, rule):
            wrong += [f"{experiment.name}, {words}" for words in _of_matrix(pipeline, matrix, fold, rule)]
            count += 1
    if not count:
        return Finding(PURGE, "nothing", "too few sessions before any fold to learn from")
    return judged(
        PURGE,
        wrong,
        f"in {count} folds training labels are known, with the embargo, before validation, and all before the fold",
        {"folds": count},
    )


def _with_enough(positions: Sequence[int] | np.ndarray, made: Sequence[Fold], rule: SliceRule) -> list[Fold]:
    """The folds with twice what a training slice needs at least before them."""
    needed = 2 * rule.minimum_training + rule.validation_sessions
    places = np.asarray(positions)
    return [fold for fold in made if (places < calendar.position(fold.first_session)).sum() >= needed]


def _false_known_at(samples: Samples) -> list[str]:
    horizons = np.array(samples.horizons)
    due = samples.positions[:, None] + 1 + horizons[None]  # (n, H)
    early = (samples.known_at != NEVER) & (samples.known_at < due)
    rows = np.flatnonzero(early.any(axis=1))
    if not len(rows):
        return []
    return [f"{samples.ticker}: {len(rows)} labels count as known too early, that of {samples.sessions[rows[0]]} first"]


def of_slices(samples: Samples, data: TrainingData, rule: SliceRule) -> list[str]:
    """What is wrong with a fold's slices, in words."""
    ahead = 1 + max(samples.horizons)
    positions = samples.positions
    begins = calendar.position(data.fold.first_session)
    train, validation = positions[data.train_rows], positions[data.validation_rows]
    fold = f"fold from {data.fold.first_session}"
    wrong = []
    if (np.concatenate([train, validation]) + ahead >= begins).any():
        wrong.append(f"{fold}: labels are used that are not known before it")
    if train.max() + ahead + rule.embargo_sessions >= validation.min():
        wrong.append(f"{fold}: training labels are not purged of validation and its embargo")
    if (np.diff(train) <= 0).any() or (np.diff(validation) <= 0).any():
        wrong.append(f"{fold}: the slices are not in order of time")
    if len(data.inputs) != data.validation_rows[-1] + 1 or len(data.targets) != len(data.inputs):
        wrong.append(f"{fold}: rows after the last label are handed to training")
    used = np.zeros(len(data.targets), dtype=bool)
    used[data.train_rows] = used[data.validation_rows] = True
    if np.isfinite(data.targets[~used]).any():
        wrong.append(f"{fold}: labels outside both slices are handed to training")
    if data.trained_through != samples.sessions[max(data.train_rows[-1], data.validation_rows[-1])]:
        wrong.append(f"{fold}: trained_through is {data.trained_through}, not the last session whose label is used")
    return wrong


def _of_matrix(pipeline: Pipeline, matrix: MatrixSamples, fold: Fold, rule: SliceRule) -> list[str]:
    data = pipeline.matrix_cut(matrix, fold, rule)
    ahead = 1 + max(matrix.horizons)
    positions = matrix.positions
    labelled = np.flatnonzero(data.labelled.any(axis=1))
    begins = calendar.position(fold.first_session)
    name = f"fold from {fold.first_session}"
    wrong = []
    if (positions[labelled] + ahead >= begins).any():
        wrong.append(f"{name}: labels are used that are not known before it")
    if positions[data.train_rows].max() + ahead + rule.embargo_sessions >= positions[data.validation_rows].min():
        wrong.append(f"{name}: training labels are not purged of validation and its embargo")
    if len(data.inputs) != data.validation_rows[-1] + 1:
        wrong.append(f"{name}: rows after the last label are handed to training")
    return wrong


def thresholds(pipeline: Pipeline, experiment: Experiment, samples: Samples, fold: Fold) -> Finding:
    """The threshold of a spike is the one that the validation slice gives, and forecasts carry it through the fold.

    Args:
        pipeline: its cut, fit and forecast are looked at.
        experiment: a quick model.
        samples: of a ticker whose spikes are forecast.
        fold: with enough to learn from before it.
    """
    data = pipeline.cut(samples, fold, experiment.training.slice_rule)
    artifact = pipeline.fit(Member(experiment, data, 0, None), None, "cpu")
    said = artifact.card.spike_thresholds
    if said is None:
        return Finding(THRESHOLDS, "nothing", f"no threshold is chosen for {samples.ticker}")
    [reader] = readers(samples, experiment, [artifact])
    rows = data.validation_rows
    prediction = reader.read(reader.windows(samples, rows))
    unit = samples.unit[rows]
    location, scale = (part.double().numpy() * unit for part in (prediction.location, prediction.log_scale.exp()))
    shown = prob_above(SPIKE_LOG_RETURN, location, scale, prediction.degrees_of_freedom.double().numpy())
    spiked = samples.targets[data.train_rows] > SPIKE_LOG_RETURN
    due = [float(np.quantile(column, 1 - rate)) for column, rate in zip(shown.T, spiked.mean(axis=0), strict=True)]
    wrong = []
    if not np.allclose(said, due, rtol=1e-3, atol=1e-6):
        wrong.append(
            f"{experiment.name}, {samples.ticker}: the threshold {said[0]:.4f} is not that of the validation slice, "
            f"{due[0]:.4f}"
        )
    made = pipeline.forecast(samples, experiment, [artifact])
    for horizon, threshold in zip(samples.horizons, said, strict=True):
        carried = made.filter(horizon=horizon)["spike_threshold"].unique().to_list()
        if carried != [threshold]:
            wrong.append(
                f"{experiment.name}, {samples.ticker}: forecasts carry other thresholds than the card's {threshold:.4f}"
            )
    return judged(
        THRESHOLDS,
        wrong,
        f"thresholds of {samples.ticker} are those of the validation slice to {data.trained_through}, all through the "
        f"fold from {fold.first_session}",
        {"threshold": said[0], "sessions": len(made["session"].unique())},
    )
