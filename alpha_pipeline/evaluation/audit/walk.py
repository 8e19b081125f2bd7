"""A walk: the whole pipeline over one world, from bars to ledgers, stage by stage.

What the steps do with a warehouse, without one. A walk is lazy, so that a probe which has found a difference at one
stage pays for no later one.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS
from alpha_pipeline.portfolio.strategies import SignalRows
from alpha_pipeline.training.artifact import Artifact, sha256
from alpha_pipeline.training.member import Member
from alpha_pipeline.universe import VIX


@dataclass(frozen=True)
class Plan:
    """What a walk trains, and from when on it forecasts.

    Attributes:
        experiments: quick models, each on its own tickers; the first casts the ballots, ranks and spikes.
        first_oos: the first session forecast.
        retrain_months: months between two folds.
    """

    experiments: tuple[Experiment, ...]
    first_oos: dt.date
    retrain_months: int = 12


@dataclass(frozen=True)
class Stage:
    """One table of a walk.

    Attributes:
        name: what it is.
        rows: sorted alike wherever the data end.
        known_by: the column whose date says from which session on a row is known.
    """

    name: str
    rows: pl.DataFrame
    known_by: str = "session"


@dataclass(frozen=True)
class Trained:
    """The folds of one experiment and ticker, trained.

    Attributes:
        experiment: what.
        samples: on what.
        members: data and artifact of each fold, in order; those with too little data at the start are left out.
    """

    experiment: Experiment
    samples: Samples
    members: tuple[tuple[Member, Artifact], ...]

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """In the order of the folds."""
        return tuple(artifact for _, artifact in self.members)


def walk(pipeline: Pipeline, world: World, plan: Plan) -> Iterator[Stage]:
    """Every stage in order: feature tables, targets, training, forecasts, signals, one ledger per strategy.

    Args:
        pipeline: the functions to call.
        world: the bars.
        plan: what to train.

    Raises:
        NotEnoughDataError: the world ends before the first out-of-sample session.
    """
    bars = pipeline.anchor(world.bars, world.actions)
    features: dict[str, pl.DataFrame] = {}
    for name, rows in feature_tables(pipeline, bars):
        features[name] = rows
        yield Stage(f"features.{name}", rows)
    horizons = sorted({horizon for experiment in plan.experiments for horizon in experiment.target.horizons})
    targets = pipeline.targets(bars, horizons)
    yield Stage("targets.forward", targets, "known_at")
    folds = plan_folds(pipeline, bars, plan)
    trained = list(_train_all(pipeline, plan, folds, features, bars, targets))
    yield Stage("training", _as_rows(trained))
    made = [pipeline.forecast(one.samples, one.experiment, one.artifacts) for one in trained if one.members]
    if not made:
        return
    forecasts = pl.concat(made).sort("model", "ticker", "session", "horizon")
    yield Stage("forecasts.daily", forecasts)
    yield from signals(pipeline, plan, forecasts, bars)


def feature_tables(pipeline: Pipeline, bars: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """(name, rows) of each feature table, from anchored bars."""
    for name, step in pipeline.features.items():
        yield name, step.table(bars)


def plan_folds(pipeline: Pipeline, bars: pl.DataFrame, plan: Plan) -> tuple[Fold, ...]:
    """The folds up to the last bar.

    Raises:
        NotEnoughDataError: it lies before the first out-of-sample session.
    """
    last = max(bars["session"])
    return pipeline.folds(last, first_oos=plan.first_oos, retrain_months=plan.retrain_months)


def train(pipeline: Pipeline, experiment: Experiment, samples: Samples, folds: tuple[Fold, ...]) -> Trained:
    """Train a ticker's folds one by one, seed 0; the folds with too little data are left out."""
    members: list[tuple[Member, Artifact]] = []
    for fold in folds:
        if fold.first_session > samples.sessions[-1]:
            break
        try:
            data = pipeline.cut(samples, fold, experiment.training.slice_rule)
        except NotEnoughDataError:
            continue
        member = Member(experiment, data, seed=0, parent_id=None)
        members.append((member, pipeline.fit(member, None, "cpu")))
    return Trained(experiment, samples, tuple(members))


def signals(pipeline: Pipeline, plan: Plan, forecasts: pl.DataFrame, bars: pl.DataFrame) -> Iterator[Stage]:
    """The signals and ledgers that the first experiment's forecasts make."""
    days = calendar.between(plan.first_oos, max(bars["session"]))
    said = forecasts.filter(pl.col("model") == plan.experiments[0].name)
    ballots = pipeline.ballots(said)
    yield Stage("signals.mag7_ballots", ballots)
    vote = pipeline.vote(ballots, days)
    yield Stage("signals.mag7_vote", vote)
    ranks = pipeline.ranks(said)
    yield Stage("signals.sector_ranks", ranks)
    rotation = pipeline.rotation(ranks, days)
    yield Stage("signals.sector_rotation", rotation)
    closes = bars.filter(pl.col("ticker") == VIX).select("session", "close")
    regime = pipeline.regime(said, closes, bars.filter(pl.col("ticker") == "QQQ"), days)
    yield Stage("signals.vix_regime", regime)
    position = pipeline.position(vote, rotation, regime)
    yield Stage("signals.qqq_position", position)
    yield from ledgers(pipeline, SignalRows(position, vote, rotation, regime), bars)


def ledgers(pipeline: Pipeline, signalled: SignalRows, bars: pl.DataFrame) -> Iterator[Stage]:
    """One ledger per strategy whose tickers all have bars."""
    held = set(bars["ticker"].unique())
    for name, decided in pipeline.decisions(signalled, bars).items():
        if set(decided["ticker"].unique()) <= held:
            yield Stage(f"portfolio.ledger {name}", pipeline.ledger(name, decided, bars, DEFAULT_COST_BPS))


def _train_all(
    pipeline: Pipeline,
    plan: Plan,
    folds: tuple[Fold, ...],
    features: Mapping[str, pl.DataFrame],
    bars: pl.DataFrame,
    targets: pl.DataFrame,
) -> Iterator[Trained]:
    held = set(bars["ticker"].unique())
    for experiment in plan.experiments:
        for ticker in experiment.tickers:
            if ticker in held:
                samples = pipeline.samples(ticker, experiment, features, bars, targets)
                yield train(pipeline, experiment, samples, folds)


def _as_rows(trained: list[Trained]) -> pl.DataFrame:
    """What each member learned from and what it became, one row each; known when its fold begins."""
    rows = [
        (
            one.experiment.name,
            one.samples.ticker,
            artifact.card.first_session,
            member.data_hash,
            artifact.card.trained_through,
            sha256(artifact.weights),
            artifact.card.model_dump_json(exclude={"libraries"}),
        )
        for one in trained
        for member, artifact in one.members
    ]
    columns = ["experiment", "ticker", "session", "data", "trained_through", "weights", "card"]
    schema = dict.fromkeys(columns, pl.String()) | {"session": pl.Date(), "trained_through": pl.Date()}
    return pl.DataFrame(rows, schema=schema, orient="row")
