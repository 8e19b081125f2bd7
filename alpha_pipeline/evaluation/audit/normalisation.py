"""Probe: what comes after a session changes nothing in what its inputs are normalised by.

Three things are looked at: the statistics that RevIN takes of a window, the scaler of a fold, and the forecasts of
networks with random weights, which read their windows as trained ones do.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl
import torch

from alpha_pipeline.datasets.folds import Fold, TrainingData
from alpha_pipeline.datasets.samples import FloatArray, Samples, SingleArray
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.truncation import difference
from alpha_pipeline.evaluation.audit.untrained import untrained
from alpha_pipeline.models.blocks.revin import RevIN
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.member import Member

PROBE: Final = "normalisation"
PLACES: Final = 5  # rows looked at
# float32 sums of thousands of rows in another order.
SAME: Final = 1e-4


def normalisation(
    pipeline: Pipeline,
    fold: Fold,
    scaled: tuple[Experiment, Samples],
    networks: Sequence[tuple[Experiment, Samples]],
) -> Finding:
    """Disturb every input after a session and compare.

    Args:
        pipeline: its window statistics, cut, fit and forecast are looked at.
        fold: of the members.
        scaled: a quick experiment whose inputs are standardised, and its samples.
        networks: experiments with networks, and their samples; those of raw bars show their window's statistics too.
    """
    wrong = _of_scaler(pipeline, fold, *scaled)
    places = 0
    for experiment, samples in networks:
        rows = _rows(samples, fold)
        if experiment.inputs.kind == "raw_bars":
            wrong += _of_windows(pipeline, samples, rows)
        data = pipeline.cut(samples, fold, experiment.training.slice_rule)
        wrong += _of_network(pipeline, experiment, samples, data, rows)
        places += len(rows)
    names = ", ".join(experiment.name for experiment, _ in networks)
    return judged(
        PROBE,
        wrong,
        f"what follows {places} sessions changes neither the statistics of their windows nor what {names} would say, "
        "and the scaler is that of the training slice alone",
        {"sessions": places, "networks": names},
    )


def revin_statistics(inputs: SingleArray, window: int, rows: Sequence[int]) -> FloatArray:
    """Mean and standard deviation that RevIN normalises the windows ending at some rows by, (R, 2, C).

    Args:
        inputs: (n, C).
        window: T, rows in a window.
        rows: R places of last rows, each at least T - 1.
    """
    views = np.lib.stride_tricks.sliding_window_view(inputs, window, axis=0)  # (n - T + 1, C, T)
    chosen = torch.from_numpy(views[np.asarray(rows) - window + 1].transpose(0, 2, 1).copy())  # (R, T, C)
    _, stats = RevIN(inputs.shape[1]).normalise(chosen)
    return torch.cat((stats.mean, stats.std), dim=1).double().numpy()


def _rows(samples: Samples, fold: Fold) -> list[int]:
    """Places of some sessions of the fold, none of them the last that is held."""
    inside = [row for row, day in enumerate(samples.sessions) if fold.first_session <= day < fold.end_session]
    usable = [row for row in inside if samples.first_usable <= row < len(samples.sessions) - 1]
    return usable[:: max(1, len(usable) // PLACES)][:PLACES]


def _disturbed(samples: Samples, row: int) -> Samples:
    """The samples with other inputs after a row."""
    inputs = samples.inputs.copy()
    later = np.random.default_rng([row, 2]).normal(0, 1, inputs[row + 1 :].shape).astype(np.float32)
    inputs[row + 1 :] += later * (1 + np.nan_to_num(np.abs(inputs[row + 1 :])))
    return replace(samples, inputs=inputs)


def _of_windows(pipeline: Pipeline, samples: Samples, rows: Sequence[int]) -> list[str]:
    wrong = []
    for row in rows:
        before = pipeline.window_statistics(samples.inputs, samples.window, [row])
        after = pipeline.window_statistics(_disturbed(samples, row).inputs, samples.window, [row])
        if not np.array_equal(before, after):
            wrong.append(f"the statistics of {samples.ticker}'s window at {samples.sessions[row]} hold what follows it")
    return wrong


def _of_network(
    pipeline: Pipeline, experiment: Experiment, samples: Samples, data: TrainingData, rows: Sequence[int]
) -> list[str]:
    member = untrained(experiment, data, 0)
    whole = pipeline.forecast(samples, experiment, [member])
    wrong = []
    for row in rows:
        day = samples.sessions[row]
        known = pl.col("session") <= day
        again = pipeline.forecast(_disturbed(samples, row), experiment, [member])
        found = difference(again.filter(known), whole.filter(known))
        if found is not None:
            wrong.append(f"{experiment.name} at {day}: the forecast {found} once other inputs follow")
    return wrong


def _of_scaler(pipeline: Pipeline, fold: Fold, experiment: Experiment, samples: Samples) -> list[str]:
    data = pipeline.cut(samples, fold, experiment.training.slice_rule)
    tensors = pipeline.fit(Member(experiment, data, 0, None), None, "cpu").tensors()
    first, last = data.train_rows[0] - data.window + 1, data.train_rows[-1]
    rows = samples.inputs[first : last + 1].astype(np.float64)
    known = np.flatnonzero(np.isfinite(rows).any(axis=0))
    mean, std = np.nanmean(rows[:, known], axis=0), np.nanstd(rows[:, known], axis=0)
    off = np.abs(tensors["scaler.mean"][known] - mean) > SAME * (std + np.abs(mean))
    off |= (std > SAME) & (np.abs(tensors["scaler.std"][known] / np.maximum(std, SAME) - 1) > 10 * SAME)
    culprits = [samples.columns[place] for place in known[off]]
    if not culprits:
        return []
    words = f"the scaler of {len(culprits)} inputs, {culprits[0]} first, is not that of the training slice"
    return [f"{experiment.name}, {samples.ticker}: {words} to {samples.sessions[last]}"]
