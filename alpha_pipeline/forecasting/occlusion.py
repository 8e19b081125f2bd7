"""Occlusion: how far one forecast moves when an input's window is replaced by an ordinary one.

An ordinary window of a feature is the training mean, 0 once standardised. Raw bars have no such value: prices held
still would be a market without volatility, which no model ever saw. There the window is that of other sessions of the
training slice, moved so that its last value stays, and the forecast is the mean over `DONORS` of them.

Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014; the donors after the
background data of Lundberg and Lee, "A unified approach to interpreting model predictions", NeurIPS 2017. Departure:
one input or group at a time, so effects of inputs that say the same do not add up to the forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.datasets.samples import FloatArray, IntArray, Samples, SingleArray
from alpha_pipeline.forecasting.ensemble import Reader, outcome
from alpha_pipeline.models.spec import Experiment

DONORS: Final = 32


@dataclass(frozen=True)
class Effect:
    """What one input, or a group of them, did to a forecast.

    Attributes:
        name: of the input or group.
        on_return: expected return with it less without it, log return.
        on_event: probability of the event with it less without it; None where the experiment has no event.
    """

    name: str
    on_return: float
    on_event: float | None


@dataclass(frozen=True)
class Occlusion:
    """One forecast and what moved it.

    Attributes:
        expected_return: of the forecast, log return, mean over members.
        prob_event: of the event, mean over members; None where the experiment has no event.
        effects: in the order asked.
    """

    expected_return: float
    prob_event: float | None
    effects: tuple[Effect, ...]


def occlude(
    samples: Samples,
    experiment: Experiment,
    members: Sequence[Reader],
    row: int,
    horizon: int,
    hidden: Mapping[str, Sequence[int]],
    donors: IntArray,
) -> Occlusion:
    """Forecast a session once whole and once without each group, averaged over members.

    Args:
        samples: one ticker's data.
        experiment: what the members were trained as.
        members: of the session's fold.
        row: of the session in `samples`.
        horizon: place of the horizon, 0 to H - 1.
        hidden: group -> places of its inputs.
        donors: rows whose windows are ordinary ones, of the fold's training slice; unused for features.
    """
    standardised = isinstance(experiment.inputs, FeatureInputs)
    returns: list[FloatArray] = []
    events: list[FloatArray] = []
    for member in members:
        own = member.windows(samples, np.array([row]))  # (1, T, F)
        others = None if standardised else member.windows(samples, spread(donors))  # (K, T, F)
        variants = [_without(own, list(places), others) for places in hidden.values()]  # G times (1 or K, T, F)
        said = outcome(member, np.concatenate([own, *variants]))
        returns.append(_means(said.location[:, horizon], len(hidden)) * samples.unit[row, horizon])
        if said.prob_event is not None:
            events.append(_means(said.prob_event[:, horizon], len(hidden)))
    expected = np.mean(returns, axis=0)  # (1 + G,)
    probability = np.mean(events, axis=0) if events else None
    return Occlusion(
        expected_return=float(expected[0]),
        prob_event=None if probability is None else float(probability[0]),
        effects=tuple(
            Effect(
                name,
                float(expected[0] - expected[place]),
                None if probability is None else float(probability[0] - probability[place]),
            )
            for place, name in enumerate(hidden, start=1)
        ),
    )


def _without(own: SingleArray, places: Sequence[int], others: SingleArray | None) -> SingleArray:
    """The window (1, T, F) with some inputs replaced: by 0, or by those of other windows at the same last value."""
    if others is None:
        changed = own.copy()
        changed[:, :, places] = 0.0
        return changed
    changed = np.repeat(own, len(others), axis=0)  # (K, T, F)
    changed[:, :, places] = (others - others[:, -1:] + own[:, -1:])[:, :, places]
    return changed


def spread(rows: IntArray) -> IntArray:
    """`DONORS` of some ascending rows, evenly spaced; all where there are fewer."""
    chosen = np.linspace(0, len(rows) - 1, min(DONORS, len(rows))).round().astype(np.int64)
    return rows[chosen]


def _means(values: FloatArray, n_groups: int) -> FloatArray:
    """The whole window's value, and the mean of each group's, (1 + G,)."""
    means: FloatArray = values[1:].reshape(n_groups, -1).mean(axis=1)
    return np.append(values[:1], means)
