"""Proof: what was tried, what beats what, and how much of a record luck would explain."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table

UtcTime = Annotated[pl.Datetime, "us", "UTC"]


class Records(pa.DataFrameModel):
    """One row per (strategy, variant, metric): how a strategy did, over its whole ledger.

    Net is after costs, gross before them, lagged after costs with every decision filled one session later.
    """

    strategy: str  # type: ignore[assignment]  # a column of that name, not pandera's method
    variant: str = pa.Field(isin=["net", "gross", "lagged"])
    metric: str = pa.Field(isin=["sharpe", "cagr", "max_drawdown", "turnover", "exposure"])
    value: float = pa.Field(description="Sharpe, growth and turnover a year of 252 sessions; the rest fractions")
    ci_low: float = pa.Field(nullable=True, description="Null for the drawdown, which is no function of sums")
    ci_high: float = pa.Field(nullable=True)

    class Config:
        strict = True
        unique = ["strategy", "variant", "metric"]


class Trials(pa.DataFrameModel):
    """One row per trial: everything ever evaluated in this warehouse, counted by the system. Rows are never deleted.

    A model's trial is (experiment's configuration, ticker, seeds): hold the ticker from the next open while the
    expected return is above 0, else cash. A strategy's trial is its ledger.
    """

    trial_id: str = pa.Field(description="Hash of what makes it a trial of its own; no date is in it")
    kind: str = pa.Field(isin=["model", "strategy"])
    name: str = pa.Field(description="Experiment or strategy")
    ticker: str = pa.Field(nullable=True, description="Null for a strategy")
    seeds: int = pa.Field(ge=0, description="Members averaged; 0 where nothing is trained")
    variant: str = pa.Field(description="Of the configuration: the start of its hash; empty where there is none")
    first_seen: UtcTime
    n: int = pa.Field(ge=1, description="Sessions")
    sharpe: float = pa.Field(
        nullable=True, description="Per session, after costs; null for an index, and for what never moved"
    )
    skew: float = pa.Field(nullable=True)
    kurtosis: float = pa.Field(nullable=True, description="3 for a normal distribution")

    class Config:
        strict = True
        unique = ["trial_id"]


class Comparisons(pa.DataFrameModel):
    """One row per (name, statistic): whether a beats b, by how much, and how small a difference would be found.

    The value is the advantage of a: positive is better, also where the statistic is a loss. Intervals by a
    bootstrap of whole sessions. Criteria are in docs/questions.md.
    """

    kind: str = pa.Field(isin=["model", "strategy", "spike", "lead"])
    name: str = pa.Field(description="The question")
    window: str
    a: str
    b: str
    statistic: str
    value: float
    ci_low: float = pa.Field(nullable=True)
    ci_high: float = pa.Field(nullable=True)
    p_value: float = pa.Field(ge=0, le=1, nullable=True, description="Two-sided, of no difference")
    minimum_detectable: float = pa.Field(
        ge=0, nullable=True, description="A true difference as large is found 4 times in 5, at 5 %, two-sided"
    )
    verdict: str = pa.Field(isin=["better", "worse", "undecided"])
    words: str
    n: int = pa.Field(ge=1, description="Forecasts of each, or sessions")

    class Config:
        strict = True
        unique = ["name", "statistic"]


class LeadLag(pa.DataFrameModel):
    """One row per (leader, follower, kind, lag): what the leader's close says of the follower's return.

    The leader is known at the close of t, the follower's return runs from the open of t+lag to the next open.
    A row of kind granger_… tests all lags together, beside the follower's own past.
    """

    leader: str
    follower: str
    lag: int = pa.Field(ge=1, description="Sessions; of a joint test the largest")
    kind: str = pa.Field(isin=["return", "signal", "granger_return", "granger_signal"])
    beta: float = pa.Field(
        nullable=True, description="Log return of the follower for one standard deviation of the leader"
    )
    t_stat: float = pa.Field(nullable=True, description="Newey-West; null for a joint test")
    p_value: float = pa.Field(ge=0, le=1)
    p_value_adjusted: float = pa.Field(ge=0, le=1, description="Holm, over every row of the table")
    n: int = pa.Field(ge=1, description="Sessions")
    verdict: str = pa.Field(isin=["leads", "undecided"])

    class Config:
        strict = True
        unique = ["leader", "follower", "kind", "lag"]


class Luck(pa.DataFrameModel):
    """One row per (name, metric): how much of a record luck would explain, given how often it was tried."""

    name: str = pa.Field(description="A strategy, a model, or what several were chosen from")
    metric: str
    value: float
    words: str

    class Config:
        strict = True
        unique = ["name", "metric"]


RECORDS = table("evaluation.records", Records, key=("strategy", "variant", "metric"), unit="strategy")
TRIALS = table("evaluation.trials", Trials, key=("trial_id",), unit="kind", volatile=("first_seen",))
COMPARISONS = table("evaluation.comparisons", Comparisons, key=("name", "statistic"), unit="kind")
LEAD_LAG = table("evaluation.lead_lag", LeadLag, key=("leader", "follower", "kind", "lag"), unit="follower")
LUCK = table("evaluation.luck", Luck, key=("name", "metric"), unit="name")
