"""Luck: how good a record looks for no other reason than that many were tried.

Sharpe ratios here are per session, not annualised; kurtosis is 3 for a normal distribution.

Sources: Bailey and López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 2012 (probabilistic
Sharpe ratio); the same, "The Deflated Sharpe Ratio", Journal of Portfolio Management 2014 (expected maximum,
deflation, effective number of trials); Bailey, Borwein, López de Prado and Zhu, "The Probability of Backtest
Overfitting", Journal of Computational Finance 2017; Hansen, "A Test for Superior Predictive Ability", Journal of
Business and Economic Statistics 2005; Hansen, Lunde and Nason, "The Model Confidence Set", Econometrica 2011.
"""

import itertools
import math
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from alpha_pipeline.evaluation.bootstrap import MEAN_BLOCK, N_RESAMPLES, SEED

Array = NDArray[np.float64]

BLOCKS: Final = 16
SIZE: Final = 0.05
LEAST_OVERLAP: Final = 20  # sessions that two trials must share to have a correlation


def probabilistic_sharpe(sharpe: float, n: int, skew: float, kurtosis: float, benchmark: float = 0.0) -> float:
    """The probability that the true Sharpe ratio exceeds a benchmark, given the one seen over n sessions.

    ``Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2))``. NaN below 2 sessions, or where
    the moments contradict each other.
    """
    spread = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if n < 2 or not spread > 0:
        return math.nan
    return float(norm.cdf((sharpe - benchmark) * math.sqrt(n - 1) / math.sqrt(spread)))


def expected_maximum_sharpe(n_trials: float, variance: float) -> float:
    """SR0: the Sharpe ratio that the best of n independent trials without skill is expected to show.

    ``sqrt(V) ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e)))``, with Euler's constant g and the normal quantile Z. Of one
    trial it is 0.

    Args:
        n_trials: N, at least 1; need not be whole.
        variance: V, of the trials' Sharpe ratios.
    """
    if n_trials <= 1:
        return 0.0
    best = (1 - np.euler_gamma) * norm.ppf(1 - 1 / n_trials) + np.euler_gamma * norm.ppf(1 - 1 / (n_trials * math.e))
    # The approximation turns negative just above one trial, where the true expectation is 0.
    return max(0.0, math.sqrt(variance) * float(best))


def deflated_sharpe(sharpe: float, n: int, skew: float, kurtosis: float, *, n_trials: float, variance: float) -> float:
    """The probability that the true Sharpe ratio exceeds what the best of n trials without skill would show."""
    return probabilistic_sharpe(sharpe, n, skew, kurtosis, expected_maximum_sharpe(n_trials, variance))


def survives_many(value: float, low: float, n_looks: int, bar: float = 0.0) -> bool:
    """Whether an interval would lie above a bar even if it were widened for as many looks (Bonferroni).

    On the normal approximation: the distance from the figure to the lower end grows with the quantile.

    Args:
        value: the figure.
        low: the lower end of its interval at 95 %.
        n_looks: of how many figures it is one, at least 1.
        bar: what no skill gets.
    """
    widened = float(norm.isf(SIZE / 2 / n_looks) / norm.isf(SIZE / 2))
    return value - widened * (value - low) > bar


def effective_trials(n_trials: int, mean_correlation: float) -> float:
    """How many independent trials are worth as much: ``r + (1 - r) N`` with the mean correlation r.

    Bailey and López de Prado 2014, appendix 3. A negative mean counts as 0: no more trials than were made.
    """
    shared = min(1.0, max(0.0, mean_correlation))
    return shared + (1 - shared) * n_trials


def mean_correlation(returns: Array) -> float:
    """Mean correlation of all pairs of trials on the sessions that both have; NaN without a pair.

    Args:
        returns: (n_sessions, n_trials), NaN where a trial has no return.
    """
    has = np.isfinite(returns).astype(np.float64)
    x = np.where(has > 0, returns, 0.0)
    n = has.T @ has  # (N, N): sessions that both have; likewise below
    sx, sxx, sxy = x.T @ has, (x * x).T @ has, x.T @ x
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (sxx - sx * sx / n) * (sxx - sx * sx / n).T
        correlation = (sxy - sx * sx.T / n) / np.sqrt(spread)
    pairs = np.triu(np.ones_like(n, dtype=np.bool_), k=1) & (n >= LEAST_OVERLAP) & (spread > 0)
    return float(np.mean(correlation[pairs])) if pairs.any() else math.nan


