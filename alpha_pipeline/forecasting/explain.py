"""Why a forecast is what it is: what moved it, what its model relies on, and what shows inside the network.

All of it comes from the members of the session's fold, the session's window and what the fold learned from: later bars
change no explanation. An explanation is of the model, not of the market: what a model without skill looked at explains
nothing about returns.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from alpha_pipeline.datasets.folds import TrainingData
from alpha_pipeline.datasets.samples import FloatArray, IntArray, Samples
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.ensemble import Reader, groups, learned_from, readers
from alpha_pipeline.forecasting.importance import Importance, permutation_importance
from alpha_pipeline.forecasting.occlusion import Effect, occlude
from alpha_pipeline.forecasting.walk_forward import one_thread
from alpha_pipeline.models.blocks.kan import ChebyshevKAN
from alpha_pipeline.models.hybrid import Hybrid
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.models.v17 import V17
from alpha_pipeline.training.artifact import Artifact

STRONGEST_FEATURES: Final = 10
STRONGEST_EDGES: Final = 9
EDGE_POINTS: Final = 41
_EDGE_SPAN: Final = (0.01, 0.99)  # quantiles of an edge's input over the training slice


@dataclass(frozen=True)
class Edge:
    """One learned function of a KAN's first layer.

    Attributes:
        input: what it reads, in words.
        unit: the hidden unit it adds to.
        seed: the member it belongs to; units of two members have nothing in common.
        x: points, (P,), where the input lay in training; about 1 is a usual change.
        y: what the edge adds there, (P,).
        spread: standard deviation of what it added over the training windows.
    """

    input: str
    unit: int
    seed: int
    x: FloatArray
    y: FloatArray
    spread: float


@dataclass(frozen=True)
class Explanation:
    """What is behind one forecast.

    Attributes:
        session: forecast.
        horizon: in sessions.
        window: the sessions that the model read, length T.
        expected_return: recomputed from the samples, log return.
        prob_event: of the experiment's event, if it has one.
        groups: effect of each group of inputs, strongest first.
        features: the strongest single inputs, strongest first.
        importance: of each group over the fold's validation slice, largest first.
        attention: of the last encoder layer, mean over heads and members, (T,), summing to 1; None for other models.
        edges: the strongest of the KAN's first layer; none for other models.
        looked_at: the tickers that a shared model looked at and their shares, largest first; none for other models.
    """

    session: dt.date
    horizon: int
    window: tuple[dt.date, ...]
    expected_return: float
    prob_event: float | None
    groups: tuple[Effect, ...]
    features: tuple[Effect, ...]
    importance: tuple[Importance, ...]
    attention: FloatArray | None
    edges: tuple[Edge, ...]
    looked_at: tuple[tuple[str, float], ...] = ()


def explain(
    samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact], session: dt.date, horizon: int
) -> Explanation:
    """Explain one forecast.

    Args:
        samples: one ticker's data.
        experiment: what the artifacts were trained as.
        artifacts: the members that made the forecast, one per seed.
        session: at whose close it was made.
        horizon: in sessions, one of the experiment's.

    Raises:
        NotEnoughDataError: the session has no whole window, or there is no artifact.
        ArtifactError: the weights do not fit the experiment.
    """
    members = readers(samples, experiment, artifacts)
    row = samples.sessions.index(session) if session in samples.sessions else -1
    if row < samples.first_usable:
        raise NotEnoughDataError(f"{samples.ticker}: no whole window of {samples.window} sessions ends on {session}")
    data = learned_from(samples, experiment, members[0].artifact)
    place, donors = samples.horizons.index(horizon), data.train_rows
    by_group, singly = groups(samples.columns), {name: (at,) for at, name in enumerate(samples.columns)}
    by_groups = occlude(samples, experiment, members, row, place, by_group, donors)
    by_features = occlude(samples, experiment, members, row, place, singly, donors)
    return Explanation(
        session=session,
        horizon=horizon,
        window=samples.sessions[row - samples.window + 1 : row + 1],
        expected_return=by_groups.expected_return,
        prob_event=by_groups.prob_event,
        groups=_strongest(by_groups.effects),
        features=_strongest(by_features.effects)[:STRONGEST_FEATURES],
        importance=permutation_importance(samples, members, data.validation_rows, by_group),
        attention=attention(samples, members, row),
        edges=strongest_edges(samples, members, data),
    )


def fold_importance(
    samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact], permutations: int
) -> tuple[Importance, ...]:
    """The importance of each group to one fold's members, over its validation slice.

    Raises:
        NotEnoughDataError: there is no artifact, or the data held now are too few.
        ArtifactError: the weights do not fit the experiment.
    """
    members = readers(samples, experiment, artifacts)
    data = learned_from(samples, experiment, members[0].artifact)
    return permutation_importance(samples, members, data.validation_rows, groups(samples.columns), permutations)


def attention(samples: Samples, members: Sequence[Reader], row: int) -> FloatArray | None:
    """Where the hybrid's last encoder layer looked, (T,), mean over heads and members; None for other models.

    Attention shows where a model looked and not why: other weights may give the same forecast (Jain and Wallace,
    "Attention is not explanation", NAACL 2019).
    """
    weights = []
    for member in members:
        if isinstance(member.model, Hybrid):
            windows = torch.from_numpy(member.windows(samples, np.array([row])))
            with torch.inference_mode(), one_thread():
                weights.append(member.model.attention(windows)[0].double().mean(dim=0).numpy())  # (T,)
    return np.mean(weights, axis=0) if weights else None


def strongest_edges(
    samples: Samples, members: Sequence[Reader], data: TrainingData, count: int = STRONGEST_EDGES
) -> tuple[Edge, ...]:
    """The edges of the KAN's first layer that vary most over the training windows, of all members together."""
    found = [edge for member in members for edge in _edges(samples, member, data.train_rows, count)]
    return tuple(sorted(found, key=lambda edge: -edge.spread)[:count])


def _edges(samples: Samples, member: Reader, rows: IntArray, count: int) -> list[Edge]:
    """One member's strongest edges."""
    model = member.model
    if not isinstance(model, V17) or not isinstance(model.kan, ChebyshevKAN):
        return []
    names = model.change_names([name.removeprefix("log_").removeprefix("log1p_") for name in samples.columns])
    with torch.inference_mode(), one_thread():
        inputs = model.changes(torch.from_numpy(member.windows(samples, rows)))  # (N, E)
        spreads = model.kan.edges(inputs).std(dim=0).double().numpy()  # (D, E)
        low, high = torch.quantile(inputs, torch.tensor(_EDGE_SPAN), dim=0)  # each (E,)
        points = low + (high - low) * torch.linspace(0, 1, EDGE_POINTS)[:, None]  # (P, E)
        x, y = points.double().numpy(), model.kan.edges(points).double().numpy()  # (P, E), (P, D, E)
    units, places = np.unravel_index(np.argsort(-spreads, axis=None)[:count], spreads.shape)
    return [
        Edge(names[i], int(o), member.artifact.card.seed, x[:, i], y[:, o, i], float(spreads[o, i]))
        for o, i in zip(units, places, strict=True)
    ]


def _strongest(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """By what they did to the expected return, largest first, ties in the order given."""
    return tuple(sorted(effects, key=lambda effect: -abs(effect.on_return)))
