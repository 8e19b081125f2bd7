"""Intervals by the stationary bootstrap: blocks of whole sessions are drawn, so what belongs together stays.

Daily errors cluster in time and tickers move together on a day. Drawing single forecasts would take both for
independent evidence and give intervals that are too narrow. So sessions are drawn, with every ticker of that
date, in blocks of random length that wrap around the end.

A resample is kept as how often each session was drawn. Any figure that is a function of sums over sessions
then needs one matrix product for all resamples at once.

Source: Politis and Romano, "The Stationary Bootstrap", JASA 1994.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline.evaluation.linearised import Summable

Array = NDArray[np.float64]

N_RESAMPLES: Final = 1000
MEAN_BLOCK: Final = 20  # Sessions. A month outlasts the overlap of 5-session labels and most of a volatile spell.
LEVEL: Final = 0.95
SEED: Final = 20160104


class Interval(NamedTuple):
    """A percentile interval; NaN where most resamples leave the figure undefined."""

    low: float
    high: float


@lru_cache(maxsize=4)
def resampled_counts(
    n_sessions: int, n_resamples: int = N_RESAMPLES, mean_block: float = MEAN_BLOCK, seed: int = SEED
) -> Array:
    """How often each session is drawn in each resample, (n_resamples, n_sessions); rows sum to n_sessions.

    The same arguments give the same draws, so two models scored on the same sessions are compared on the same
    resamples. Treat the array as read-only: it is shared.
    """
    rng = np.random.default_rng(seed)
    shape = (n_resamples, n_sessions)
    opens_block = rng.random(shape) < 1 / mean_block
    opens_block[:, 0] = True
    drawn = rng.integers(n_sessions, size=shape)
    step = np.arange(n_sessions)
    opened_at = np.maximum.accumulate(np.where(opens_block, step, 0), axis=1)  # (R, S): where this block began
    session = (np.take_along_axis(drawn, opened_at, axis=1) + step - opened_at) % n_sessions  # (R, S)
    row = np.arange(n_resamples)[:, None] * n_sessions
    counts = np.bincount((session + row).ravel(), minlength=n_resamples * n_sessions).reshape(shape)
    frozen = counts.astype(np.float64)
    frozen.flags.writeable = False
    return frozen


def resampled_totals(
    sums: Array, *, n_resamples: int = N_RESAMPLES, mean_block: float = MEAN_BLOCK, seed: int = SEED
) -> Array:
    """The totals of every resample.

    Args:
        sums: (n_sessions, K): for each session in order, K sums over what happened on it.
        n_resamples: resamples drawn.
        mean_block: mean length of a block, sessions.
        seed: of the draws.

    Returns:
        (n_resamples, K).
    """
    return resampled_counts(len(sums), n_resamples, mean_block, seed) @ sums  # (R, S) @ (S, K) -> (R, K)


def sums_by_session(sessions: NDArray[np.int64], columns: Array) -> Array:
    """The sums of columns (n, K) over the rows of each session, (n_sessions, K).

    Args:
        sessions: (n,) of each row as a number, ascending.
        columns: (n, K).
    """
    starts = np.flatnonzero(np.diff(sessions, prepend=sessions[0] - 1))
    return np.asarray(np.add.reduceat(columns, starts, axis=0))


def session_numbers(sessions: pl.Series) -> NDArray[np.int64]:
    """Sessions as days since 1970, (n,)."""
    return sessions.cast(pl.Int64).to_numpy()


def interval(values: Array, level: float = LEVEL) -> Interval:
    """Percentile interval of a figure's values on the resamples, (n_resamples,).

    A resample may leave the figure undefined; when more than half do, so is the interval.
    """
    defined = values[np.isfinite(values)]
    if len(defined) < len(values) / 2:
        return Interval(np.nan, np.nan)
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(float(low), float(high))


def interval_of(part: Summable, sessions: pl.Series, level: float = LEVEL) -> Interval:
    """Percentile interval of a metric whose rows belong to these sessions, ascending."""
    drawn = resampled_totals(sums_by_session(session_numbers(sessions), part.columns))
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(part.statistic(drawn), level)
