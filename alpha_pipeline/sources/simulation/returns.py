"""Half-session log returns of every tradable ticker, and the reversal that may be planted in them.

A ticker's return is drift + beta x market + its sector's factor + its own shock, once for the night and once
for the day. Sector and own volatility rise less than the market's under stress, so correlations rise.
"""

import math
from dataclasses import dataclass

import numpy as np

from alpha_pipeline.sources.simulation import market
from alpha_pipeline.sources.simulation.instruments import GROUPS, INSTRUMENTS, Instrument
from alpha_pipeline.sources.simulation.randomness import (
    Array,
    Indices,
    autoregress,
    stable_number,
    student,
    student_halves,
    student_mean_abs,
)

OVERNIGHT_SHARE = 0.30  # of the variance beside the market's, of the drift and of what is planted
SHARE = np.array([[OVERNIGHT_SHARE], [1 - OVERNIGHT_SHARE]])
MARKET_VOLATILITY = 0.174 / math.sqrt(252)  # long-run daily standard deviation of the market factor
PASS_THROUGH = 0.40  # elasticity of other volatility to the market's; below 1, correlations rise in stress
PASS_THROUGH_NORM = 0.92  # mean square of the resulting factor, so that long-run volatility is the table's
TAIL_GROUP, TAIL_OWN = 5.0, 4.3  # degrees of freedom
OWN_PERSISTENCE, OWN_SIZE_EFFECT = 0.95, 0.17  # of a ticker's own log volatility, as in `market`
EARNINGS_EVERY = 63  # sessions between two reports
EARNINGS_SHARE = 0.22  # of a stock's own variance that arrives in the night after a report

REVERSAL_SESSIONS = 5  # look-back of the planted signal
SCALE_SESSIONS = 20  # look-back of the volatility that scales it
SIGNAL_BOUND = 3.0
# Five sessions that revert vary less than five independent ones. Measured on 12 seeds, 0.02 to 0.3.
SIGNAL_STD, REVERSAL_SHRINKAGE = 0.975, 0.65


@dataclass(frozen=True)
class Returns:
    """Log returns with dividends; arrays of shape (n_instruments, n_sessions), in the order of `INSTRUMENTS`.

    Attributes:
        overnight: from the close before to the open.
        intraday: from open to close.
        intraday_volatility: standard deviation of the intraday return given the past.
        expected: of the return from the next open to the one after, given everything up to this close.
    """

    overnight: Array
    intraday: Array
    intraday_volatility: Array
    expected: Array


def instrument_returns(seed: int, path: market.MarketPath, planted_ic: float, first_known: Indices) -> Returns:
    """Simulate every instrument on a market path.

    Args:
        seed: of the market.
        path: the market factor, n_sessions long.
        planted_ic: correlation of the planted forecast with the open-to-open return; 0 plants nothing.
        first_known: (n_instruments,) place of each ticker's first session; no forecast uses anything earlier.
    """
    beta, rest_volatility, drift = (
        np.array(values)[:, None]
        for values in zip(*[(i.beta, _rest_volatility(i), i.drift_ann / 252) for i in INSTRUMENTS], strict=True)
    )
    stress = np.exp(PASS_THROUGH * (path.log_volatility - math.log(MARKET_VOLATILITY)))
    stress /= math.sqrt(PASS_THROUGH_NORM)
    shocks, levels = _rest(seed, len(stress))
    centred = beta * np.stack([path.overnight, path.intraday])[:, None] + rest_volatility * stress * shocks
    market_intraday = math.sqrt(1 - market.OVERNIGHT_SHARE) * np.exp(path.log_volatility)
    rest_intraday = math.sqrt(1 - OVERNIGHT_SHARE) * rest_volatility * stress * levels
    planted = _reversal(centred, planted_ic, first_known) if planted_ic else np.zeros_like(levels)
    overnight, intraday = centred + SHARE[:, None] * drift
    # Known at close t: at work in the day of t+1 and the night into t+2, never in the night into t+1.
    overnight[:, 2:] += OVERNIGHT_SHARE * planted[:, :-2]
    intraday[:, 1:] += (1 - OVERNIGHT_SHARE) * planted[:, :-1]
    return Returns(overnight, intraday, np.hypot(beta * market_intraday, rest_intraday), drift + planted)


def _rest_volatility(instrument: Instrument) -> float:
    """Daily standard deviation of what the market factor leaves unexplained."""
    explained = (instrument.beta * MARKET_VOLATILITY) ** 2
    return math.sqrt(max(instrument.volatility_ann**2 / 252 - explained, 0.0))


