"""Targets and forecasts."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table

UtcTime = Annotated[pl.Datetime, "us", "UTC"]


class Forward(pa.DataFrameModel):
    """One row per (ticker, session, horizon): the adjusted log returns that follow that session's close.

    Known from the open of session t+1+h on (`known_at`), which completes the later of the two.
    """

    ticker: str
    session: pl.Date
    horizon: int = pa.Field(ge=1, description="Sessions")
    close_log_return: float = pa.Field(description="Close of t to close of t+h")
    open_log_return: float = pa.Field(description="Open of t+1 to open of t+1+h: what can be traded")
    known_at: pl.Date

    class Config:
        strict = True
        unique = ["ticker", "session", "horizon"]


class Daily(pa.DataFrameModel):
    """One row per (model, ticker, session, horizon): a forecast made at that session's close.

    The model was trained on labels known before the session only. Live rows are never rewritten.
    """

    model: str = pa.Field(description="Experiment")
    ticker: str
    session: pl.Date
    horizon: int = pa.Field(ge=1)
    expected_return: float = pa.Field(description="Log return; open to open, close to close for an index")
    forecast_vol: float = pa.Field(gt=0, description="Scale of the predictive distribution, log return")
    low_90: float = pa.Field(nullable=True, description="5 % quantile of the predictive distribution, log return")
    high_90: float = pa.Field(nullable=True, description="95 % quantile; null in rows made before it was kept")
    prob_up: float = pa.Field(ge=0, le=1)
    prob_spike: float = pa.Field(
        ge=0, le=1, nullable=True, description="P(change > +10 %); null where not a spike model"
    )
    spike_threshold: float = pa.Field(ge=0, le=1, nullable=True, description="Chosen on the fold's validation slice")
    prob_bull: float = pa.Field(
        ge=0, le=1, nullable=True, description="P(return > bull_move); null where not a model of bull moves"
    )
    bull_threshold: float = pa.Field(
        ge=0, le=1, nullable=True, description="Fires from here on; chosen on the fold's validation slice"
    )
    bull_move: float = pa.Field(gt=0, nullable=True, description="Log return that counts as a bull move")
    trained_through: pl.Date = pa.Field(description="Last session whose label was used")
    model_id: str = pa.Field(description="Ids of the members that made it, joined by +")
    seeds: int = pa.Field(ge=1, description="Members averaged")
    seed_spread: float = pa.Field(ge=0, description="Standard deviation of expected_return between seeds")
    made_at: UtcTime
    is_live: bool = pa.Field(description="Made before the next session's open")

    class Config:
        strict = True
        unique = ["model", "ticker", "session", "horizon"]


FORWARD = table("targets.forward", Forward, key=("ticker", "session", "horizon"), unit="ticker")
DAILY = table(
    "forecasts.daily",
    Daily,
    key=("model", "ticker", "session", "horizon"),
    unit="ticker",
    volatile=("made_at", "is_live"),
)
