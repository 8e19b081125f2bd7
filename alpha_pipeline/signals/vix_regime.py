"""The VIX regime: how nervous the market is, whether to leave every QQQ long, and how large to be.

The regime looks at the higher of ^VIX's close and its forecast for the next close, with hysteresis. The
levels (15 and 17, 25 and 22) are conventional ones, not fitted: calm below the long-run median, stressed
above about the upper fifth. `exit_longs` fires when P(^VIX rises by more than 10 %) reaches the threshold
chosen on the fold's validation slice, or when the expected change itself exceeds +10 %. In history every mean
forecast stayed far below that, so the probability does the work; and leaving on it has cost money, because
the flagged days carry the rebound.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import polars as pl

from alpha_pipeline.signals import volatility_target
from alpha_pipeline.signals.frames import of_one_model, session_frame
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.tables.signals import VIX_REGIME

Regime = Literal["calm", "normal", "stressed"]

HORIZON: Final = 1
CALM_ENTER: Final = 15.0
CALM_LEAVE: Final = 17.0
STRESSED_ENTER: Final = 25.0
STRESSED_LEAVE: Final = 22.0
EXIT_CHANGE: Final = 0.10


def regime(
    forecasts: pl.DataFrame, vix_closes: pl.DataFrame, qqq_bars: pl.DataFrame, sessions: Sequence[dt.date]
) -> pl.DataFrame:
    """The regime of every session asked for.

    Hysteresis and the no-trade band remember, so hand over forecasts and bars from the first on; the rows of
    a session are then the same whichever sessions are asked for with it.

    Args:
        forecasts: ``forecasts.daily`` rows of one model; only horizon 1 of ^VIX is read.
        vix_closes: columns session and close (^VIX points).
        qqq_bars: QQQ's bars, columns session and adj_close at least.
        sessions: the sessions to decide.

    Returns: Rows of ``signals.vix_regime``, one per session asked for. Without ^VIX's close or forecast the
        regime is null and `exit_longs` false; without QQQ's bar, or before 21 bars, the size is null;
        `missing` says which.
    """
    expected = of_one_model(forecasts, (VIX,), HORIZON).select(
        "session", "expected_return", "prob_spike", "spike_threshold"
    )
    levels = vix_closes.select("session", "close").join(expected, on="session").sort("session")
    higher = [
        max(close, close * math.exp(change)) for close, change in levels.select("close", "expected_return").iter_rows()
    ]
    regimes = levels.select("session", regime=pl.Series(list(with_hysteresis(higher)), dtype=pl.String))
    rows = (
        session_frame(sessions)
        .join(expected, on="session", how="left")
        .join(vix_closes.select("session", "close"), on="session", how="left")
        .join(regimes, on="session", how="left")
        .join(volatility_target.sizes(qqq_bars), on="session", how="left")
        .with_columns(expected_change=pl.col("expected_return").exp() - 1)
    )
    return VIX_REGIME.conform(rows.with_columns(exit_longs=_exit_longs(), missing=_missing()))


def with_hysteresis(levels: Iterable[float]) -> Iterator[Regime]:
    """The regime after each level; the first is entered as from `normal`.

    Args:
        levels: ^VIX points, session by session.
    """
    current: Regime = "normal"
    for level in levels:
        stays = {"calm": level <= CALM_LEAVE, "normal": False, "stressed": level >= STRESSED_LEAVE}
        if not stays[current]:
            current = _entered(level)
        yield current


def _entered(level: float) -> Regime:
    if level <= CALM_ENTER:
        return "calm"
    return "stressed" if level >= STRESSED_ENTER else "normal"


def _exit_longs() -> pl.Expr:
    spike = (pl.col("prob_spike") >= pl.col("spike_threshold")).fill_null(value=False)
    jump = (pl.col("expected_change") > EXIT_CHANGE).fill_null(value=False)
    return pl.col("regime").is_not_null() & (spike | jump)


def _missing() -> pl.Expr:
    needed = {"close": "^VIX close", "expected_return": "^VIX forecast", "size_multiplier": "QQQ bars"}
    names = [pl.when(pl.col(column).is_null()).then(pl.lit(name)) for column, name in needed.items()]
    return pl.concat_str(names, separator=", ", ignore_nulls=True)