def _rest(seed: int, n_sessions: int) -> tuple[Array, Array]:
    """What sectors and tickers add: shocks (2, n_instruments, n_sessions), and their relative volatility."""
    groups = _group_shocks(seed, n_sessions)
    shocks = np.empty((2, len(INSTRUMENTS), n_sessions))
    levels = np.empty((len(INSTRUMENTS), n_sessions))
    for row, instrument in enumerate(INSTRUMENTS):
        own, level = _own_shocks(seed, instrument, n_sessions)
        shocks[:, row] = math.sqrt(instrument.tie) * groups[instrument.group] + math.sqrt(1 - instrument.tie) * own
        levels[row] = np.sqrt(instrument.tie + (1 - instrument.tie) * level**2)
    return shocks, levels


def _group_shocks(seed: int, n_sessions: int) -> dict[str, Array]:
    """Sector shocks (2, n_sessions) by group: the parent's and the group's own, night and day."""
    shocks: dict[str, Array] = {}
    for group, (parent, share) in GROUPS.items():
        shocks[group] = np.sqrt(SHARE) * student_halves(seed, group, TAIL_GROUP, n_sessions)
        if parent is not None:
            shocks[group] = math.sqrt(share) * shocks[parent] + math.sqrt(1 - share) * shocks[group]
    return shocks


def _own_shocks(seed: int, instrument: Instrument, n_sessions: int) -> tuple[Array, Array]:
    """One ticker's own shocks (2, n_sessions), and their volatility but for earnings gaps (n_sessions,)."""
    name = instrument.ticker
    draws = student_halves(seed, name, TAIL_OWN, n_sessions)
    sizes = (np.sqrt(SHARE) * (np.abs(draws) - student_mean_abs(TAIL_OWN))).sum(axis=0)
    log_level = OWN_SIZE_EFFECT * autoregress(sizes, OWN_PERSISTENCE)
    # The level of a session is known at the close before; the mean of exp(2 x) of a Gaussian x is taken out.
    spread = OWN_SIZE_EFFECT**2 * (1 - student_mean_abs(TAIL_OWN) ** 2) / (1 - OWN_PERSISTENCE**2)
    level = np.exp(np.concatenate([[0.0], log_level[:-1]]) - spread)
    shocks = np.sqrt(SHARE) * draws * level
    if not instrument.is_fund:
        reports = np.arange(n_sessions) % EARNINGS_EVERY == stable_number(name) % EARNINGS_EVERY
        gap = student(seed, f"{name} earnings", TAIL_OWN, n_sessions)
        shocks *= math.sqrt(1 - EARNINGS_SHARE)
        shocks[0] += math.sqrt(EARNINGS_SHARE * EARNINGS_EVERY) * reports * gap
    return shocks, level


def _reversal(centred: Array, planted_ic: float, first_known: Indices) -> Array:
    """The planted part of the return after each close: short-term reversal of the ticker's own returns.

    It is ``planted_ic * scale * z``. z is minus the log return of the last five sessions less its drift, over
    ``sqrt(5) * scale`` and its own standard deviation, within +-3; scale is the root mean square return of
    the last twenty sessions, drift taken out. Both are functions of the bars up to that close; the returns
    in them carry the planted parts of before, hence the loop. z has variance near one, so the correlation
    with the return that follows is near `planted_ic`. Zero until a ticker has twenty returns.
    """
    returns = centred.sum(axis=0)  # close to close, completed by what is planted on the way
    planted = np.zeros_like(returns)
    spread = math.sqrt(REVERSAL_SESSIONS) * SIGNAL_STD * (1 - REVERSAL_SHRINKAGE * planted_ic)
    for t in range(SCALE_SESSIONS, returns.shape[1]):
        returns[:, t] += (1 - OVERNIGHT_SHARE) * planted[:, t - 1] + OVERNIGHT_SHARE * planted[:, t - 2]
        recent = returns[:, t + 1 - SCALE_SESSIONS : t + 1]
        scale = np.sqrt(np.mean(recent**2, axis=1))
        z = -recent[:, -REVERSAL_SESSIONS:].sum(axis=1) / (spread * scale)
        known = t >= first_known + SCALE_SESSIONS
        planted[:, t] = planted_ic * scale * np.clip(z, -SIGNAL_BOUND, SIGNAL_BOUND) * known
    return planted
