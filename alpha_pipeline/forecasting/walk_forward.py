"""Walk-forward forecasts: every session by the models of its own fold.

The forecast of a session has the same bits wherever the data end. A matrix product may round differently for
another batch size, so sessions are forecast in batches of one size, at places counted from the fold's first
session; places without a window hold zeros.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor

from alpha_pipeline import sessions
from alpha_pipeline.datasets.samples import FloatArray, IntArray, Samples
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.events import BullEvent, SpikeEvent
from alpha_pipeline.models.predictive import SPIKE_LOG_RETURN, SPIKE_TICKERS, prob_above, quantile, standard_deviation
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import Artifact, ArtifactError
from alpha_pipeline.training.calibration import Calibration
from alpha_pipeline.training.weights import restore

BATCH: Final = 64

SCHEMA: Final = {
    "model": pl.String(),
    "ticker": pl.String(),
    "session": pl.Date(),
    "horizon": pl.Int64(),
    "expected_return": pl.Float64(),
    "forecast_vol": pl.Float64(),
    "low_90": pl.Float64(),
    "high_90": pl.Float64(),
    "prob_up": pl.Float64(),
    "prob_spike": pl.Float64(),
    "spike_threshold": pl.Float64(),
    "prob_bull": pl.Float64(),
    "bull_threshold": pl.Float64(),
    "bull_move": pl.Float64(),
    "trained_through": pl.Date(),
    "model_id": pl.String(),
    "seeds": pl.Int64(),
    "seed_spread": pl.Float64(),
}


class Distributions(NamedTuple):
    """One member's distributions of the log return, and its probability of the event, (N, H) but for `df`."""

    location: FloatArray
    scale: FloatArray
    df: FloatArray  # (H,)
    prob_event: FloatArray | None


def forecast(samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact]) -> pl.DataFrame:
    """Forecast every session that a fold covers and whose window is whole, averaged over the fold's seeds.

    The expected return is the mean over seeds, and `forecast_vol` the standard deviation of their mixture;
    probabilities are means over seeds, and so are the thresholds. `prob_spike` is the probability of the event where
    the experiment is about spikes, and the tail of the distribution for other models of ``^VIX`` and ``UVXY``; for the
    rest it and its threshold are null. `prob_bull`, its threshold and the log return that counts as a bull move
    are null unless the experiment is about bull moves.

    Args:
        samples: one ticker's data.
        experiment: what the artifacts were trained as.
        artifacts: the ticker's, of any seeds and folds.

    Returns:
        The columns of `forecasts.daily` but `made_at` and `is_live`, sorted by session and horizon.

    Raises:
        NotEnoughDataError: there is no artifact.
        ArtifactError: the weights do not fit the experiment.
    """
    ordered = sorted(artifacts, key=lambda artifact: (artifact.card.first_session, artifact.card.seed))
    if not ordered:
        raise NotEnoughDataError(f"{samples.ticker}: {experiment.name} has no trained model to forecast with")
    by_fold = groupby(ordered, key=lambda artifact: artifact.card.first_session)
    frames = [_forecast_fold(samples, experiment, list(members)) for _, members in by_fold]
    return pl.concat(frames).sort("session", "horizon")


def _forecast_fold(samples: Samples, experiment: Experiment, members: Sequence[Artifact]) -> pl.DataFrame:
    """One fold's rows, possibly none."""
    first, end = (sessions.position(day) for day in (members[0].card.first_session, members[0].card.end_session))
    rows = np.flatnonzero((samples.positions >= first) & (samples.positions < end))
    rows = rows[rows >= samples.first_usable]
    if not len(rows):
        return pl.DataFrame(schema=SCHEMA)
    slots = samples.positions[rows] - first
    made = [_forecast_member(samples, experiment, member, rows, slots) for member in members]
    return as_rows(samples, experiment, members, rows, made)


