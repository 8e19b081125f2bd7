"""The market factor: its regimes, its volatility, and the volatility index that follows from it.

Exponential GARCH (Nelson 1991, "Conditional Heteroskedasticity in Asset Returns") with the mean of the log
volatility moved by a hidden Markov chain. Every session has two shocks, overnight and intraday; each has mean
zero given everything before it, jumps included, so regime and volatility say nothing about the mean of the
next return.
"""

import math
from dataclasses import dataclass

import numpy as np

from alpha_pipeline.sources.simulation.randomness import (
    Array,
    Indices,
    autoregress,
    stream,
    student,
    student_halves,
    student_mean_abs,
)

OVERNIGHT_SHARE = 0.33  # of a session's variance
SHARE = np.array([[OVERNIGHT_SHARE], [1 - OVERNIGHT_SHARE]])

REGIMES = ("calm", "normal", "stressed")
# By regime: the target of log daily volatility, and the chances of the next session's regime.
REGIME_LOG_VOLATILITY = np.log([0.0066, 0.0100, 0.0205])
REGIME_MOVES = np.array([[0.990, 0.010, 0.000], [0.012, 0.977, 0.011], [0.000, 0.035, 0.965]])
PERSISTENCE = 0.958  # of log volatility around the regime's target, per session
SIZE_EFFECT = 0.064  # log volatility per unit of |shock| beyond its mean
LEVERAGE = 0.088  # log volatility per unit of negative shock
NERVOUSNESS = 0.40  # log standard deviation of how strongly volatility responds
NERVOUSNESS_PERSISTENCE = 0.94
LOG_VOLATILITY_BOUNDS = (math.log(0.0033), math.log(0.046))

TAIL_OVERNIGHT, TAIL_INTRADAY = 5.0, 7.0  # degrees of freedom
JUMP_CHANCE = 0.007  # per session, always down
JUMP_BASE, JUMP_MEAN = 1.5, 3.4  # in intraday standard deviations; base plus an exponential

VIX_FLOOR = 5.0
VIX_LEVEL = 0.85  # index over realised volatility, in the part above the floor
VIX_ELASTICITY = 1.0
VIX_INTRADAY_VOLATILITY = 0.062  # for the range of its bars
VIX_NOISE, VIX_NOISE_PERSISTENCE = 0.037, 0.88

TAIL_NOISE = 7.0  # degrees of freedom of what the index and UVXY have of their own

UVXY_EXPOSURE = 0.72  # to the index's innovation in the part above the floor
UVXY_INTRADAY_VOLATILITY = 0.060
UVXY_NOISE = 0.022
UVXY_VOLATILITY_ANN = 1.20  # what comes of all this
UVXY_DRIFT_ANN = -1.25  # expected log return per year: rolling up the futures curve


@dataclass(frozen=True)
class MarketPath:
    """The market factor and the volatility index; arrays of shape (n_sessions,).

    Attributes:
        overnight: centred log return from the close before to the open.
        intraday: centred log return from open to close.
        log_volatility: of the session's return, known at the close before.
        regime: 0 calm, 1 normal, 2 stressed.
        vix_overnight: log change of the index from the close before to the open.
        vix_intraday: log change of the index from open to close.
        vix_close: index level at the close.
        uvxy_overnight: log return of UVXY from the close before to the open, drift included.
        uvxy_intraday: log return of UVXY from open to close, drift included.
    """

    overnight: Array
    intraday: Array
    log_volatility: Array
    regime: Indices
    vix_overnight: Array
    vix_intraday: Array
    vix_close: Array
    uvxy_overnight: Array
    uvxy_intraday: Array


