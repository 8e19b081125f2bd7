"""The sector rotation: on the last session of a week, hold the sector with the best expected week.

Ranks are made for every session, so that a reader sees how the order moves and `qqq_allowed` is fresh daily;
the pick changes only on the last session of a week. Which session that is, is known in advance (holidays
follow rules). A rebalance needs all seven sectors: with one missing the rotation abstains until the next
rebalance, since the missing one might have been the best.

The pick of a session depends on the last rebalance at or before it and on nothing else, so a range gives the
same rows wherever it starts.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.signals.frames import grid, of_one_model, session_frame
from alpha_pipeline.signals.mag7_vote import BULL_PROBABILITY
from alpha_pipeline.universe import SECTORS
from alpha_pipeline.warehouse.tables.signals import SECTOR_RANKS, SECTOR_ROTATION

HORIZON: Final = 5
QQQ_GATE: Final = ("XLK", "XLY")  # Technology and consumer discretionary: most of QQQ's weight.


def ranks(forecasts: pl.DataFrame) -> pl.DataFrame:
    """The sectors of every session by expected return, 1 the best; equal ones in the order of `SECTORS`.

    Args:
        forecasts: ``forecasts.daily`` rows of one model; only horizon 5 of the seven sectors is read.

    Returns:
        Rows of ``signals.sector_ranks``.
    """
    rows = of_one_model(forecasts, SECTORS, HORIZON)
    place = pl.col("ticker").replace_strict({s: i for i, s in enumerate(SECTORS)}, return_dtype=pl.Int64)
    best_first = rows.sort("session", -pl.col("expected_return"), place)
    return SECTOR_RANKS.conform(best_first.with_columns(rank=pl.int_range(1, pl.len() + 1).over("session")))


def rotation(ranks: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """The sector to hold from the open after each session asked for.

    Args:
        ranks: rows of ``signals.sector_ranks`` from the last rebalance before the first session asked for on.
        sessions: the sessions to decide.

    Returns:
        Rows of ``signals.sector_rotation``, one per session asked for. `missing` names the sectors without
        a forecast of that session; `pick` is null from a rebalance that lacked one until the next.
    """
    asked = session_frame(sessions)
    flags = asked.with_columns(
        is_rebalance=pl.Series([calendar.is_last_of_week(s) for s in asked["session"]], dtype=pl.Boolean),
        rebalanced_at=pl.Series([last_rebalance(s) for s in asked["session"]], dtype=pl.Date),
    )
    complete = ranks.filter(pl.len().over("session") == len(SECTORS))
    picks = complete.filter(pl.col("rank") == 1).select(rebalanced_at="session", pick="ticker")
    daily = (
        grid(sessions, SECTORS)
        .join(ranks, on=["session", "ticker"], how="left", maintain_order="left")
        .group_by("session", maintain_order=True)
        .agg(
            missing=pl.col("ticker").filter(pl.col("rank").is_null()).str.join(", "),
            qqq_allowed=(pl.col("prob_up").filter(pl.col("ticker").is_in(QQQ_GATE)) > BULL_PROBABILITY).sum()
            == len(QQQ_GATE),
        )
    )
    rows = flags.join(picks, on="rebalanced_at", how="left").join(daily, on="session")
    return SECTOR_ROTATION.conform(rows)


def last_rebalance(session: dt.date) -> dt.date:
    """The last session at or before this one that ends a week."""
    while not calendar.is_last_of_week(session):
        session = calendar.offset(session, -1)
    return session
