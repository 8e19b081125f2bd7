"""Portfolio and evaluation: what the signals earned and how good the forecasts were."""

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table
from alpha_pipeline.warehouse.tables import columns


class Ledger(pa.DataFrameModel):
    """One row per (strategy, session): decided at the close before, filled at this session's open, after costs."""

    # A column of that name, not pandera's method.
    strategy: str = pa.Field(description="Strategy whose decisions are accounted for, rivals included")  # type: ignore[assignment]
    session: pl.Date = pa.Field(description="XNYS session of the return")
    weight: float = pa.Field(
        description="Held from this session's open to the next, as a fraction of equity; the rest is cash"
    )
    gross_return: float = pa.Field(description="Close to close, simple, before costs")
    cost: float = pa.Field(ge=0, description="Fraction of equity paid at this session's open")
    net_return: float = pa.Field(description="Close to close, simple, after costs: (1 + gross_return) (1 - cost) - 1")
    equity: float = pa.Field(gt=0, description="At this session's close; 1 before the first")

    class Config:
        strict = True
        unique = ["strategy", "session"]


class Scores(pa.DataFrameModel):
    """One row per (model, ticker, horizon, window, metric), out of sample; n is the number of forecasts."""

    model: str = pa.Field(description=columns.MODEL)
    ticker: str = pa.Field(description=columns.POOL)
    horizon: int = pa.Field(ge=1, description=columns.HORIZON)
    window: str = pa.Field(description="Sessions scored: whole, a year, 2024_2025h1, or the sessions of a regime")
    metric: str = pa.Field(
        description="Figure of forecast quality, ic for example; a figure undefined in the window has no row"
    )
    value: float = pa.Field(description="The metric, out of sample; its unit is the metric's own")
    ci_low: float = pa.Field(nullable=True, description=columns.CI_LOW)
    ci_high: float = pa.Field(nullable=True, description=columns.CI_HIGH)
    n: int = pa.Field(ge=1, description=columns.N_FORECASTS)
    baseline: float = pa.Field(
        nullable=True, description="What a forecaster without skill gets; null where there is none"
    )

    class Config:
        strict = True
        unique = ["model", "ticker", "horizon", "window", "metric"]


class Reliability(pa.DataFrameModel):
    """One row per (model, ticker, horizon, event, bin): how often what was forecast with a probability came."""

    model: str = pa.Field(description=columns.MODEL)
    ticker: str = pa.Field(description=columns.POOL)
    horizon: int = pa.Field(ge=1, description=columns.HORIZON)
    event: str = pa.Field(
        isin=["up", "spike", "bull"], description="up, spike (by more than 10 %), or bull (a bull move)"
    )
    bin: int = pa.Field(ge=1, description="1 holds the lowest probabilities; bins are of about equal count")
    forecast: float = pa.Field(ge=0, le=1, description="Mean probability forecast in the bin")
    frequency: float = pa.Field(ge=0, le=1, description="How often the event came")
    ci_low: float = pa.Field(
        nullable=True,
        description="Lower end of the 95 % interval of the frequency, bins held fixed; null where there is none",
    )
    ci_high: float = pa.Field(
        nullable=True, description="Upper end of the 95 % interval of the frequency; null where there is none"
    )
    n: int = pa.Field(ge=1, description="Forecasts in the bin")

    class Config:
        strict = True
        unique = ["model", "ticker", "horizon", "event", "bin"]


class Decay(pa.DataFrameModel):
    """One row per (model, lag): the information coefficient of one-session forecasts with returns `lag` sessions on."""

    model: str = pa.Field(description=columns.MODEL)
    lag: int = pa.Field(ge=0, description="Sessions; 0 is the return that was forecast")
    ic: float = pa.Field(
        ge=-1,
        le=1,
        description="Correlation of forecast and return, pooled in units of each ticker's own volatility",
    )
    ci_low: float = pa.Field(nullable=True, description=columns.CI_LOW)
    ci_high: float = pa.Field(nullable=True, description=columns.CI_HIGH)
    n: int = pa.Field(ge=1, description=columns.N_FORECASTS)

    class Config:
        strict = True
        unique = ["model", "lag"]


class Folds(pa.DataFrameModel):
    """One row per (model, first_session): the one-session forecasts of a walk-forward fold, stocks and funds pooled."""

    model: str = pa.Field(description=columns.MODEL)
    first_session: pl.Date = pa.Field(description="First session forecast by the fold's members")
    last_session: pl.Date = pa.Field(
        description="Last session forecast by the fold's members, of those with an outcome"
    )
    trained_through: pl.Date = pa.Field(description="Last session whose label was used")
    ic: float = pa.Field(
        ge=-1, le=1, description="Correlation of forecast and return, pooled in units of each ticker's own volatility"
    )
    ci_low: float = pa.Field(nullable=True, description=columns.CI_LOW)
    ci_high: float = pa.Field(nullable=True, description=columns.CI_HIGH)
    seeds: int = pa.Field(ge=1, description="Members averaged at most; with 1 the spread says nothing")
    spread: float = pa.Field(
        ge=0,
        description="Mean standard deviation between seeds, in units of the forecast's volatility; 0 with one seed",
    )
    n: int = pa.Field(ge=1, description=columns.N_FORECASTS)

    class Config:
        strict = True
        unique = ["model", "first_session"]


LEDGER = table("portfolio.ledger", Ledger, key=("strategy", "session"), unit="strategy")
SCORES = table("evaluation.scores", Scores, key=("model", "ticker", "horizon", "window", "metric"), unit="model")
RELIABILITY = table(
    "evaluation.reliability", Reliability, key=("model", "ticker", "horizon", "event", "bin"), unit="model"
)
DECAY = table("evaluation.decay", Decay, key=("model", "lag"), unit="model")
FOLDS = table("evaluation.folds", Folds, key=("model", "first_session"), unit="model")
