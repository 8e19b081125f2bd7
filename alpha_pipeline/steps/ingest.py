"""Bring the bars of tickers up to date: read what is held, fetch, judge, store."""

import datetime as dt
import logging
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PanicException, PolarsError

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import AlphaError, SourceError
from alpha_pipeline.ingestion.ingest import Ingested, ingest
from alpha_pipeline.ingestion.refusals import Refusals, refusals
from alpha_pipeline.settings import machine_now
from alpha_pipeline.sources.base import Answer, PriceSource
from alpha_pipeline.steps.asking import asked, doubted, earliest, seam
from alpha_pipeline.steps.outcomes import IngestReport, NothingTakenError, coverage_row
from alpha_pipeline.warehouse.market import MarketRecord, claim_market, read_market
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.words import said

logger = logging.getLogger(__name__)

# To fetch, judge and keep a whole history on an idle machine, the time that a server takes apart.
SECONDS_A_TICKER = 0.15


def ingest_ticker(
    warehouse: Warehouse,
    source: PriceSource,
    ticker: str,
    *,
    through: dt.date,
    now: dt.datetime,
    since: dt.date | None = None,
    take_corrections: bool = False,
    is_dry: bool = False,
) -> IngestReport:
    """Fetch one ticker and store what can be trusted.

    A source that is asked over a network is asked for the sessions from some before the last held bar on. Where
    these show that a split or dividend moved the basis, the whole history is asked for again. A held ticker keeps
    its first session, unless an earlier one is asked for: what is made of its bars stays as it is.

    Args:
        warehouse: where to.
        source: where from.
        ticker: Yahoo's name.
        through: last session asked for.
        now: the clock's time.
        since: first session asked for; None: the first one held, and of a ticker without bars all there is.
        take_corrections: take corrections of held bars, however many. The whole history is asked for.
        is_dry: whether nothing is written: the report says what would be done.

    Raises:
        UnknownTickerError: the source does not know the ticker.
        SourceError: the source could not answer, or restated a history that it no longer gives whole.
        NothingTakenError: no row could be taken, and no bar is held. Nothing was written.
        MarketMismatchError: the warehouse holds another market.
        AlphaError: the warehouse holds sessions after `through`, or `since` lies after it.
    """
    held = warehouse.read(raw.BARS, [ticker])
    oldest, newest = span(held) or (None, through)
    if newest > through:
        raise AlphaError(
            f"{ticker}: the warehouse holds {newest}, which has not closed yet by this machine's clock: it was once "
            "ahead, or is behind now. Set it right; otherwise those are no bars: use another --warehouse."
            if newest > calendar.last_closed(machine_now())
            else f"{ticker}: the warehouse already holds {newest}, after {through}. "
            "Give a replay of the past a folder of its own (--warehouse)."
        )
    everything = earliest(oldest, since, through)
    own = held.filter(pl.col("source") == source.kind)  # a filled-in bar is asked for until the source has it
    doubtful = None if source.overlap is None else doubted(warehouse, ticker, now, machine_now())
    is_deeper = oldest is not None and everything < oldest
    # A dividend of long ago is in no answer of today: without the actions all of them are asked for again.
    lacks_actions = oldest is not None and not warehouse.holds(raw.ACTIONS, ticker)
    start = (
        everything
        if take_corrections or is_deeper or lacks_actions
        else seam(own, source.overlap, everything, doubtful)
    )
    for first in dict.fromkeys((start, everything)):
        answer = asked(source, ticker, first, through, oldest=oldest, since=since)
        judge = _Judge(warehouse, source, answer, now, through, first == everything, take_corrections)
        try:
            if is_dry:
                return judge.report(held, judge(held))
            if read_market(warehouse) is None:  # an answer of which nothing can be taken leaves not even a lock behind
                judge(held)
            return _keep(judge)
        except _BasisMovedError:
            continue
    raise SourceError(
        f"{ticker}: the source restated its history (a split or dividend) but no longer reaches back to {oldest}, "
        "so the held bars before it would be on another basis. They were left as they are."
    )


class _BasisMovedError(Exception):
    """An answer shows that bars from before it are on another basis now; nothing was stored."""


