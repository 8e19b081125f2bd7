"""The Mag-7 vote: each stock casts a ballot, and more than 4 of 7 bull is a strong buy of QQQ.

A model of bull moves casts a bull ballot where it fires: where the probability of a bull move reaches the threshold
that its validation slice chose for a stated precision. Any other model does where a rise is more likely than not.

A stock without a forecast of that very session casts none. The count still needs more than 4, and fewer than
5 ballots is an abstention: nothing is guessed for a missing stock. The seven correlate about .55, so they are
some 2.4 independent voters: a large majority says less than it seems to.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import polars as pl

from alpha_pipeline.forecasting.firing import fires
from alpha_pipeline.signals.frames import grid, of_one_model
from alpha_pipeline.universe import MAG7
from alpha_pipeline.warehouse.tables.signals import MAG7_BALLOTS, MAG7_VOTE

HORIZON: Final = 1
BULL_PROBABILITY: Final = 0.5
STRONG_BUY_ABOVE: Final = 4
MIN_BALLOTS: Final = 5


def ballots(forecasts: pl.DataFrame) -> pl.DataFrame:
    """One ballot per (session, stock).

    Bull when the probability of a bull move reaches its threshold, where the model forecasts one; else when the
    probability of a rise exceeds `BULL_PROBABILITY`.

    Args:
        forecasts: ``forecasts.daily`` rows of one model; only horizon 1 of the Magnificent Seven is read.

    Returns:
        Rows of ``signals.mag7_ballots``.
    """
    rows = of_one_model(forecasts, MAG7, HORIZON)
    rises = pl.col("prob_up") > BULL_PROBABILITY
    return MAG7_BALLOTS.conform(rows.with_columns(is_bull=fires().fill_null(rises)))


def vote(ballots: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Count the ballots of every session asked for, those without any included.

    Args:
        ballots: rows of ``signals.mag7_ballots``; those of other sessions are not counted.
        sessions: the sessions to count.

    Returns:
        Rows of ``signals.mag7_vote``, one per session asked for.
    """
    cast = grid(sessions, MAG7).join(ballots, on=["session", "ticker"], how="left", maintain_order="left")
    counted = cast.group_by("session", maintain_order=True).agg(
        n_bull=pl.col("is_bull").sum(),
        n_voting=pl.col("is_bull").count(),
        missing=pl.col("ticker").filter(pl.col("is_bull").is_null()).str.join(", "),
    )
    signal = (
        pl.when(pl.col("n_voting") < MIN_BALLOTS)
        .then(pl.lit("abstain"))
        .when(pl.col("n_bull") > STRONG_BUY_ABOVE)
        .then(pl.lit("strong_buy"))
        .otherwise(pl.lit("neutral"))
    )
    return MAG7_VOTE.conform(counted.with_columns(signal=signal))
