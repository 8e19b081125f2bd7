"""Signals: what the forecasts of one session's close say together."""

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table
from alpha_pipeline.warehouse.tables import columns


class Mag7Ballots(pa.DataFrameModel):
    """One row per (session, ticker): one stock's ballot; a stock without a fresh forecast casts none."""

    session: pl.Date = pa.Field(description=columns.DECIDED)
    ticker: str = pa.Field(description="One of the Magnificent Seven")
    prob_up: float = pa.Field(
        ge=0, le=1, description="Probability that it rises over the next session, of the model that casts the ballots"
    )
    expected_return: float = pa.Field(description="Its expected log return over the next session, open to open")
    prob_bull: float = pa.Field(
        ge=0, le=1, nullable=True, description="Probability of a bull move; null where the model forecasts none"
    )
    bull_threshold: float = pa.Field(
        ge=0,
        le=1,
        nullable=True,
        description="prob_bull from which on it is bull; 1 never fires, null where prob_bull is",
    )
    is_bull: bool = pa.Field(
        description="Whether the ballot is bull: the event fires, or without one prob_up is high enough"
    )

    class Config:
        strict = True
        unique = ["session", "ticker"]


class Mag7Vote(pa.DataFrameModel):
    """One row per session: more than 4 of 7 bull is a strong buy; fewer than 5 ballots is an abstention."""

    session: pl.Date = pa.Field(description=columns.DECIDED)
    n_bull: int = pa.Field(ge=0, le=7, description="Bull ballots, of 7")
    n_voting: int = pa.Field(ge=0, le=7, description="Stocks that cast a ballot, of 7")
    signal: str = pa.Field(
        isin=["strong_buy", "neutral", "abstain"],
        description="strong_buy (more than 4 bull), neutral, or abstain (fewer than 5 ballots)",
    )
    missing: str = pa.Field(description="Tickers that cast no ballot, comma-separated; empty where all did")

    class Config:
        strict = True
        unique = ["session"]


class SectorRanks(pa.DataFrameModel):
    """One row per (session, ticker): a sector's expected return and its rank, 1 the best."""

    session: pl.Date = pa.Field(description=columns.DECIDED)
    ticker: str = pa.Field(description="Sector fund")
    expected_return: float = pa.Field(description="Expected log return over the next 5 sessions, open to open")
    prob_up: float = pa.Field(ge=0, le=1, description="Probability that it rises over the next 5 sessions")
    rank: int = pa.Field(
        ge=1, le=7, description="1 has the highest expected return of the sectors that have a forecast"
    )

    class Config:
        strict = True
        unique = ["session", "ticker"]


class SectorRotation(pa.DataFrameModel):
    """One row per session: the sector held from the next open; chosen anew on the last session of a week."""

    session: pl.Date = pa.Field(description=columns.DECIDED)
    pick: str = pa.Field(nullable=True, description="Sector to hold; null while there is none or the rotation abstains")
    qqq_allowed: bool = pa.Field(description="XLK and XLY are both bullish: a neutral vote may hold QQQ")
    is_rebalance: bool = pa.Field(description="Last session of a week: the pick may change at the next open")
    missing: str = pa.Field(description="Sectors without a fresh forecast, comma-separated; empty where all have one")

    class Config:
        strict = True
        unique = ["session"]


class VixRegime(pa.DataFrameModel):
    """One row per session: the volatility regime, whether to leave every QQQ long, and how large to be."""

    session: pl.Date = pa.Field(description=columns.DECIDED)
    expected_change: float = pa.Field(
        nullable=True, description="Expected change of ^VIX over the next session, ratio - 1; null without a forecast"
    )
    prob_spike: float = pa.Field(
        ge=0,
        le=1,
        nullable=True,
        description="Probability that ^VIX rises by more than 10 % over the next session; null without a forecast",
    )
    spike_threshold: float = pa.Field(
        ge=0, le=1, nullable=True, description="prob_spike at or above it exits; null without a forecast"
    )
    regime: str = pa.Field(
        isin=["calm", "normal", "stressed"],
        nullable=True,
        description="calm, normal or stressed, by the higher of ^VIX and its forecast; null without one of them",
    )
    exit_longs: bool = pa.Field(description="Leave every long: a spike is forecast; false while the regime is unknown")
    size_multiplier: float = pa.Field(
        ge=0,
        le=1,
        nullable=True,
        description="QQQ at the volatility target, fraction of equity; null before 21 bars of QQQ or without its bar",
    )
    missing: str = pa.Field(description="What was missing, comma-separated; empty where nothing was")

    class Config:
        strict = True
        unique = ["session"]


class QqqPosition(pa.DataFrameModel):
    """One row per session: the QQQ weight to hold from the next session's open, and why."""

    session: pl.Date = pa.Field(description=columns.DECIDED)
    target_weight: float = pa.Field(
        ge=0, le=1, description="QQQ to hold from the next session's open, as a fraction of equity; the rest is cash"
    )
    reason: str = pa.Field(
        description="The rule that decided, in words; begins with 'abstains' where an input is missing"
    )
    inputs: str = pa.Field(description="Hash of the forecasts and bars of the session it was made from")

    class Config:
        strict = True
        unique = ["session"]


MAG7_BALLOTS = table("signals.mag7_ballots", Mag7Ballots, key=("session", "ticker"), unit="year")
MAG7_VOTE = table("signals.mag7_vote", Mag7Vote, key=("session",), unit="year")
SECTOR_RANKS = table("signals.sector_ranks", SectorRanks, key=("session", "ticker"), unit="year")
SECTOR_ROTATION = table("signals.sector_rotation", SectorRotation, key=("session",), unit="year")
VIX_REGIME = table("signals.vix_regime", VixRegime, key=("session",), unit="year")
QQQ_POSITION = table("signals.qqq_position", QqqPosition, key=("session",), unit="year")
