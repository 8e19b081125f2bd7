"""The strategies whose ledgers are kept: the product's own signals, and the naive rivals they have to beat.

Each function returns decisions: columns session, ticker, weight, to be filled at the next open. See
`alpha_pipeline.portfolio.ledger` for what a decision means and what happens between two.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.signals import qqq_position as position_rule
from alpha_pipeline.signals import volatility_target
from alpha_pipeline.signals.frames import grid, session_frame
from alpha_pipeline.universe import SECTORS

QQQ: Final = "QQQ"
DRAWS: Final = 100  # random rotations that the rotation is compared with


def buy_and_hold(sessions: Sequence[dt.date], ticker: str = QQQ) -> pl.DataFrame:
    """Everything in one ticker, decided once, at the first session."""
    return _decisions(session_frame(sessions).head(1), ticker, pl.lit(1.0))


def vol_target(qqq_bars: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """QQQ at the size of the volatility target, decided every session that has one.

    Args:
        qqq_bars: QQQ's bars from the first on, columns session and adj_close at least.
        sessions: the sessions to decide.
    """
    sized = volatility_target.sizes(qqq_bars).drop_nulls()
    return _decisions(session_frame(sessions).join(sized, on="session"), QQQ, pl.col("size_multiplier"))


def qqq_position(position: pl.DataFrame) -> pl.DataFrame:
    """QQQ at the target weight, decided every session.

    Args:
        position: rows of ``signals.qqq_position``.
    """
    return _decisions(position, QQQ, pl.col("target_weight"))


def qqq_position_without_exit(vote: pl.DataFrame, rotation: pl.DataFrame, regime: pl.DataFrame) -> pl.DataFrame:
    """The QQQ position as it would be if `exit_longs` never fired: what the exit rule is judged against.

    Args:
        vote: rows of ``signals.mag7_vote``.
        rotation: rows of ``signals.sector_rotation``.
        regime: rows of ``signals.vix_regime``.
    """
    return qqq_position(position_rule.position(vote, rotation, regime.with_columns(exit_longs=pl.lit(value=False))))


def mag7_vote(vote: pl.DataFrame) -> pl.DataFrame:
    """All in QQQ on a strong buy, else cash: the vote by itself.

    Args:
        vote: rows of ``signals.mag7_vote``.
    """
    return _decisions(vote, QQQ, (pl.col("signal") == "strong_buy").cast(pl.Float64))


def sector_rotation(rotation: pl.DataFrame) -> pl.DataFrame:
    """Everything in the sector picked, or in cash while there is none; decided first and weekly.

    Args:
        rotation: rows of ``signals.sector_rotation``.
    """
    is_first = pl.col("session") == pl.col("session").min()
    decided = rotation.filter(pl.col("is_rebalance") | is_first).select("session", "pick")
    weights = grid(decided["session"].to_list(), SECTORS).join(decided, on="session")
    # A row per sector, most of them 0: cash is then a decision like any other.
    picked = (pl.col("ticker") == pl.col("pick")).fill_null(value=False)
    return weights.select("session", "ticker", weight=picked.cast(pl.Float64))


def equal_weight_sectors(sessions: Sequence[dt.date]) -> pl.DataFrame:
    """A seventh in each sector, restored weekly: what picking a sector has to beat."""
    return grid(_first_and_weekly(sessions), SECTORS).with_columns(weight=pl.lit(1 / len(SECTORS)))


def random_picks(sessions: Sequence[dt.date], draw: int) -> pl.DataFrame:
    """Everything in a sector drawn at random each week: what a rotation without skill does.

    Later sessions change no earlier pick.

    Args:
        sessions: the sessions to decide.
        draw: which of the random rotations.
    """
    decided = _first_and_weekly(sessions)
    drawn = np.random.default_rng(draw).integers(len(SECTORS), size=len(decided)).tolist()
    picks = pl.DataFrame(
        {"session": decided, "pick": [SECTORS[place] for place in drawn]}, {"session": pl.Date, "pick": pl.String}
    )
    weights = grid(decided, SECTORS).join(picks, on="session")
    return weights.select("session", "ticker", weight=(pl.col("ticker") == pl.col("pick")).cast(pl.Float64))


def lagged(decisions: pl.DataFrame) -> pl.DataFrame:
    """The same decisions taken a session later: an honest record hardly minds, one that knew the future falls apart."""
    later = {session: calendar.offset(session, 1) for session in decisions["session"].unique()}
    return decisions.with_columns(pl.col("session").replace_strict(later, return_dtype=pl.Date))


def _first_and_weekly(sessions: Sequence[dt.date]) -> list[dt.date]:
    """The first session and the last one of each week."""
    ordered = session_frame(sessions)["session"].to_list()
    return [session for i, session in enumerate(ordered) if i == 0 or calendar.is_last_of_week(session)]


class SignalRows(NamedTuple):
    """What was signalled: rows of the tables of those names."""

    position: pl.DataFrame
    vote: pl.DataFrame
    rotation: pl.DataFrame
    regime: pl.DataFrame


def decisions(signalled: SignalRows, bars: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What every strategy decides, by its name; the product's first.

    Args:
        signalled: one position at least: the rivals decide on its sessions.
        bars: QQQ's bars from the first on; those of other tickers are left out.
    """
    decided = signalled.position.get_column("session").sort().to_list()
    return {
        "qqq_position": qqq_position(signalled.position),
        "qqq_position_without_exit": qqq_position_without_exit(signalled.vote, signalled.rotation, signalled.regime),
        "mag7_vote": mag7_vote(signalled.vote),
        "sector_rotation": sector_rotation(signalled.rotation),
        "buy_and_hold": buy_and_hold(decided),
        "vol_target_15": vol_target(bars.filter(pl.col("ticker") == QQQ), decided),
        "equal_weight_sectors": equal_weight_sectors(decided),
    }


def _decisions(rows: pl.DataFrame, ticker: str, weight: pl.Expr) -> pl.DataFrame:
    return rows.select("session", ticker=pl.lit(ticker), weight=weight)
