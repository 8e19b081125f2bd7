"""The metrics of a forecast as functions of sums, so that they can be bootstrapped by one matrix product.

Each `Summable` gives K columns per forecast and the metric as a function of the column totals. The value on
the totals of the whole sample is that of the same name in `alpha_pipeline.evaluation.metrics`, which a test
holds.

Rank correlation and AUC are no functions of sums. They are replaced by their first-order expansion around the
sample: each forecast's own contribution to the figure (Hájek projection). Its resampling distribution is that
of the figure up to terms of order 1/n.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 1988 (AUC); Croux and Dehon, Statistical Methods and
Applications 2010 (Spearman's influence function).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Summable(NamedTuple):
    """A metric in summable form.

    Attributes:
        columns: (n, K), one row per forecast.
        statistic: totals (..., K) to the metric (...).
    """

    columns: Array
    statistic: Callable[[Array], Array]


def mean(values: Array) -> Summable:
    """The mean of a value per forecast: direction accuracy, Brier score."""
    return Summable(np.column_stack([np.ones_like(values), values]), lambda t: t[..., 1] / t[..., 0])


def share(event: Flags, *, among: Flags) -> Summable:
    """How often the event came among some forecasts: precision among the fires, recall among the events."""
    chosen = among.astype(np.float64)
    return Summable(np.column_stack([chosen, chosen * event]), lambda t: t[..., 1] / t[..., 0])


def lift(fires: Flags, event: Flags) -> Summable:
    """Precision over the base rate."""
    fired, happened = fires.astype(np.float64), event.astype(np.float64)
    columns = np.column_stack([np.ones_like(fired), fired, happened, fired * happened])
    return Summable(columns, lambda t: t[..., 3] * t[..., 0] / (t[..., 1] * t[..., 2]))


def skill(loss: Array, reference: Array) -> Summable:
    """1 - total loss / total loss of a reference: Brier skill, R2 against the naive forecast."""
    return Summable(np.column_stack([loss, reference]), lambda t: 1 - t[..., 0] / t[..., 1])


def correlation(x: Array, y: Array) -> Summable:
    """Pearson correlation."""
    # Standardised first: the raw moments of returns near zero mean would lose digits.
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()

    def pearson(t: Array) -> Array:
        n, sx, sy, sxx, syy, sxy = np.moveaxis(t, -1, 0)
        spread = (sxx - sx * sx / n) * (syy - sy * sy / n)
        return np.asarray((sxy - sx * sy / n) / np.sqrt(spread))

    return Summable(np.column_stack([np.ones_like(x), x, y, x * x, y * y, x * y]), pearson)


def rank_correlation(x: Array, y: Array) -> Summable:
    """Spearman correlation, to first order."""
    f, g = _distribution(x), _distribution(y)
    f, g = f - f.mean(), g - g.mean()
    spread = f.std() * g.std()
    rho = float(np.mean(f * g)) / spread
    # Its own product of ranks, and what its presence does to the ranks of all others.
    contribution = (f * g + _mean_above(x, g) + _mean_above(y, f)) / spread
    return mean(contribution - contribution.mean() + rho)


def area_under_roc(score: Array, event: Flags) -> Summable:
    """AUC, to first order: the mean placement of events plus that of non-events, less the AUC itself."""
    ordered_event, ordered_other = np.sort(score[event]), np.sort(score[~event])
    placement = np.where(event, _share_below(ordered_other, score), 1 - _share_below(ordered_event, score))
    value = float(placement[event].mean())
    happened = event.astype(np.float64)
    columns = np.column_stack([happened, happened * placement, 1 - happened, (1 - happened) * placement])
    return Summable(columns, lambda t: t[..., 1] / t[..., 0] + t[..., 3] / t[..., 2] - value)


def _share_below(ordered: Array, values: Array) -> Array:
    """Share of an ordered sample below each value, equal ones counting half."""
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((left + right) / (2 * len(ordered)))


def _distribution(values: Array) -> Array:
    return _share_below(np.sort(values), values)


def _mean_above(x: Array, weight: Array) -> Array:
    """For each x, the mean over the sample of `weight` where the sample's x lies above; equal ones half."""
    order = np.argsort(x, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(weight[order])])
    left, right = np.searchsorted(x[order], x, "left"), np.searchsorted(x[order], x, "right")
    return np.asarray((below[-1] - (below[left] + below[right]) / 2) / len(x))
