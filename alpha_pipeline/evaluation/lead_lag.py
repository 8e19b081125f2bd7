"""Lead and lag: whether one ticker's close says anything of another's later return that could be traded on.

The leader is known at the close of t. The follower's return of lag k runs from the open of t+k to the next open,
so lag 1 is the first fill that is possible. A lead seen from close to close only cannot be earned.

One regression per lag, and one for all lags beside the follower's own past (Granger). Errors are Newey and West's:
daily returns cluster in volatility, which plain errors take for evidence. What is tested is all tested, the reverse
direction too, so p-values are adjusted for all of them by Holm's method.

Sources: Newey and West, Econometrica 1987, with lags by floor(4 (n / 100)^(2/9)); Granger, Econometrica 1969; Holm,
Scandinavian Journal of Statistics 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline import sessions as calendar
from alpha_pipeline.warehouse.tables.proof import LEAD_LAG

Array = NDArray[np.float64]

LAGS: Final = (1, 2, 3, 4, 5)
SIZE: Final = 0.05
LEAST: Final = 100  # sessions that a regression needs
RETURN: Final = "return"
SIGNAL: Final = "signal"


@dataclass(frozen=True)
class Pair:
    """A leader and a follower on one grid of sessions.

    Attributes:
        leader: ticker.
        follower: ticker.
        kind: `RETURN` (close to close) or `SIGNAL` (of a model).
        known: (n_sessions,) what is known of the leader at each close; NaN where nothing is.
        earned: (n_sessions,) the follower's log return from the next open to the one after; NaN where unknown.
    """

    leader: str
    follower: str
    kind: str
    known: Array
    earned: Array


class Regression(NamedTuple):
    """One slope, or one joint test: then beta and t_stat are NaN."""

    beta: float
    t_stat: float
    p_value: float
    n: int


def lead_lag(pairs: Sequence[Pair]) -> pl.DataFrame:
    """Test every pair at every lag and jointly.

    Returns:
        Rows of ``evaluation.lead_lag``. A pair with fewer than `LEAST` sessions, or whose leader never changes, has
        none.
    """
    rows = [
        (pair.leader, pair.follower, lag, kind, *found)
        for pair in pairs
        for lag, kind, found in (
            *((lag, pair.kind, slope(pair, lag)) for lag in LAGS),
            (LAGS[-1], f"granger_{pair.kind}", joint(pair)),
        )
        if found is not None
    ]
    columns = ["leader", "follower", "lag", "kind", "beta", "t_stat", "p_value", "n"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    if frame.is_empty():
        return LEAD_LAG.empty()
    adjusted = holm(frame["p_value"].to_numpy())
    return LEAD_LAG.conform(
        frame.with_columns(
            pl.col("beta", "t_stat").fill_nan(None),
            p_value_adjusted=pl.Series(adjusted),
            verdict=pl.Series(["leads" if p < SIZE else "undecided" for p in adjusted], dtype=pl.String),
        )
    )


def slope(pair: Pair, lag: int) -> Regression | None:
    """The follower's return at one lag on the leader, in standard deviations of the leader; None of too few."""
    if len(pair.known) < LEAST:
        return None
    y, x = pair.earned[lag - 1 :], pair.known[: len(pair.known) - lag + 1]
    both = np.isfinite(x) & np.isfinite(y)
    if not _is_enough(x[both]):
        return None
    fitted = _fit(y[both], _scaled(x[both])[:, None])
    return Regression(float(fitted.params[1]), float(fitted.tvalues[1]), float(fitted.pvalues[1]), int(both.sum()))


def joint(pair: Pair) -> Regression | None:
    """Granger: whether the leader at all lags adds to what the follower's own past returns say.

    The follower's own returns are those completed by the open at which the tested return begins.
    """
    n = len(pair.known)
    leads = _lagged(pair.known, range(len(LAGS)))
    own = _lagged(pair.earned, range(1, len(LAGS) + 1))
    both = np.isfinite(np.column_stack([pair.earned, leads, own])).all(axis=1)
    if n < LEAST or not _is_enough(pair.known[both]):
        return None
    columns = np.column_stack([_scaled(leads[both]), own[both]])
    fitted = _fit(pair.earned[both], columns)
    wanted = np.eye(columns.shape[1] + 1)[1 : 1 + len(LAGS)]
    p_value = float(fitted.wald_test(wanted, scalar=True, use_f=True).pvalue)
    return Regression(float("nan"), float("nan"), p_value, int(both.sum()))


def holm(p_values: Array) -> Array:
    """P-values adjusted for how many there are: the smallest times m, the next times m - 1, and so on, ascending."""
    order = np.argsort(p_values, kind="stable")
    raised = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(raised)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return adjusted


def pair(leader: str, follower: str, kind: str, known: pl.DataFrame, targets: pl.DataFrame) -> Pair:
    """A pair on the calendar, so that lags are sessions also where a bar is missing.

    Args:
        leader: ticker.
        follower: ticker.
        kind: `RETURN` or `SIGNAL`.
        known: columns session and known.
        targets: rows of ``targets.forward`` of the follower at horizon 1.
    """
    days = known["session"].to_list() + targets["session"].to_list()
    grid = pl.DataFrame({"session": calendar.between(min(days), max(days)) if days else []}, {"session": pl.Date})
    rows = grid.join(known, on="session", how="left").join(targets, on="session", how="left").sort("session")
    columns = (rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in ("known", "open_log_return"))
    return Pair(leader, follower, kind, *columns)


def own_returns(targets: pl.DataFrame) -> pl.DataFrame:
    """Columns session and known: a ticker's close-to-close return of each session, known at its close.

    Args:
        targets: rows of ``targets.forward`` of the ticker at horizon 1.
    """
    later = [calendar.offset(session, 1) for session in targets["session"]]
    return pl.DataFrame(
        {"session": later, "known": targets["close_log_return"]}, {"session": pl.Date, "known": pl.Float64}
    )


def _fit(y: Array, columns: Array) -> Any:  # noqa: ANN401  statsmodels has no types
    """Ordinary least squares with a constant and Newey-West errors."""
    from statsmodels.regression.linear_model import OLS  # noqa: PLC0415  half a second to import

    lags = int(4 * (len(y) / 100) ** (2 / 9))
    design = np.column_stack([np.ones(len(y)), columns])
    return OLS(y, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)


def _is_enough(x: Array) -> bool:
    return len(x) >= LEAST and float(np.ptp(x)) > 0


def _scaled(x: Array) -> Array:
    return np.asarray((x - x.mean(axis=0)) / x.std(axis=0))


def _lagged(x: Array, lags: Sequence[int]) -> Array:
    """Columns of x shifted back by each lag, (n, K); NaN before the first."""
    columns = np.full((len(x), len(lags)), np.nan)
    for place, lag in enumerate(lags):
        columns[lag:, place] = x[: max(0, len(x) - lag)]
    return columns
