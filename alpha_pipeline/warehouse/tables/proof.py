"""Proof: what was tried, what beats what, and how much of a record luck would explain."""

import pandera.polars as pa

from alpha_pipeline.warehouse.table import table
from alpha_pipeline.warehouse.tables import columns
from alpha_pipeline.warehouse.tables.columns import UtcTime


class Records(pa.DataFrameModel):
    """One row per (strategy, variant, metric): how a strategy did, over its whole ledger.

    Net is after costs, gross before them, lagged after costs with every decision filled one session later.
    """

    # A column of that name, not pandera's method.
    strategy: str = pa.Field(description="Strategy, rivals included")  # type: ignore[assignment]
    variant: str = pa.Field(
        isin=["net", "gross", "lagged"],
        description="net (after costs), gross (before them), or lagged (net, every decision filled a session later)",
    )
    metric: str = pa.Field(
        isin=["sharpe", "cagr", "max_drawdown", "turnover", "exposure"],
        description="sharpe, cagr, max_drawdown, turnover or exposure",
    )
    value: float = pa.Field(
        description="Sharpe, growth and turnover a year of 252 sessions, none of a record below 248; the rest fractions"
    )
    ci_low: float = pa.Field(
        nullable=True,
        description="Lower end of the 95 % interval; null for the drawdown, which is no function of sums",
    )
    ci_high: float = pa.Field(nullable=True, description="Upper end of the 95 % interval; null for the drawdown")

    class Config:
        strict = True
        unique = ["strategy", "variant", "metric"]


class Trials(pa.DataFrameModel):
    """One row per trial: everything ever evaluated in this warehouse, counted by the system. Rows are never deleted.

    A model's trial is (experiment's configuration, ticker, seeds): hold the ticker from the next open while the
    expected return is above 0, else cash. A strategy's trial is its ledger.
    """

    trial_id: str = pa.Field(description="Hash of what makes it a trial of its own; no date is in it")
    kind: str = pa.Field(isin=["model", "strategy"], description="model or strategy")
    name: str = pa.Field(description="Experiment or strategy")
    ticker: str = pa.Field(nullable=True, description="Null for a strategy")
    seeds: int = pa.Field(ge=0, description="Members averaged; 0 where nothing is trained")
    variant: str = pa.Field(description="Of the configuration: the start of its hash; empty where there is none")
    first_seen: UtcTime = pa.Field(description="UTC time at which the trial was first counted")
    n: int = pa.Field(ge=1, description="Sessions with a return")
    sharpe: float = pa.Field(
        nullable=True, description="Sharpe ratio per session, after costs; null for an index, and for what never moved"
    )
    skew: float = pa.Field(nullable=True, description="Skewness of its returns; null where the Sharpe ratio is")
    kurtosis: float = pa.Field(
        nullable=True,
        description="Kurtosis of its returns, 3 for a normal distribution; null where the Sharpe ratio is",
    )

    class Config:
        strict = True
        unique = ["trial_id"]


class Comparisons(pa.DataFrameModel):
    """One row per (name, statistic): whether a beats b, by how much, and how small a difference would be found.

    The value is the advantage of a: positive is better, also where the statistic is a loss. Intervals by a
    bootstrap of whole sessions. Criteria are in docs/questions.md.
    """

    kind: str = pa.Field(
        isin=["model", "strategy", "spike", "lead"],
        description="What is compared: model, strategy, spike (a model of volatility beside a rival) or lead",
    )
    name: str = pa.Field(description="The question, as in docs/questions.md")
    window: str = pa.Field(description="Sessions compared: whole, or a part of them")
    a: str = pa.Field(description="Experiment or strategy asked about")
    b: str = pa.Field(description="Experiment or strategy that it is compared with")
    statistic: str = pa.Field(description="Figure in which they differ")
    value: float = pa.Field(description="Advantage of a over b in the statistic: above 0 a is better")
    ci_low: float = pa.Field(
        nullable=True,
        description=columns.CI_LOW,
    )
    ci_high: float = pa.Field(nullable=True, description=columns.CI_HIGH)
    p_value: float = pa.Field(
        ge=0, le=1, nullable=True, description="Two-sided, of no difference; null where none is defined"
    )
    minimum_detectable: float = pa.Field(
        ge=0,
        nullable=True,
        description="True difference that would be found 4 times in 5, at 5 %, two-sided; null where none is defined",
    )
    verdict: str = pa.Field(
        isin=["better", "worse", "undecided"], description="better, worse, or undecided: the interval holds 0"
    )
    words: str = pa.Field(description="The answer as a sentence")
    n: int = pa.Field(ge=1, description="Forecasts of each, or sessions")

    class Config:
        strict = True
        unique = ["name", "statistic"]


class LeadLag(pa.DataFrameModel):
    """One row per (leader, follower, kind, lag): what the leader's close says of the follower's return.

    The leader is known at the close of t, the follower's return runs from the open of t+lag to the next open.
    A row of kind granger_… tests all lags together, beside the follower's own past.
    """

    leader: str = pa.Field(description="Ticker known at the close of t")
    follower: str = pa.Field(description="Ticker whose return from the open of t+lag to the next open is asked about")
    lag: int = pa.Field(ge=1, description="Sessions; of a joint test the largest")
    kind: str = pa.Field(
        isin=["return", "signal", "granger_return", "granger_signal"],
        description="return (close to close) or signal (a model's) of the leader; granger_… tests all lags together",
    )
    beta: float = pa.Field(
        nullable=True,
        description="Log return of the follower for one standard deviation of the leader; null for a joint test",
    )
    t_stat: float = pa.Field(nullable=True, description="Newey-West; null for a joint test")
    p_value: float = pa.Field(ge=0, le=1, description="Of no lead, two-sided, before adjustment")
    p_value_adjusted: float = pa.Field(ge=0, le=1, description="Holm, over every row of the table")
    n: int = pa.Field(ge=1, description="Sessions in the regression")
    verdict: str = pa.Field(isin=["leads", "undecided"], description="leads (adjusted p-value below 5 %) or undecided")

    class Config:
        strict = True
        unique = ["leader", "follower", "kind", "lag"]


class Luck(pa.DataFrameModel):
    """One row per (name, metric): how much of a record luck would explain, given how often it was tried."""

    name: str = pa.Field(description="A strategy, a model, or what several were chosen from")
    metric: str = pa.Field(
        description="n_trials, n_effective, mean_correlation, sharpe, psr, sr0, dsr, pbo, spa_p or mcs_p"
    )
    value: float = pa.Field(description="The metric: a Sharpe ratio a year, a probability, a correlation or a count")
    words: str = pa.Field(description="What the value says, as a sentence")

    class Config:
        strict = True
        unique = ["name", "metric"]


RECORDS = table("evaluation.records", Records, key=("strategy", "variant", "metric"), unit="strategy")
TRIALS = table(
    "evaluation.trials",
    Trials,
    key=("trial_id",),
    unit="kind",
    volatile=("first_seen",),
    lost="trials that are no longer held otherwise",
    regained="counts those that still are",
)
COMPARISONS = table("evaluation.comparisons", Comparisons, key=("name", "statistic"), unit="kind")
LEAD_LAG = table("evaluation.lead_lag", LeadLag, key=("leader", "follower", "kind", "lag"), unit="follower")
LUCK = table("evaluation.luck", Luck, key=("name", "metric"), unit="name")
