"""Probe: a feature does not change beyond its declared look-back."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import FeatureStep, Pipeline
from alpha_pipeline.evaluation.audit.world import World

PROBE: Final = "warm_up"
# What a feature promises of the sessions before its look-back: no more than this of itself.
RELATIVE: Final = 1e-6
ABSOLUTE: Final = 1e-9


def warm_up(pipeline: Pipeline, world: World, at: dt.date) -> Finding:
    """Compute each feature at one session from the whole history and from its look-back alone.

    Args:
        pipeline: its feature tables are looked at.
        world: bars; tickers that miss a session within the longest look-back are left out.
        at: the session.
    """
    longest = max(feature.look_back for step in pipeline.features.values() for feature in step.features)
    days = [day for day in world.sessions if day <= at][-longest - 1 :]
    whole = _complete(world.through(at), days)
    bars = pipeline.anchor(whole.bars, whole.actions)
    wrong: list[str] = []
    count = 0
    if len(days) > longest and not bars.is_empty():
        for name, step in pipeline.features.items():
            expected = step.table(bars).filter(pl.col("session") == at)
            for look_back in sorted({feature.look_back for feature in step.features}):
                names = [feature.name for feature in step.features if feature.look_back == look_back]
                short = step.table(bars.filter(pl.col("session") >= days[-1 - look_back]))
                wrong += _changed(name, step, short.filter(pl.col("session") == at), expected, names)
                count += len(names)
    if not count:
        return Finding(PROBE, "nothing", f"no ticker has {longest + 1} sessions in a row up to {at}")
    tickers = bars["ticker"].n_unique()
    return judged(
        PROBE,
        wrong,
        f"{count} features of {tickers} tickers at {at} need no more than the look-back that they declare",
        {"features": count, "tickers": tickers},
    )


def _complete(world: World, days: Sequence[dt.date]) -> World:
    """The tickers with a bar on each of some sessions."""
    counts = world.bars.filter(pl.col("session").is_in(list(days))).group_by("ticker").len()
    return world.only(counts.filter(pl.col("len") == len(days))["ticker"].to_list())


def _changed(
    table: str, step: FeatureStep, short: pl.DataFrame, expected: pl.DataFrame, names: Sequence[str]
) -> list[str]:
    look_back = {feature.name: feature.look_back for feature in step.features}
    return [
        f"features.{table} {name} changes with what lies before its look-back of {look_back[name]} sessions"
        for name in names
        if not _same(short[name], expected[name])
    ]


def _same(left: pl.Series, right: pl.Series) -> bool:
    if not left.is_null().equals(right.is_null()):
        return False
    a, b = left.drop_nulls().to_numpy(), right.drop_nulls().to_numpy()
    return bool(np.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE))
