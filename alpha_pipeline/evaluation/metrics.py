"""What is measured: of a ledger's returns, and of forecasts against what came.

Every function takes one-dimensional arrays of equal length and returns a float; NaN where it is undefined
(a forecast that never changes has no correlation, one class has no AUC). Returns are simple, per session.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
# Fewer sessions have no figures a year: a month put to the power of twelve says nothing of a year. The exchange's
# shortest year since 1990 had as many (2001), so that each calendar year is one.
FEWEST_OF_A_YEAR: Final = 248
CALIBRATION_BINS: Final = 10
COVERED: Final = 0.9  # what the interval of a forecast is meant to hold
_SMALLEST: Final = 1e-6  # a probability of 0 that is wrong once would cost infinitely much


def sharpe(returns: Array) -> float:
    """Annualised Sharpe ratio without a risk-free rate: mean / standard deviation (ddof 1) * sqrt(252)."""
    if len(returns) < 2:
        return math.nan
    deviation = float(np.std(returns, ddof=1))
    return float(np.mean(returns)) / deviation * math.sqrt(SESSIONS_PER_YEAR) if deviation > 0 else math.nan


def cagr(returns: Array) -> float:
    """Compound growth a year of 252 sessions, as a fraction."""
    if not len(returns):
        return math.nan
    return float(np.prod(1 + returns)) ** (SESSIONS_PER_YEAR / len(returns)) - 1


def max_drawdown(returns: Array) -> float:
    """The deepest fall of equity below its highest close so far, the start included: from -1 to 0."""
    equity = np.concatenate([[1.0], np.cumprod(1 + returns)])
    return float(np.min(equity / np.maximum.accumulate(equity)) - 1)


def annual_turnover(traded: Array) -> float:
    """Traded notional a year in multiples of equity; a switch from one holding to another counts twice.

    Args:
        traded: notional bought and sold per session, as a fraction of equity.
    """
    return float(np.mean(traded)) * SESSIONS_PER_YEAR if len(traded) else math.nan


def information_coefficient(forecast: Array, realised: Array) -> float:
    """Pearson correlation of forecast and realised return."""
    if len(forecast) < 2 or np.ptp(forecast) == 0 or np.ptp(realised) == 0:
        return math.nan
    return float(np.corrcoef(forecast, realised)[0, 1])


def rank_ic(forecast: Array, realised: Array) -> float:
    """Spearman correlation of forecast and realised return; ties take their mean rank."""
    return information_coefficient(rankdata(forecast), rankdata(realised))


def direction_accuracy(prob_up: Array, rose: Flags) -> float:
    """Share of forecasts on the right side; a probability of exactly one half says down."""
    return float(np.mean((prob_up > 0.5) == rose)) if len(rose) else math.nan


def auc(score: Array, event: Flags) -> float:
    """Area under the ROC curve: how often an event scores above a non-event, ties counting half.

    By the Mann-Whitney statistic: `sklearn.metrics.roc_auc_score` gives the same, many times slower on a
    year.
    """
    n_event = int(np.count_nonzero(event))
    n_other = len(event) - n_event
    if not n_event or not n_other:
        return math.nan
    above = float(rankdata(score)[event].sum()) - n_event * (n_event + 1) / 2
    return above / (n_event * n_other)


def precision(fires: Flags, event: Flags) -> float:
    """Share of the fires with the event; with the arguments exchanged, the recall."""
    return float(np.mean(event[fires])) if fires.any() else math.nan


def lift(fires: Flags, event: Flags) -> float:
    """Precision over the base rate of the event: 1 is what firing at random gets."""
    return precision(fires, event) / float(np.mean(event)) if event.any() else math.nan


def brier(probability: Array, event: Flags) -> float:
    """Brier score: mean squared distance of the probability from the outcome, 0 the best."""
    return float(np.mean((probability - event) ** 2)) if len(event) else math.nan


def brier_skill(probability: Array, event: Flags, base_rate: Array) -> float:
    """1 - Brier / Brier of the base rate known at each session: above 0 is skill.

    Args:
        probability: the forecasts.
        event: what came.
        base_rate: the frequency of the event in labels known before each session, an array as long.
    """
    reference = brier(base_rate, event)
    return 1 - brier(probability, event) / reference if reference > 0 else math.nan


def r2_naive(forecast: Array, realised: Array) -> float:
    """1 - squared error / squared error of forecasting no change: above 0 beats the random walk."""
    naive = float(np.sum(realised**2))
    return 1 - float(np.sum((realised - forecast) ** 2)) / naive if naive > 0 else math.nan


def log_losses(probability: Array, event: Flags) -> Array:
    """Negative log likelihood of what came, in nats, one per forecast; 0 the best."""
    said = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return np.asarray(-np.log(np.where(event, said, 1 - said)))


def log_loss(probability: Array, event: Flags) -> float:
    """Mean negative log likelihood of the event, nats."""
    return float(np.mean(log_losses(probability, event))) if len(event) else math.nan


def skill(loss: Array, reference: Array) -> float:
    """1 - total loss / total loss of a reference on the same sessions: above 0 beats it."""
    total = float(np.sum(reference))
    return 1 - float(np.sum(loss)) / total if total > 0 else math.nan


def calibration_bins(probability: Array) -> NDArray[np.int64]:
    """Which of `CALIBRATION_BINS` bins of about equal count each forecast falls into; equal forecasts share one."""
    edges = np.quantile(probability, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    return np.searchsorted(np.unique(edges), probability, side="right").astype(np.int64)


def calibration_error(probability: Array, event: Flags) -> float:
    """Expected calibration error: how far mean forecast and frequency are apart in a bin, mean over forecasts.

    Source: Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015, with bins of
    equal count.
    """
    if not len(event):
        return math.nan
    excess = np.bincount(calibration_bins(probability), weights=probability - event)
    return float(np.abs(excess).sum()) / len(event)


def calibration_error_by_chance(probability: Array) -> float:
    """The calibration error that forecasts without any fault show, each outcome drawn on its own.

    The mean of ``|sum(p - y)|`` in a bin is ``sqrt(2 / pi)`` of its standard deviation.
    """
    if not len(probability):
        return math.nan
    variance = np.bincount(calibration_bins(probability), weights=probability * (1 - probability))
    return float(np.sqrt(2 / np.pi * variance).sum()) / len(probability)


def coverage(low: Array, high: Array, realised: Array) -> float:
    """Share of outcomes within their interval."""
    return float(np.mean((low <= realised) & (realised <= high))) if len(realised) else math.nan


def pinball_losses(low: Array, high: Array, realised: Array) -> Array:
    """Pinball loss of the two ends of a `COVERED` interval, summed, one per forecast, in the unit of the return.

    Source: Gneiting and Raftery, "Strictly proper scoring rules", JASA 2007.
    """
    tail = (1 - COVERED) / 2
    below, above = realised - low, realised - high
    ends = np.maximum(tail * below, (tail - 1) * below) + np.maximum((1 - tail) * above, -tail * above)
    return np.asarray(ends)


def naive_interval(volatility: Array) -> tuple[Array, Array]:
    """The `COVERED` interval of a normal return without drift, of a volatility known before: (low, high)."""
    reach = float(norm.ppf((1 + COVERED) / 2)) * volatility
    return -reach, reach


def qlike_losses(forecast: Array, realised: Array) -> Array:
    """QLIKE of a forecast index of volatility, one per forecast: 0 the best.

    With x the squared index that came over the squared index forecast, ``x - log x - 1``. Given as log changes from the
    same session on, ``log x = 2 (realised - forecast)``; forecasting no change is a random walk.

    Source: Patton, "Volatility forecast comparison using imperfect volatility proxies", Journal of Econometrics 2011.
    """
    ratio = 2 * (realised - forecast)
    return np.asarray(np.exp(ratio) - ratio - 1)
