"""Signals: what the forecasts of one session's close say together."""

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table


class Mag7Ballots(pa.DataFrameModel):
    """One row per (session, ticker): one stock's ballot; a stock without a fresh forecast casts none."""

    session: pl.Date
    ticker: str
    prob_up: float = pa.Field(ge=0, le=1)
    expected_return: float
    prob_bull: float = pa.Field(ge=0, le=1, nullable=True, description="P(bull move), where the model forecasts one")
    bull_threshold: float = pa.Field(ge=0, le=1, nullable=True, description="Bull from here on; 1 never fires")
    is_bull: bool

    class Config:
        strict = True
        unique = ["session", "ticker"]


class Mag7Vote(pa.DataFrameModel):
    """One row per session: more than 4 of 7 bull is a strong buy; fewer than 5 ballots is an abstention."""

    session: pl.Date
    n_bull: int = pa.Field(ge=0, le=7)
    n_voting: int = pa.Field(ge=0, le=7)
    signal: str = pa.Field(isin=["strong_buy", "neutral", "abstain"])
    missing: str = pa.Field(description="Tickers that cast no ballot, comma-separated")

    class Config:
        strict = True
        unique = ["session"]


class SectorRanks(pa.DataFrameModel):
    """One row per (session, ticker): a sector's expected return and its rank, 1 the best."""

    session: pl.Date
    ticker: str
    expected_return: float
    prob_up: float = pa.Field(ge=0, le=1)
    rank: int = pa.Field(ge=1, le=7)

    class Config:
        strict = True
        unique = ["session", "ticker"]


class SectorRotation(pa.DataFrameModel):
    """One row per session: the sector held from the next open; chosen anew on the last session of a week."""

    session: pl.Date
    pick: str = pa.Field(nullable=True, description="Sector; null while there is none or the rotation abstains")
    qqq_allowed: bool = pa.Field(description="XLK and XLY are both bullish")
    is_rebalance: bool
    missing: str = pa.Field(description="Sectors without a fresh forecast, comma-separated")

    class Config:
        strict = True
        unique = ["session"]


class VixRegime(pa.DataFrameModel):
    """One row per session: the volatility regime, whether to leave every QQQ long, and how large to be."""

    session: pl.Date
    expected_change: float = pa.Field(
        nullable=True, description="Expected change of ^VIX over the next session, ratio - 1"
    )
    prob_spike: float = pa.Field(ge=0, le=1, nullable=True)
    spike_threshold: float = pa.Field(ge=0, le=1, nullable=True, description="prob_spike at or above it exits")
    regime: str = pa.Field(isin=["calm", "normal", "stressed"], nullable=True)
    exit_longs: bool
    size_multiplier: float = pa.Field(ge=0, le=1, nullable=True)
    missing: str = pa.Field(description="What was missing, comma-separated")

    class Config:
        strict = True
        unique = ["session"]


class QqqPosition(pa.DataFrameModel):
    """One row per session: the QQQ weight to hold from the next session's open, and why."""

    session: pl.Date
    target_weight: float = pa.Field(ge=0, le=1)
    reason: str
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