def market_path(seed: int, n_sessions: int) -> MarketPath:
    """Simulate the market factor, ``^VIX`` and UVXY.

    A longer path begins with the shorter one of the same seed.
    """
    share = np.sqrt(SHARE)
    sizes, signed = _shocks(seed, n_sessions)
    # What each half of a session does to the log volatility of the next; rows overnight and intraday.
    nervousness = _nervousness(seed, n_sessions)
    response = nervousness * share * (SIZE_EFFECT * sizes - LEVERAGE * signed)
    regime = _regimes(seed, n_sessions)
    next_log_volatility = _log_volatility(regime, response.sum(axis=0))
    log_volatility = np.concatenate([REGIME_LOG_VOLATILITY[1:2], next_log_volatility[:-1]])
    noise = VIX_NOISE * nervousness * share * student_halves(seed, "vix", TAIL_NOISE, n_sessions)
    vix = _vix(next_log_volatility, response, noise)
    # Only what is new moves UVXY: the index reverts to its mean, what is traded on it does not.
    uvxy = UVXY_EXPOSURE * (VIX_ELASTICITY * response + noise) + SHARE * UVXY_DRIFT_ANN / 252
    uvxy += UVXY_NOISE * share * student_halves(seed, "uvxy", TAIL_NOISE, n_sessions)
    returns = share * np.exp(log_volatility) * signed
    return MarketPath(
        overnight=returns[0],
        intraday=returns[1],
        log_volatility=log_volatility,
        regime=regime,
        vix_overnight=vix[0],
        vix_intraday=vix[1],
        vix_close=vix[2],
        uvxy_overnight=uvxy[0],
        uvxy_intraday=uvxy[1],
    )


def _shocks(seed: int, n_sessions: int) -> tuple[Array, Array]:
    """Sizes (less their mean) and signed shocks (unit variance), each (2, n_sessions) with mean zero.

    The day's shock has jumps down; their mean is given back, so that its own stays zero.
    """
    overnight = student(seed, "market overnight", TAIL_OVERNIGHT, n_sessions)
    intraday = student(seed, "market intraday", TAIL_INTRADAY, n_sessions)
    sizes = np.abs(np.stack([overnight, intraday]))
    sizes -= np.array([[student_mean_abs(TAIL_OVERNIGHT)], [student_mean_abs(TAIL_INTRADAY)]])
    happens = stream(seed, "market jump").random(n_sessions) < JUMP_CHANCE
    jump = JUMP_BASE + stream(seed, "market jump size").exponential(JUMP_MEAN - JUMP_BASE, n_sessions)
    mean = JUMP_CHANCE * JUMP_MEAN
    variance = JUMP_CHANCE * (JUMP_MEAN**2 + (JUMP_MEAN - JUMP_BASE) ** 2) - mean**2
    return sizes, np.stack([overnight, math.sqrt(1 - variance) * intraday - (happens * jump - mean)])


def _regimes(seed: int, n_sessions: int) -> Indices:
    thresholds = REGIME_MOVES.cumsum(axis=1).tolist()
    state, states = 1, []
    for draw in stream(seed, "regime").random(n_sessions).tolist():
        states.append(state)
        state = sum(draw >= threshold for threshold in thresholds[state][:2])
    return np.array(states, dtype=np.int64)


def _nervousness(seed: int, n_sessions: int) -> Array:
    """How strongly volatility responds to shocks, mean square one: its big moves cluster."""
    innovations = stream(seed, "nervousness").standard_normal(n_sessions)
    size = NERVOUSNESS * math.sqrt(1 - NERVOUSNESS_PERSISTENCE**2)
    return np.exp(size * autoregress(innovations, NERVOUSNESS_PERSISTENCE) - NERVOUSNESS**2)


def _log_volatility(regime: Indices, response: Array) -> Array:
    """Log volatility of the session after each; a smooth pull to the regime's target plus the response."""
    start = REGIME_LOG_VOLATILITY[1]
    pull = (1 - PERSISTENCE) * (REGIME_LOG_VOLATILITY[regime] - start)
    return np.clip(start + autoregress(pull + response, PERSISTENCE), *LOG_VOLATILITY_BOUNDS)


def _vix(next_log_volatility: Array, response: Array, noise: Array) -> tuple[Array, Array, Array]:
    """Log change overnight and intraday, and the level at the close.

    The level is a floor plus a power of the volatility to come, times a noise of the index's own.
    """
    reference = REGIME_LOG_VOLATILITY[1]
    own = autoregress(noise.sum(axis=0), VIX_NOISE_PERSISTENCE)
    scale = math.log(VIX_LEVEL * 100 * math.sqrt(252)) + reference
    excess = scale + VIX_ELASTICITY * (next_log_volatility - reference) + own
    before = np.concatenate([[scale], excess[:-1]])
    at_open = before + VIX_ELASTICITY * response[0] + noise[0]
    close_before, opened, closed = (VIX_FLOOR + np.exp(level) for level in (before, at_open, excess))
    return np.log(opened / close_before), np.log(closed / opened), closed