def backtest_overfitting(returns: Array, blocks: int = BLOCKS) -> float:
    """PBO: how often the trial that is best in one half of the sessions is below the median in the other half.

    Combinatorially symmetric cross-validation: the sessions are cut into blocks, every half of the blocks is once
    the sample to choose in and the rest the sample to judge in, by Sharpe ratio. Without skill it is about one half.

    Args:
        returns: (n_sessions, n_trials) without gaps; sessions that do not fill the blocks evenly are left out at the
            start.
        blocks: S, even.

    Returns:
        From 0 to 1; NaN with fewer than two trials or fewer than two sessions a block.
    """
    size = len(returns) // blocks
    if returns.shape[1] < 2 or size < 2:
        return math.nan
    used = returns[len(returns) - size * blocks :].reshape(blocks, size, -1)
    sums, squares = used.sum(axis=1), (used**2).sum(axis=1)  # (S, N)
    chosen = _halves(blocks)
    inside = _sharpes(chosen @ sums, chosen @ squares, size * blocks // 2)  # (C, N)
    outside = _sharpes((1 - chosen) @ sums, (1 - chosen) @ squares, size * blocks // 2)
    best = inside.argmax(axis=1)
    place = rankdata(outside, axis=1)[np.arange(len(best)), best] / (returns.shape[1] + 1)
    # The logit of the place is at most 0 where the place is at most one half.
    return float(np.mean(place <= 0.5))


@cache
def _halves(blocks: int) -> Array:
    """Every choice of half of the blocks, as rows of 0 and 1."""
    places = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    chosen = np.zeros((len(places), blocks))
    np.put_along_axis(chosen, places, 1.0, axis=1)
    return chosen


def _sharpes(sums: Array, squares: Array, n: int) -> Array:
    """Sharpe ratios from sums over n sessions; 0 for what never moved."""
    variance = np.maximum(squares / n - (sums / n) ** 2, 0.0)
    # A variance below what rounding leaves of equal squares is none.
    moved = variance > 1e-12 * squares / n
    return np.where(moved, sums / n / np.sqrt(np.where(moved, variance, 1.0)), 0.0)


def superior_ability(benchmark: Array, losses: Array, *, seed: int = SEED) -> float:
    """Hansen's SPA: the p-value of "none of these has a smaller expected loss than the benchmark".

    By the stationary bootstrap of `evaluation.bootstrap`'s mean block; the consistent p-value. `arch` centres each
    difference of losses but does not divide it by its deviation; here each is divided first.

    Args:
        benchmark: (n_sessions,) losses.
        losses: (n_sessions, k).
        seed: of the draws.

    Returns:
        NaN where every column equals the benchmark.
    """
    from arch.bootstrap import SPA  # noqa: PLC0415  two seconds to import

    gains = benchmark[:, None] - losses  # (n, k)
    deviation = gains.std(axis=0)
    differs = deviation > 0
    if not differs.any():
        return math.nan
    scaled = gains[:, differs] / deviation[differs]
    test = SPA(np.zeros(len(benchmark)), -scaled, block_size=MEAN_BLOCK, reps=N_RESAMPLES, seed=seed)
    test.compute()
    return float(test.pvalues["consistent"])


def model_confidence(losses: Array, *, seed: int = SEED) -> Array:
    """The model confidence set: for each model the p-value of its being among the best.

    A model belongs to the set of confidence 1 - a where its p-value exceeds a. Models with the same losses share one.

    Args:
        losses: (n_sessions, k).
        seed: of the draws.

    Returns:
        (k,).
    """
    from arch.bootstrap import MCS  # noqa: PLC0415  two seconds to import

    distinct, place = np.unique(losses, axis=1, return_inverse=True)
    if distinct.shape[1] < 2:
        return np.ones(losses.shape[1])
    test = MCS(distinct, SIZE, block_size=MEAN_BLOCK, reps=N_RESAMPLES, seed=seed)
    test.compute()
    return np.asarray(test.pvalues["Pvalue"].sort_index().to_numpy()[place.ravel()], dtype=np.float64)
