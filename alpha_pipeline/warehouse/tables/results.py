"""Portfolio and evaluation: what the signals earned and how good the forecasts were."""

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table


class Ledger(pa.DataFrameModel):
    """One row per (strategy, session): decided at the close before, filled at this session's open, after costs."""

    strategy: str  # type: ignore[assignment]  # a column of that name, not pandera's method
    session: pl.Date
    weight: float = pa.Field(description="Held from this session's open to the next")
    gross_return: float = pa.Field(description="Close to close, simple, before costs")
    cost: float = pa.Field(ge=0, description="Fraction of equity paid at this session's open")
    net_return: float
    equity: float = pa.Field(gt=0, description="At this session's close; 1 before the first")

    class Config:
        strict = True
        unique = ["strategy", "session"]


class Scores(pa.DataFrameModel):
    """One row per (model, ticker, horizon, window, metric), out of sample; n is the number of forecasts."""

    model: str
    ticker: str = pa.Field(description="'*' pools the stocks and funds, less those on volatility")
    horizon: int = pa.Field(ge=1)
    window: str
    metric: str
    value: float
    ci_low: float = pa.Field(nullable=True)
    ci_high: float = pa.Field(nullable=True)
    n: int = pa.Field(ge=1)
    baseline: float = pa.Field(nullable=True, description="What a forecaster without skill gets")

    class Config:
        strict = True
        unique = ["model", "ticker", "horizon", "window", "metric"]


class Reliability(pa.DataFrameModel):
    """One row per (model, ticker, horizon, event, bin): how often what was forecast with a probability came."""

    model: str
    ticker: str = pa.Field(description="'*' pools the stocks and funds, less those on volatility")
    horizon: int = pa.Field(ge=1)
    event: str = pa.Field(isin=["up", "spike", "bull"])
    bin: int = pa.Field(ge=1, description="1 holds the lowest probabilities; bins are of about equal count")
    forecast: float = pa.Field(ge=0, le=1, description="Mean probability forecast in the bin")
    frequency: float = pa.Field(ge=0, le=1, description="How often the event came")
    ci_low: float = pa.Field(nullable=True)
    ci_high: float = pa.Field(nullable=True)
    n: int = pa.Field(ge=1)

    class Config:
        strict = True
        unique = ["model", "ticker", "horizon", "event", "bin"]


class Decay(pa.DataFrameModel):
    """One row per (model, lag): the information coefficient of one-session forecasts with returns `lag` sessions on."""

    model: str
    lag: int = pa.Field(ge=0, description="Sessions; 0 is the return that was forecast")
    ic: float = pa.Field(ge=-1, le=1)
    ci_low: float = pa.Field(nullable=True)
    ci_high: float = pa.Field(nullable=True)
    n: int = pa.Field(ge=1)

    class Config:
        strict = True
        unique = ["model", "lag"]


class Folds(pa.DataFrameModel):
    """One row per (model, first_session): the one-session forecasts of a walk-forward fold, stocks and funds pooled."""

    model: str
    first_session: pl.Date
    last_session: pl.Date
    trained_through: pl.Date = pa.Field(description="Last session whose label was used")
    ic: float = pa.Field(ge=-1, le=1)
    ci_low: float = pa.Field(nullable=True)
    ci_high: float = pa.Field(nullable=True)
    seeds: int = pa.Field(ge=1)
    spread: float = pa.Field(ge=0, description="Between seeds, in units of the forecast's volatility")
    n: int = pa.Field(ge=1)

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
