"""From a source's answer to trusted bars: judge the rows, compare with what is held, say what is covered."""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.ingestion import coverage, quality, restatement
from alpha_pipeline.ingestion.actions import actions_of
from alpha_pipeline.ingestion.basis import Basis
from alpha_pipeline.ingestion.disputes import WOULD_REWRITE, rewriting_in_words, settled
from alpha_pipeline.ingestion.jumps import split_ratios
from alpha_pipeline.sources.base import ACTION_SCHEMA, Answer

_SAID = ("ticker", "session", *quality.VALUES)


@dataclass(frozen=True)
class Ingested:
    """What one answer makes of one ticker; each frame has the columns and types of its table.

    Attributes:
        bars: all of the ticker's `raw.bars`, held and fresh.
        actions: `raw.actions` that the answer names.
        revisions: `raw.revisions` that this answer caused.
        quarantine: all of the ticker's `raw.quarantine`, held and fresh.
        coverage: the ticker's row of `raw.coverage`, without what was refused.
        refused: rows of the answer that were not taken: columns session, reason, and those of its values.
        needs_full_history: rows held from before the answer are on the basis before a split or dividend.
            Write nothing: ask again from the first held session.
        notes: what was mended, refused for more than a row's own sake, or set aside, one sentence each, with two values
            side by side.
    """

    bars: pl.DataFrame
    actions: pl.DataFrame
    revisions: pl.DataFrame
    quarantine: pl.DataFrame
    coverage: pl.DataFrame
    refused: pl.DataFrame
    needs_full_history: bool
    notes: tuple[str, ...] = ()


def ingest(
    answer: Answer,
    held: pl.DataFrame,
    held_quarantine: pl.DataFrame,
    *,
    now: dt.datetime,
    through: dt.date,
    known_actions: pl.DataFrame | None = None,
    take_corrections: bool = False,
    clock: dt.datetime | None = None,
) -> Ingested:
    """Turn an answer into trusted bars.

    Args:
        answer: what a source said about one ticker.
        held: the ticker's `raw.bars`; may be empty.
        held_quarantine: the ticker's `raw.quarantine`; may be empty.
        now: when the answer was fetched (UTC). A bar is final if its session, with the buffer, was over by
        then.
        through: the last session wanted.
        known_actions: the ticker's `raw.actions`, for what the answer does not name.
        take_corrections: take corrections of final bars, however many.
        clock: this machine's time, whatever time `now` replays; `now` when None.
    """
    named = actions_of(answer, through)
    known = named if known_actions is None else pl.concat([known_actions.select(*ACTION_SCHEMA), named])
    splits = split_ratios(known)
    judged = quality.judge(answer, through, held, splits)
    fresh = judged.accepted.with_columns(
        pl.col("volume").round(),
        source=pl.lit(answer.source),
        fetched_at=pl.lit(now),
        is_final=pl.col("is_final") & (pl.col("session") <= sessions.last_closed(now)),
    )
    fresh = fresh.select(pl.col(name).cast(dtype) for name, dtype in restatement.BARS_SCHEMA.items())
    bad_prints = judged.refused.filter(pl.col("reason") == "suspicious_print")
    basis = Basis(splits, pays=named.filter(pl.col("kind") != "split").height > 0)
    compared = restatement.compare(
        held, fresh, bad_prints, now, basis=basis, take_corrections=take_corrections, clock=clock
    )
    aside = compared.set_aside
    set_aside = aside.select(*_SAID, reason=pl.lit(WOULD_REWRITE))
    refused = pl.concat([judged.refused.drop("is_final"), set_aside], how="diagonal_relaxed")
    return Ingested(
        bars=compared.bars,
        actions=named,
        revisions=compared.revisions,
        quarantine=quality.quarantined(settled(held_quarantine, fresh, aside), refused, answer.source, now),
        coverage=coverage.cover(answer.ticker, compared.bars, through),
        refused=refused,
        needs_full_history=compared.needs_full_history,
        notes=(*judged.notes, *_of_clock(compared.n_ahead), *rewriting_in_words(held, aside, compared.n_compared)),
    )


def _of_clock(n_ahead: int) -> list[str]:
    if not n_ahead:
        return []
    words = (
        f"{n_ahead} held bars were stamped with a time that had not come yet: this machine's clock was ahead when they "
        "were fetched, or is behind now. They were compared as if fetched before; set the clock right if it is wrong"
    )
    return [words]
