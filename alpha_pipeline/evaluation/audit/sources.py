"""Probes of the bars themselves: no day is invented, and what a source restates leaves the past as it was."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.truncation import difference, known
from alpha_pipeline.evaluation.audit.walk import Stage, feature_tables
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.ingestion.quality import QUARANTINE_SCHEMA
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline.universe import VIX

HOLIDAYS: Final = "holidays"
RESTATEMENT: Final = "restatement"

# A Monday on which the NYSE was shut and CBOE printed, its neighbours, and a Sunday.
HOLIDAY: Final = dt.date(2024, 1, 15)
PRINTED: Final = (dt.date(2024, 1, 12), dt.date(2024, 1, 14), HOLIDAY, dt.date(2024, 1, 16), dt.date(2024, 1, 17))


def holidays(pipeline: Pipeline, stored: Sequence[tuple[str, pl.DataFrame]]) -> Finding:
    """An answer with rows of days on which the NYSE was shut leaves none in the bars, and none is held.

    Args:
        pipeline: its ingest is looked at.
        stored: (table, rows with ticker and session) that are held.
    """
    now = calendar.close_time(PRINTED[-1]) + dt.timedelta(days=1)
    kept = ingested(pipeline, PRINTED, now)["session"].to_list()
    wrong = [
        f"a row of ^VIX on {day}, when the NYSE was shut, is taken for a bar"
        for day in kept
        if not calendar.is_session(day)
    ]
    for name, held in stored:
        stray = held.filter(~pl.col("session").is_in(calendar.all_sessions()))
        wrong += [
            f"{name} holds {ticker} on {day}, which is no session"
            for ticker, day in stray.select("ticker", "session").iter_rows()
        ]
    count = sum(held.height for _, held in stored)
    return judged(
        HOLIDAYS,
        wrong,
        f"rows of days on which the NYSE was shut are refused; none is among the {count:,} held",
        {"rows": count},
    )


def ingested(pipeline: Pipeline, days: Sequence[dt.date], now: dt.datetime) -> pl.DataFrame:
    """The bars that an answer for ^VIX on some days leaves in an empty warehouse.

    Args:
        pipeline: its ingest is called.
        days: of the rows; the last is the last session wanted.
        now: when the answer is fetched.
    """
    n = len(days)
    rows = pl.DataFrame({"ticker": [VIX] * n, "session": days, "is_final": [True] * n}).with_columns(
        *(pl.lit(13.0).alias(name) for name in ("open", "high", "low", "close", "adj_close")), volume=0.0
    )
    answer = Answer(VIX, rows.select(*ANSWER_SCHEMA), pl.DataFrame(schema=ACTION_SCHEMA), "cboe")
    nothing = pl.DataFrame(schema=BARS_SCHEMA), pl.DataFrame(schema=QUARANTINE_SCHEMA)
    return pipeline.ingest(answer, *nothing, now=now, through=days[-1]).bars


def restatement(pipeline: Pipeline, world: World, session: dt.date, horizons: Sequence[int]) -> Finding:
    """Dividends paid after a session change no feature and no target known by it.

    A source anchors adjusted closes at its newest bar. The history is looked at as it was at the session, and as the
    source tells it at the world's end.

    Args:
        pipeline: its anchor, feature tables and targets are looked at.
        world: bars and what was paid, beyond the session.
        session: at which to look back.
        horizons: of the targets, in sessions.
    """
    paid = world.actions.filter(pl.col("session") > session, pl.col("kind") != "split").height
    if not paid:
        return Finding(RESTATEMENT, "nothing", f"nothing was paid after {session}")
    wrong = []
    then, now = (list(_stages(pipeline, one, horizons)) for one in (_as_told_at(world, session), world))
    for before, after in zip(then, now, strict=True):
        found = difference(known(after, session), known(before, session))
        if found is not None:
            wrong.append(f"{before.name} of the past {found} once dividends follow")
    return judged(
        RESTATEMENT,
        wrong,
        f"{paid} payments after {session} leave every bit of {len(now)} tables before it",
        {"payments": paid, "tables": len(now)},
    )


def _stages(pipeline: Pipeline, world: World, horizons: Sequence[int]) -> list[Stage]:
    bars = pipeline.anchor(world.bars, world.actions)
    tables = [Stage(f"features.{name}", rows) for name, rows in feature_tables(pipeline, bars)]
    return [*tables, Stage("targets.forward", pipeline.targets(bars, horizons), "known_at")]


def _as_told_at(world: World, session: dt.date) -> World:
    """The world as a source told it on a session's evening: adjusted closes that end at the close."""
    cut = world.through(session)
    last = (pl.col("close") / pl.col("adj_close")).last().over("ticker")
    return World(cut.bars.with_columns(adj_close=pl.col("adj_close") * last), cut.actions)
