"""What the validation slice says about an event's log odds: how far to trust them, and from where to fire."""

from typing import Final, NamedTuple

import numpy as np

from alpha_pipeline.datasets.samples import FloatArray

# Of slope and intercept around 1 and 0. A year holds some twenty spikes of ^VIX: believed more, it takes away skill
# that the log odds have (docs/adr/0017).
PRIOR_DEVIATION: Final = 0.1
FEWEST_FIRES: Final = 10  # a precision of fewer says nothing
NEVER: Final = 1.0  # no probability exceeds it


class Calibration(NamedTuple):
    """The probability of an event is ``sigmoid(slope * log_odds + intercept)``."""

    slope: float
    intercept: float

    def probability(self, log_odds: FloatArray) -> FloatArray:
        """Calibrated probabilities, elementwise."""
        return 1.0 / (1.0 + np.exp(-(self.slope * log_odds + self.intercept)))


def calibrate(log_odds: FloatArray, happened: FloatArray, steps: int = 50) -> Calibration:
    """Logistic regression of the event on its log odds, with a normal prior around leaving them as they are.

    A slope below 0 would turn forecasts upside down on the word of one year: it stops at 0, the base rate.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; the prior is ours.

    Args:
        log_odds: (N,), of the validation slice.
        happened: (N,), 0 or 1.
        steps: of Newton's method.
    """
    design = np.column_stack([log_odds, np.ones_like(log_odds)])  # (N, 2)
    prior, precision = np.array([1.0, 0.0]), 1.0 / PRIOR_DEVIATION**2
    found = _newton(design, happened, prior, precision, steps)
    if found[0] < 0:
        [intercept] = _newton(design[:, 1:], happened, prior[1:], precision, steps)
        return Calibration(0.0, float(intercept))
    return Calibration(float(found[0]), float(found[1]))


def _newton(design: FloatArray, happened: FloatArray, prior: FloatArray, precision: float, steps: int) -> FloatArray:
    weights = prior.copy()
    for _ in range(steps):
        probability = 1.0 / (1.0 + np.exp(-design @ weights))
        slope = design.T @ (probability - happened) + precision * (weights - prior)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design
        weights = weights - np.linalg.solve(curvature + precision * np.eye(len(weights)), slope)
    return weights


def firing_threshold(probability: FloatArray, happened: FloatArray, precision: float) -> float:
    """The lowest probability from which on the events that came are at least the stated share; `NEVER` if none is.

    Args:
        probability: (N,), of the validation slice.
        happened: (N,), 0 or 1.
        precision: stated.
    """
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    fires = np.arange(1, len(order) + 1)
    shown = np.cumsum(happened[order]) / fires
    is_last_of_equals = np.append(ranked[1:] < ranked[:-1], True)
    enough = (fires >= FEWEST_FIRES) & (shown >= precision) & is_last_of_equals
    return float(ranked[np.flatnonzero(enough)[-1]]) if enough.any() else NEVER
