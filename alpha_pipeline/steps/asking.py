"""From which session a source is asked, and what of its answer is left out for it."""

import datetime as dt
from dataclasses import replace
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.ingestion.disputes import open_rows
from alpha_pipeline.sources.base import Answer, PriceSource
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw

# What was corrected so lately is asked for again: the answer that did it may have been the wrong one, and the overlap
# of the next one begins a session later.
DOUBTED_FOR: Final = dt.timedelta(days=14)


def earliest(oldest: dt.date | None, since: dt.date | None, through: dt.date) -> dt.date:
    """The first session wanted: the one asked for, or the first held if that is earlier; else the calendar's first.

    Args:
        oldest: the first session held.
        since: the first one asked for, if any.
        through: the last session wanted.

    Raises:
        AlphaError: nothing lies between `since` and `through`.
    """
    if since is not None and since > through:
        raise AlphaError(f"--since {since} lies after the last session wanted, {through}. Give an earlier date.")
    wanted = since or oldest or calendar.CALENDAR_FIRST
    return calendar.at_or_after(max(min(wanted, oldest or wanted), calendar.CALENDAR_FIRST))


def seam(held: pl.DataFrame, overlap: int | None, everything: dt.date, doubtful: dt.date | None) -> dt.date:
    """The session from which to ask: `overlap` sessions before the last bar that is final without gaps in finality.

    Args:
        held: the ticker's `raw.bars` that the source itself gave.
        overlap: how far the source wants to be asked back; None: from the beginning.
        everything: the first session wanted.
        doubtful: a session to be asked for as well, if any.
    """
    if overlap is None or held.is_empty():
        return everything
    open_bars = held.filter(~pl.col("is_final")).get_column("session").to_list()
    final = held.filter("is_final").get_column("session").to_list()
    if not final:
        return everything
    start = calendar.offset(min([final[-1], *open_bars]), -overlap)
    return max(everything, min(start, doubtful or start))


def doubted(warehouse: Warehouse, ticker: str, now: dt.datetime, clock: dt.datetime) -> dt.date | None:
    """The first session that was corrected lately, that an answer not settled would rewrite, or stamped in the future.

    Args:
        warehouse: where.
        ticker: Yahoo's name.
        now: the clock's time, perhaps a replayed one.
        clock: this machine's.
    """
    lately = pl.col("superseded_at") > now - DOUBTED_FOR
    corrected = warehouse.read(raw.REVISIONS, [ticker]).filter(lately, cause="correction")
    ahead = warehouse.read(raw.BARS, [ticker]).filter(pl.col("fetched_at") > clock)
    rows = (corrected, open_rows(warehouse.read(raw.QUARANTINE, [ticker])), ahead)
    days = [day for frame in rows for day in frame.get_column("session").drop_nulls()]
    return min(days, default=None)


def asked(
    source: PriceSource,
    ticker: str,
    first: dt.date,
    through: dt.date,
    *,
    oldest: dt.date | None,
    since: dt.date | None,
) -> Answer:
    """The source's answer from `first` on; of a source that is read whole, what lies before is counted in a note.

    Args:
        source: whom to ask.
        ticker: Yahoo's name.
        first: first session wanted.
        through: last session wanted.
        oldest: the first session held.
        since: the first one asked for, if any.

    Raises:
        UnknownTickerError: the source does not know the ticker.
        SourceError: the source could not answer.
    """
    if source.overlap is not None:
        return source.fetch(ticker, first, through)
    answer = source.fetch(ticker, dt.date.min, through)
    session = pl.col("session")
    before = answer.bars.filter(session < first).get_column("session").unique().sort()
    if before.is_empty():
        return answer
    if before[-1] >= calendar.CALENDAR_FIRST:
        why = "before the first session held" if since is None or (oldest and oldest <= since) else f"before {since}"
        fix = f"`--since {max(before[0], calendar.CALENDAR_FIRST)}` takes them"
    else:
        why, fix = f"before {calendar.CALENDAR_FIRST}", "the calendar begins there"
    note = f"{len(before)} days from {before[0]} to {before[-1]}, {why}, are left out: {fix}"
    kept = session.is_null() | (session >= first)
    return replace(
        answer,
        bars=answer.bars.filter(kept),
        actions=answer.actions.filter(session >= first),
        notes=(*answer.notes, note),
    )
