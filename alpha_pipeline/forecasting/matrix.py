"""Walk-forward forecasts of a shared model: all its tickers at once, each session by the models of its own fold.

As in `walk_forward`, a forecast has the same bits wherever the data end: batches of one size, and the tickers of a
fold are those that its models learned from, whoever is listed later.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, cast

import numpy as np
import polars as pl
import torch
from torch import Tensor

from alpha_pipeline import sessions
from alpha_pipeline.datasets.matrix import BoolArray, MatrixSamples
from alpha_pipeline.datasets.samples import FloatArray, IntArray
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.walk_forward import BATCH, SCHEMA, Distributions, as_rows, one_thread
from alpha_pipeline.models.matrix import MatrixTransformer
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.weights import restore


class _Said(NamedTuple):
    """What one member says of R sessions, in units of volatility."""

    location: FloatArray  # (R, N, H)
    scale: FloatArray  # (R, N, H)
    df: FloatArray  # (H,)


def forecast_matrix(samples: MatrixSamples, experiment: Experiment, artifacts: Iterable[Artifact]) -> pl.DataFrame:
    """Forecast every ticker at every session that a fold covers and where it has a bar, averaged over the seeds.

    A ticker's first fold is the first that had a label of it to learn from.

    Args:
        samples: of all tickers that the models learned from.
        experiment: what the artifacts were trained as.
        artifacts: of any seeds and folds.

    Returns:
        The columns of `forecasts.daily` but `made_at` and `is_live`, sorted by ticker, session and horizon.

    Raises:
        NotEnoughDataError: there is no artifact, or a ticker that one learned from is not held.
        ArtifactError: the weights do not fit the experiment.
    """
    frames = [_forecast_fold(samples, experiment, members) for members in _by_fold(experiment, artifacts)]
    return pl.concat(frames).sort("ticker", "session", "horizon")


def looked_at(
    samples: MatrixSamples, experiment: Experiment, artifacts: Iterable[Artifact], count: int
) -> pl.DataFrame:
    """Which tickers each ticker looked at: the newest fold's attention over tickers on the newest sessions.

    A weight says where a model looked and not why: other weights may give the same forecast (Jain and Wallace,
    "Attention is not explanation", NAACL 2019).

    Args:
        samples: of all tickers that the models learned from.
        experiment: what the artifacts were trained as.
        artifacts: of any seeds and folds; the newest fold's are used.
        count: sessions to average over, the last that are held.

    Returns:
        Columns ticker, looked_at and weight: the mean over heads, seeds and the sessions where the ticker has a bar;
        a ticker's weights sum to 1, its own among them.

    Raises:
        NotEnoughDataError: there is no artifact, or a ticker that one learned from is not held.
        ArtifactError: the weights do not fit the experiment.
    """
    members = _by_fold(experiment, artifacts)[-1]
    own = samples.only(members[0].card.tickers)
    rows = np.flatnonzero(own.usable.any(axis=1))[-count:]
    maps = [_attention(own, experiment, member, rows) for member in members]
    here = own.present[rows].sum(axis=0)  # (N,), sessions with a bar
    weights = np.sum(maps, axis=(0, 1)) / (len(members) * np.maximum(here, 1)[:, None])  # (N, N)
    pairs = [(a, b) for a in np.flatnonzero(here) for b in range(len(own.tickers))]
    return pl.DataFrame(
        {
            "ticker": [own.tickers[a] for a, _ in pairs],
            "looked_at": [own.tickers[b] for _, b in pairs],
            "weight": [float(weights[pair]) for pair in pairs],
        },
        schema={"ticker": pl.String(), "looked_at": pl.String(), "weight": pl.Float64()},
    )


def _by_fold(experiment: Experiment, artifacts: Iterable[Artifact]) -> list[list[Artifact]]:
    """The members of each fold in the order of their seeds, folds in order."""
    ordered = sorted(artifacts, key=lambda artifact: (artifact.card.first_session, artifact.card.seed))
    if not ordered:
        raise NotEnoughDataError(f"{experiment.name} has no trained model to forecast with")
    return [list(members) for _, members in groupby(ordered, key=lambda artifact: artifact.card.first_session)]


def _forecast_fold(samples: MatrixSamples, experiment: Experiment, members: Sequence[Artifact]) -> pl.DataFrame:
    """One fold's rows, possibly none."""
    card = members[0].card
    first, end = sessions.position(card.first_session), sessions.position(card.end_session)
    own = samples.only(card.tickers)
    usable = own.usable & ((own.positions >= first) & (own.positions < end))[:, None]  # (n, N)
    rows = np.flatnonzero(usable.any(axis=1))
    frames = [pl.DataFrame(schema=SCHEMA)]
    if len(rows):
        said = [_read(own, experiment, member, rows, own.positions[rows] - first) for member in members]
        frames += [_ticker_rows(own, experiment, members, rows, usable, said, ticker) for ticker in own.tickers]
    return pl.concat(frames)


def _ticker_rows(
    own: MatrixSamples,
    experiment: Experiment,
    members: Sequence[Artifact],
    rows: IntArray,
    usable: BoolArray,
    said: Sequence[_Said],
    ticker: str,
) -> pl.DataFrame:
    """One ticker's rows, possibly none."""
    place, samples = own.tickers.index(ticker), own.of(ticker)
    here = usable[rows, place]
    if not here.any():
        return pl.DataFrame(schema=SCHEMA)
    unit = samples.unit[rows[here]]  # (R', H)
    made = [
        Distributions(one.location[here, place] * unit, one.scale[here, place] * unit, one.df, None) for one in said
    ]
    return as_rows(samples, experiment, members, rows[here], made)


def _read(own: MatrixSamples, experiment: Experiment, artifact: Artifact, rows: IntArray, slots: IntArray) -> _Said:
    """One member's distributions for some rows."""
    model, _ = restore(experiment, artifact, len(own.columns))
    with torch.inference_mode(), one_thread():
        parts = [(model(batch), kept) for batch, kept in _batches(own, rows, slots)]
    return _Said(
        location=np.concatenate([said.location[kept].double().numpy() for said, kept in parts]),
        scale=np.concatenate([said.log_scale[kept].double().exp().numpy() for said, kept in parts]),
        df=parts[0][0].degrees_of_freedom.double().numpy(),
    )


def _attention(own: MatrixSamples, experiment: Experiment, artifact: Artifact, rows: IntArray) -> FloatArray:
    """One member's attention over tickers, (R, N, N)."""
    model = cast(MatrixTransformer, restore(experiment, artifact, len(own.columns))[0])
    with torch.inference_mode(), one_thread():
        batches = _batches(own, rows, np.arange(len(rows)))
        maps: FloatArray = np.concatenate([model.ticker_attention(b)[kept].double().numpy() for b, kept in batches])
    return maps


def _batches(own: MatrixSamples, rows: IntArray, slots: IntArray) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows (BATCH, T, N, C) at their slots, with nobody in the others; and which slots, in the order of the rows."""
    oldest = int(rows[0]) - own.window + 1
    inputs = own.inputs[oldest : int(rows[-1]) + 1]
    views = np.lib.stride_tricks.sliding_window_view(inputs, own.window, axis=0)  # (n', N, C, T)
    for number in np.unique(slots // BATCH):
        inside = slots // BATCH == number
        batch = np.full((BATCH, own.window, *inputs.shape[1:]), np.nan, dtype=np.float32)
        batch[slots[inside] % BATCH] = views[rows[inside] - own.window + 1 - oldest].transpose(0, 3, 1, 2)
        yield torch.from_numpy(batch), torch.from_numpy(slots[inside] % BATCH)
