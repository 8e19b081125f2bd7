"""Probe: who is in the universe at a session does not depend on who does well, or is there at all, after it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.matrix import MatrixTrainingData
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.universe import HOLDINGS

PROBE: Final = "universe"
LABEL: Final = "survivor"
# Sessions after the fold's first at which one of the tickers stops trading.
LEAVES_AFTER: Final = 15


def universe(pipeline: Pipeline, experiment: Experiment, world: World, fold: Fold) -> Finding:
    """A ticker that stops trading after a fold began was among those that its shared model learned from.

    And every experiment on today's holdings says that its past is that of survivors.

    Args:
        pipeline: its samples, matrix and cut of a matrix, and its experiments' descriptions, are looked at.
        experiment: a shared model.
        world: bars of some of its tickers, enough before the fold to learn from.
        fold: whose training data are looked at.
    """
    wrong = _unlabelled(pipeline.experiments())
    labelled = sum(bool(set(one.tickers) & set(HOLDINGS)) for one in pipeline.experiments().values())
    leaver = world.tickers[-1]
    inside = [day for day in world.sessions if day >= fold.first_session]
    end = inside[LEAVES_AFTER] if len(inside) > LEAVES_AFTER + 1 else None
    learned = "too few sessions are held to see whom a shared model learns from"
    if end is not None:
        left = World(world.bars.filter((pl.col("ticker") != leaver) | (pl.col("session") <= end)), world.actions)
        at = inside[0]
        try:
            then, now = (_learned_from(pipeline, experiment, one, fold) for one in (world.through(at), left))
        except NotEnoughDataError:
            pass
        else:
            wrong += _apart(then, now, leaver, end)
            learned = (
                f"the shared model of {at} learns from the {len(now.tickers)} tickers there were, who left among them"
            )
    return judged(
        PROBE,
        wrong,
        f"{learned}; {labelled} experiment(s) on today's holdings say that they are survivor-biased",
        {"labelled": labelled},
    )


def _unlabelled(experiments: Mapping[str, Experiment]) -> list[str]:
    return [
        f"{name} learns from today's holdings and does not say that its past is that of survivors"
        for name, experiment in experiments.items()
        if set(experiment.tickers) & set(HOLDINGS) and LABEL not in experiment.description
    ]


def _learned_from(pipeline: Pipeline, experiment: Experiment, world: World, fold: Fold) -> MatrixTrainingData:
    bars = pipeline.anchor(world.bars, world.actions)
    targets = pipeline.targets(bars, experiment.target.horizons)
    samples = [pipeline.samples(ticker, experiment, {}, bars, targets) for ticker in world.tickers]
    return pipeline.matrix_cut(pipeline.matrix(samples), fold, experiment.training.slice_rule)


def _apart(then: MatrixTrainingData, now: MatrixTrainingData, leaver: str, end: dt.date) -> list[str]:
    if then.tickers != now.tickers:
        lost: Sequence[str] = sorted(set(then.tickers) ^ set(now.tickers))
        words = (
            f"learned from {len(then.tickers)} tickers and, now that {leaver} left on {end}, from {len(now.tickers)}"
        )
        return [f"the shared model of {then.fold.first_session} {words}: {', '.join(lost)} differ"]
    if then.digest() != now.digest():
        return [f"the training data of {then.fold.first_session} differ once {leaver} has left on {end}"]
    return []
