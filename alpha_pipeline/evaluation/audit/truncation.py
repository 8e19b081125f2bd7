"""Probe: everything at or before a session is the same, in every bit, whatever comes after it.

The future is taken away twice: the rows after the session are removed, and they are replaced by noise. What depends on
how many rows follow shows in the first, what depends on their values in the second.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.audit.finding import Finding, judged
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.walk import Plan, Stage, walk
from alpha_pipeline.evaluation.audit.world import World

PROBE: Final = "truncation"
NOISY_SESSIONS: Final = 25  # kept after the cut, so that every horizon and a month's window reaches into the noise
# They say when and not what.
VOLATILE: Final = ("made_at", "is_live", "fetched_at")

Told = Callable[[str], None]


def truncation(
    pipeline: Pipeline, world: World, plan: Plan, cuts: Sequence[dt.date], told: Told = lambda _: None
) -> Finding:
    """Walk a world whole, and again without its future after each of some sessions.

    Args:
        pipeline: the functions to probe.
        world: bars beyond the last cut.
        plan: what to train.
        cuts: sessions, none before the plan's first out-of-sample session.
        told: is told in words what is done next.
    """
    told("the whole history")
    whole = list(walk(pipeline, world, plan))
    wrong, compared = [], 0
    for cut in cuts:
        for how, cut_off in _without_future(world, cut):
            told(f"{cut}, {how}")
            found, rows = _first_difference(walk(pipeline, cut_off, plan), whole, cut)
            compared += rows
            if found is not None:
                wrong.append(f"what follows {cut} {how}: {found}")
    figures = {"cuts": len(cuts), "stages": len(whole), "rows_compared": compared}
    return judged(
        PROBE,
        wrong,
        f"{compared:,} rows of {len(whole)} tables up to {len(cuts)} sessions are the same in every bit without what "
        "came after, and with noise in its place",
        figures,
    )


def _without_future(world: World, cut: dt.date) -> Iterator[tuple[str, World]]:
    yield "removed", world.through(cut)
    later = [day for day in world.sessions if day > cut][:NOISY_SESSIONS]
    if later:
        yield "replaced by noise", world.noisy_after(cut).through(later[-1])


def _first_difference(stages: Iterator[Stage], whole: Sequence[Stage], until: dt.date) -> tuple[str | None, int]:
    """The first stage that does not say the same up to a session, in words, and how many rows were compared."""
    rows = 0
    expected = {stage.name: stage for stage in whole}
    for stage in stages:
        told, right = known(stage, until), known(expected[stage.name], until)
        rows += right.height
        found = difference(told, right)
        if found is not None:
            return f"{stage.name} {found}", rows
    return None, rows


def known(stage: Stage, until: dt.date) -> pl.DataFrame:
    """A stage's rows known by a session."""
    return stage.rows.filter(pl.col(stage.known_by) <= until)


def difference(left: pl.DataFrame, right: pl.DataFrame) -> str | None:
    """Where two frames first differ, floats by their bits, in words; None where they do not."""
    left, right = _bits(left), _bits(right)
    if left.equals(right):
        return None
    if left.height != right.height:
        return f"has {left.height} rows, not {right.height}"
    for name in right.columns:
        apart = left[name].ne_missing(right[name]).arg_true()
        if len(apart):
            row = right.row(apart[0], named=True)
            place = " ".join(str(row[key]) for key in ("ticker", "strategy", "session") if key in row)
            return f"differs in {name} at {place} ({len(apart)} rows)"
    return "differs in its columns"


def _bits(frame: pl.DataFrame) -> pl.DataFrame:
    floats = [pl.col(name).reinterpret(signed=False) for name, kind in frame.schema.items() if kind == pl.Float64]
    return frame.select(pl.exclude(VOLATILE)).with_columns(*floats)


def cut_sessions(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """Three sessions worth cutting at: in the middle of a week, where the sectors rotate, and where a year begins.

    Args:
        first: the first session forecast.
        last: the last session held.
    """
    days = calendar.between(first, last)
    middle = [day for day in days[len(days) // 4 :] if day.weekday() == 2]
    ends = [day for day in days[len(days) // 2 :] if calendar.is_last_of_week(day)]
    begins = [day for place, day in enumerate(days) if place and day.year != days[place - 1].year]
    return tuple(sorted({*middle[:1], *ends[:1], *begins[-1:]}))