@dataclass(frozen=True)
class _Judge:
    """Judges an answer against what is held.

    Attributes:
        warehouse: where to.
        source: where from.
        answer: what the source said.
        now: the clock's time.
        through: last session wanted.
        is_whole: whether nothing older can be asked for.
        take_corrections: whether corrections of many held values at once are taken over.
    """

    warehouse: Warehouse
    source: PriceSource
    answer: Answer
    now: dt.datetime
    through: dt.date
    is_whole: bool
    take_corrections: bool

    def __call__(self, held: pl.DataFrame) -> Ingested:
        """What the answer makes of the held bars.

        Raises:
            _BasisMovedError: the basis moved, and the answer does not reach back to the first held bar.
            NothingTakenError: no row could be taken, and no bar is held.
            SourceError: the answer is so odd that it cannot be judged.
        """
        quarantine = self.warehouse.read(raw.QUARANTINE, [self.answer.ticker])
        actions = self.warehouse.read(raw.ACTIONS, [self.answer.ticker])
        try:
            made = ingest(
                self.answer,
                held,
                quarantine,
                now=self.now,
                through=self.through,
                known_actions=actions,
                take_corrections=self.take_corrections,
                # Looked at now: a moment ago another process may have stored what was fetched after this answer.
                clock=machine_now(),
            )
        except (PolarsError, PanicException, ArithmeticError, LookupError, TypeError, ValueError) as error:
            logger.debug("%s: the answer cannot be judged", self.answer.ticker, exc_info=True)
            raise SourceError(
                f"{self.answer.ticker}: the answer cannot be judged ({said(f'{type(error).__name__}: {error}')}). "
                "Held bars stay."
            ) from error
        if made.needs_full_history or (not self.is_whole and _tells_of_new_actions(self.warehouse, made, held)):
            raise _BasisMovedError
        if made.bars.is_empty():
            raise NothingTakenError(self.answer.ticker, self.refused(made), made if made.refused.height else None)
        return made

    def refused(self, made: Ingested) -> Refusals:
        """What of the answer was refused."""
        read = self.source.readings() if made.refused.height else ()
        place = " and ".join(one.file for one in read if self.answer.ticker in one.tickers)
        return refusals(self.answer, made.refused, made.bars, self.through, made.notes, place)

    def report(self, held: pl.DataFrame, made: Ingested) -> IngestReport:
        """What was done, or would be."""
        row, refused = made.coverage.row(0, named=True), self.refused(made)
        before, after = (rows.drop("fetched_at").sort("session") for rows in (held, made.bars))
        fresh = after.join(before.filter("is_final"), on="session", how="anti")
        return IngestReport(
            ticker=self.answer.ticker,
            status=row["status"],
            detail=row["detail"],
            n_sessions=row["n_sessions"],
            n_quarantined=made.quarantine.height,
            n_revised=made.revisions.height,
            last_session=row["last_session"],
            changed=not after.equals(before),
            first_session=row["first_session"],
            n_new=fresh.filter("is_final").height,
            n_refused=refused.n_refused,
            notes=(*self.answer.notes, *made.notes),
            said=refused.words,
        )


def _keep(judge: _Judge) -> IngestReport:
    """Judge an answer against what is held and store what can be trusted, with no other writer in between."""
    warehouse, ticker = judge.warehouse, judge.answer.ticker
    kept: list[tuple[pl.DataFrame, Ingested]] = []

    def merge(held: pl.DataFrame) -> pl.DataFrame:
        made = judge(held)
        claim_market(warehouse, MarketRecord(judge.source.kind, judge.source.market))
        _keep_beside(warehouse, ticker, made)
        kept.append((held, made))
        return made.bars

    warehouse.revise(raw.BARS, ticker, merge, keeps_times=False)
    [(held, made)] = kept
    warehouse.write(raw.COVERAGE, ticker, coverage_row(made, judge.refused(made)))
    return judge.report(held, made)


def _keep_beside(warehouse: Warehouse, ticker: str, made: Ingested) -> None:
    """Store what belongs to the bars, before them.

    What is replaced is kept before its replacement is written: a kill between the two loses nothing, and the run
    after it finds these values kept already.
    """
    said = [name for name in raw.REVISIONS.columns if name != "superseded_at"]
    new = made.revisions.join(warehouse.read(raw.REVISIONS, [ticker]), on=said, how="anti", nulls_equal=True)
    if new.height:
        warehouse.upsert(raw.REVISIONS, ticker, new)
    warehouse.upsert(raw.ACTIONS, ticker, made.actions)
    warehouse.write(raw.QUARANTINE, ticker, made.quarantine)


def _tells_of_new_actions(warehouse: Warehouse, made: Ingested, held: pl.DataFrame) -> bool:
    """Whether the answer names a split or payment in the held past that was not known: it moves rows further back."""
    newest = held.get_column("session").max()
    known = warehouse.read(raw.ACTIONS, [made.coverage["ticker"].item()])
    fresh = made.actions.filter(pl.col("session") <= pl.lit(newest, dtype=pl.Date))
    return not fresh.join(known, on=["session", "kind"], how="anti").is_empty()