def _forecast_member(
    samples: Samples, experiment: Experiment, artifact: Artifact, rows: IntArray, slots: IntArray
) -> Distributions:
    """One member's distributions for some rows, (N, H)."""
    model, scaler = restore(experiment, artifact, len(samples.columns))
    oldest = int(rows[0]) - samples.window + 1
    inputs = samples.inputs[oldest : int(rows[-1]) + 1]
    inputs = inputs if scaler is None else scaler.apply(inputs)
    views = np.lib.stride_tricks.sliding_window_view(inputs, samples.window, axis=0)  # (N', F, T)
    parts: list[tuple[FloatArray, FloatArray]] = []
    log_odds: list[FloatArray] = []
    df = np.zeros(0)
    with torch.inference_mode(), one_thread():
        for number in np.unique(slots // BATCH):
            inside = slots // BATCH == number
            batch = np.zeros((BATCH, samples.window, inputs.shape[1]), dtype=np.float32)
            batch[slots[inside] % BATCH] = views[rows[inside] - samples.window + 1 - oldest].transpose(0, 2, 1)
            prediction = model(torch.from_numpy(batch))
            kept = torch.from_numpy(slots[inside] % BATCH)
            parts.append((_double(prediction.location[kept]), _double(prediction.log_scale[kept].exp())))
            df = _double(prediction.degrees_of_freedom)
            if prediction.event_logits is not None:
                log_odds.append(_double(prediction.event_logits[kept]))
    location, scale = (np.concatenate(column) for column in zip(*parts, strict=True))
    unit = samples.unit[rows]
    prob_event = calibrated(np.concatenate(log_odds), artifact) if log_odds else None
    return Distributions(location * unit, scale * unit, df, prob_event)


def calibrated(log_odds: FloatArray, artifact: Artifact) -> FloatArray:
    """Probabilities (N, H) of the event, as the member's validation slice corrects them."""
    said = artifact.card.event
    if said is None:
        raise ArtifactError(artifact.card.model_id, "its card says nothing of the event that it forecasts")
    columns = zip(log_odds.T, said.slopes, said.intercepts, strict=True)
    return np.column_stack([Calibration(slope, intercept).probability(odds) for odds, slope, intercept in columns])


def as_rows(
    samples: Samples,
    experiment: Experiment,
    members: Sequence[Artifact],
    rows: IntArray,
    made: Sequence[Distributions],
) -> pl.DataFrame:
    """The members' average as rows of the table."""
    location = np.stack([one.location for one in made])  # (S, N, H)
    deviation = np.stack([standard_deviation(one.scale, one.df) for one in made])
    mixture = np.sqrt((deviation**2).mean(axis=0) + location.var(axis=0))
    horizons = len(samples.horizons)
    days = [samples.sessions[row] for row in rows]
    columns = {
        "model": experiment.name,
        "ticker": samples.ticker,
        "session": [day for day in days for _ in range(horizons)],
        "horizon": list(samples.horizons) * len(days),
        "expected_return": location.mean(axis=0).ravel(),
        "forecast_vol": mixture.ravel(),
        "low_90": _mean_quantile(0.05, made).ravel(),
        "high_90": _mean_quantile(0.95, made).ravel(),
        "prob_up": _mean_prob_above(0.0, made).ravel(),
        **dict.fromkeys(("prob_spike", "spike_threshold", "prob_bull", "bull_threshold", "bull_move")),
        "trained_through": max(member.card.trained_through for member in members),
        "model_id": "+".join(member.card.model_id for member in members),
        "seeds": len(members),
        "seed_spread": location.std(axis=0).ravel(),
        **_events(samples, experiment, members, rows, made),
    }
    literals = {name: pl.lit(value, SCHEMA[name]) for name, value in columns.items() if not _is_column(value)}
    held = pl.DataFrame({name: value for name, value in columns.items() if _is_column(value)})
    return held.with_columns(**literals).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _events(
    samples: Samples,
    experiment: Experiment,
    members: Sequence[Artifact],
    rows: IntArray,
    made: Sequence[Distributions],
) -> dict[str, object]:
    """The columns of spikes or of bull moves, for what forecasts them."""
    thresholds = [member.card.event.thresholds for member in members if member.card.event]
    probabilities = [one.prob_event for one in made if one.prob_event is not None]
    if isinstance(experiment.event, BullEvent):
        return {
            "prob_bull": np.mean(probabilities, axis=0).ravel(),
            "bull_threshold": list(np.mean(thresholds, axis=0)) * len(rows),
            "bull_move": experiment.event.log_return(samples.unit[rows]).ravel(),
        }
    if isinstance(experiment.event, SpikeEvent):
        spikes = np.mean(probabilities, axis=0)
    elif samples.ticker in SPIKE_TICKERS and members[0].card.spike_thresholds:
        spikes = _mean_prob_above(SPIKE_LOG_RETURN, made)
        thresholds = [member.card.spike_thresholds for member in members if member.card.spike_thresholds]
    else:
        return {}
    return {"prob_spike": spikes.ravel(), "spike_threshold": list(np.mean(thresholds, axis=0)) * len(rows)}


def _is_column(value: object) -> bool:
    return isinstance(value, list | np.ndarray)


def _mean_prob_above(threshold: float, made: Sequence[Distributions]) -> FloatArray:
    probabilities = [prob_above(threshold, one.location, one.scale, one.df) for one in made]
    mean: FloatArray = np.mean(probabilities, axis=0)
    return mean


def _mean_quantile(probability: float, made: Sequence[Distributions]) -> FloatArray:
    """The members' quantiles, averaged: an ensemble as sharp as its members, where their mixture would be wider."""
    mean: FloatArray = np.mean([quantile(probability, one.location, one.scale, one.df) for one in made], axis=0)
    return mean


def _double(tensor: Tensor) -> FloatArray:
    return tensor.double().numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """Threads would split a product differently on another machine; one is enough for a batch."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
