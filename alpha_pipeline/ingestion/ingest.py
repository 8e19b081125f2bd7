"""From a source's answer to trusted bars: judge the rows, compare with what is held, say what is covered."""

import datetime as dt
from dataclasses import dataclass

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.ingestion import coverage, quality, restatement
from alpha_pipeline.sources.base import ACTION_SCHEMA, Answer


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
        notes: what was mended, set aside and why, sentences.
        needs_full_history: rows held from before the answer are on the basis before a split or dividend.
            Write nothing: ask again from the first held session.
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
    answer: Answer, held: pl.DataFrame, held_quarantine: pl.DataFrame, *, now: dt.datetime, through: dt.date
) -> Ingested:
    """Turn an answer into trusted bars.

    Args:
        answer: what a source said about one ticker.
        held: the ticker's `raw.bars`; may be empty.
        held_quarantine: the ticker's `raw.quarantine`; may be empty.
        now: when the answer was fetched (UTC). A bar is final if its session, with the buffer, was over by
        then.
        through: the last session wanted.
    """
    judged = quality.judge(answer, through)
    fresh = judged.accepted.with_columns(
        pl.col("volume").round(),
        source=pl.lit(answer.source),
        fetched_at=pl.lit(now),
        is_final=pl.col("is_final") & (pl.col("session") <= sessions.last_closed(now)),
    )
    fresh = fresh.select(pl.col(name).cast(dtype) for name, dtype in restatement.BARS_SCHEMA.items())
    bad_prints = judged.refused.filter(pl.col("reason") == "suspicious_print")
    compared = restatement.compare(held, fresh, bad_prints, now)
    return Ingested(
        bars=compared.bars,
        actions=_actions(answer, through),
        revisions=compared.revisions,
        quarantine=quality.quarantined(held_quarantine, judged.refused, answer.source, now),
        coverage=coverage.cover(answer.ticker, compared.bars, through),
        refused=judged.refused,
        needs_full_history=compared.needs_full_history,
    )


def _actions(answer: Answer, through: dt.date) -> pl.DataFrame:
    """The answer's actions up to `through`, one per session and kind, the last one said."""
    value = pl.col("value")
    known = answer.actions.filter(pl.col("session") <= through, value > 0, value.is_finite())
    known = known.unique(["session", "kind"], keep="last", maintain_order=True)
    return known.select(*ACTION_SCHEMA).sort("session", "kind")
