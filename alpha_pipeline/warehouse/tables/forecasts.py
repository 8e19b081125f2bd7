"""Targets and forecasts."""

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table
from alpha_pipeline.warehouse.tables import columns
from alpha_pipeline.warehouse.tables.columns import UtcTime


class Forward(pa.DataFrameModel):
    """One row per (ticker, session, horizon): the adjusted log returns that follow that session's close.

    Known from the open of session t+1+h on (`known_at`), which completes the later of the two.
    """

    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(description="XNYS session at whose close the forecast would have been made")
    horizon: int = pa.Field(ge=1, description=columns.HORIZON)
    close_log_return: float = pa.Field(description="Adjusted log return from the close of t to the close of t+h")
    open_log_return: float = pa.Field(
        description="Adjusted log return from the open of t+1 to the open of t+1+h: what can be traded"
    )
    known_at: pl.Date = pa.Field(description="Session from whose open on the label may be used: t+1+h")

    class Config:
        strict = True
        unique = ["ticker", "session", "horizon"]


class Daily(pa.DataFrameModel):
    """One row per (model, ticker, session, horizon): a forecast made at that session's close.

    The model was trained on labels known before the session only. Live rows are never rewritten.
    """

    model: str = pa.Field(description=columns.MODEL)
    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(description="XNYS session at whose close the forecast is made")
    horizon: int = pa.Field(ge=1, description=columns.HORIZON)
    expected_return: float = pa.Field(description="Log return; open to open, close to close for an index")
    forecast_vol: float = pa.Field(gt=0, description="Scale of the predictive distribution, log return")
    low_90: float = pa.Field(
        nullable=True,
        description="5 % quantile of the predictive distribution, log return; null in rows made before it was kept",
    )
    high_90: float = pa.Field(
        nullable=True,
        description="95 % quantile of the predictive distribution, log return; null in rows made before it was kept",
    )
    prob_up: float = pa.Field(ge=0, le=1, description="Probability that the return is above 0")
    prob_spike: float = pa.Field(
        ge=0, le=1, nullable=True, description="P(change > +10 %); null where not a spike model"
    )
    spike_threshold: float = pa.Field(
        ge=0,
        le=1,
        nullable=True,
        description="prob_spike that fires, chosen on the fold's validation slice; null where prob_spike is",
    )
    prob_bull: float = pa.Field(
        ge=0, le=1, nullable=True, description="P(return > bull_move); null where not a model of bull moves"
    )
    bull_threshold: float = pa.Field(
        ge=0,
        le=1,
        nullable=True,
        description="prob_bull that fires, chosen on the fold's validation slice; null where prob_bull is",
    )
    bull_move: float = pa.Field(
        gt=0,
        nullable=True,
        description="Log return above which it is a bull move; null where prob_bull is",
    )
    trained_through: pl.Date = pa.Field(description="Last session whose label was used")
    model_id: str = pa.Field(description="Ids of the members that made it, joined by +")
    seeds: int = pa.Field(ge=1, description="Members averaged")
    seed_spread: float = pa.Field(
        ge=0, description="Standard deviation of expected_return between seeds, log return; 0 with one seed"
    )
    made_at: UtcTime = pa.Field(description="UTC time at which the row was first made")
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
    lost="forecasts that were made live",
    regained="makes them anew, but for that they were live",
)
