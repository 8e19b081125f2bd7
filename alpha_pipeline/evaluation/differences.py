"""Differences: by how much one thing beats another, and whether the sessions held can tell.

Both are drawn on the same sessions, in blocks, so what moves both cancels. A difference is `better` or `worse`
when its interval at 95 % leaves out 0, and else undecided: that is no evidence of equality. How small a true
difference would be found is said beside it.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student_t

from alpha_pipeline.evaluation.bootstrap import LEVEL, MEAN_BLOCK, interval, resampled_totals, sums_by_session
from alpha_pipeline.evaluation.linearised import Summable
from alpha_pipeline.evaluation.metrics import sharpe
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR

Array = NDArray[np.float64]
Verdict = Literal["better", "worse", "undecided"]

POWER: Final = 0.8


@dataclass(frozen=True)
class Difference:
    """The advantage of a over b.

    Attributes:
        value: above 0 where a is better.
        ci_low: of the interval at 95 %; NaN where it is undefined.
        ci_high: likewise.
        p_value: two-sided, of no difference; NaN where it is undefined.
        minimum_detectable: a true difference as large is found with a probability of 80 % at 5 %, two-sided.
        n: forecasts of each, or sessions.
    """

    value: float
    ci_low: float
    ci_high: float
    p_value: float
    minimum_detectable: float
    n: int

    @property
    def verdict(self) -> Verdict:
        """`better` where the whole interval is above 0, `worse` where it is below."""
        return "better" if self.ci_low > 0 else "worse" if self.ci_high < 0 else "undecided"


def detectable(standard_error: float) -> float:
    """The smallest difference found with a probability of 80 % at 5 %, two-sided: 2.80 standard errors.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988; normal approximation.
    """
    return float(norm.ppf((1 + LEVEL) / 2) + norm.ppf(POWER)) * standard_error


def judged(value: float, draws: Array, n: int) -> Difference:
    """A difference from its value and its values on the resamples, (n_resamples,)."""
    ci = interval(draws)
    if not math.isfinite(ci.low):
        return Difference(value, math.nan, math.nan, math.nan, math.nan, n)
    defined = draws[np.isfinite(draws)]
    # One resample more, the sample itself, so that the p-value is never 0.
    tails = ((np.count_nonzero(side) + 1) / (len(defined) + 1) for side in (defined <= 0, defined >= 0))
    return Difference(value, ci.low, ci.high, min(1.0, 2 * min(tails)), detectable(float(np.std(defined, ddof=1))), n)


def widening(n_sessions: int) -> float:
    """How much wider an interval from few blocks has to be: Student's quantile over the normal one.

    With as many degrees of freedom as there are blocks, less one. On noise through 18 months (19 blocks) percentile
    intervals miss 0 in 8 to 9 % of cases, and so widened in about 5 to 7 %; through nine years it changes 1 %.
    """
    freedom = max(1.0, n_sessions / MEAN_BLOCK - 1)
    quantile = (1 + LEVEL) / 2
    return float(student_t.ppf(quantile, freedom) / norm.ppf(quantile))


class Paired(NamedTuple):
    """One figure of two forecasters or strategies, as functions of sums; (n, K) columns each."""

    a: Summable
    b: Summable


def paired_difference(parts: list[Paired], session: NDArray[np.int64]) -> list[Difference]:
    """The differences a - b of several figures on the same rows.

    Args:
        parts: the figures; every row of columns is one forecast, or one session of two ledgers.
        session: (n,) ascending: which session each row belongs to. Sessions are drawn, not rows.
    """
    columns = [side.columns for part in parts for side in part]
    sums = sums_by_session(session, np.hstack(columns))  # (n_sessions, K)
    edges = np.cumsum([own.shape[1] for own in columns])[:-1]
    whole = np.split(sums.sum(axis=0), edges)
    drawn = np.split(resampled_totals(sums), edges, axis=1)  # 2 per part, (R, K) each
    found = []
    for place, part in enumerate(parts):
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (side.statistic(whole[2 * place + i]) for i, side in enumerate(part))
            draws = part.a.statistic(drawn[2 * place]) - part.b.statistic(drawn[2 * place + 1])
        value = float(a - b)
        found.append(judged(value, value + widening(len(sums)) * (draws - value), len(session)))
    return found


def sharpe_form(returns: Array) -> Summable:
    """The annualised Sharpe ratio in summable form; on the whole sample that of `metrics.sharpe`."""

    def ratio(t: Array) -> Array:
        n, s, ss = np.moveaxis(t, -1, 0)
        return np.asarray(s / n / np.sqrt((ss - s * s / n) / (n - 1)) * math.sqrt(SESSIONS_PER_YEAR))

    return Summable(np.column_stack([np.ones_like(returns), returns, returns**2]), ratio)


def sharpe_difference(a: Array, b: Array) -> Difference:
    """The annualised Sharpe ratio of a less that of b, paired by session.

    A strategy that never moved holds cash: its ratio counts as 0.

    Args:
        a: (n,) simple returns, session by session.
        b: (n,) returns of the same sessions.

    Source: Ledoit and Wolf, "Robust performance hypothesis testing with the Sharpe ratio", Journal of Empirical
    Finance 2008, with the stationary bootstrap and percentile intervals.

    Raises:
        ValueError: the two differ in length.
    """
    if len(a) != len(b):
        raise ValueError(f"a has {len(a)} returns and b {len(b)}: pair them by session first")
    forms = [sharpe_form(side) if math.isfinite(sharpe(side)) else _still(len(side)) for side in (a, b)]
    [found] = paired_difference([Paired(forms[0], forms[1])], np.arange(len(a)))
    return found


def _still(n: int) -> Summable:
    return Summable(np.ones((n, 1)), lambda t: 0 * t[..., 0])
