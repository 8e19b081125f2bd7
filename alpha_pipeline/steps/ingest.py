"""Bring the bars of tickers up to date: read what is held, fetch, judge, store."""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import AlphaError, CoolingError, SourceError
from alpha_pipeline.ingestion.ingest import Ingested, ingest
from alpha_pipeline.sources.base import Answer, PriceSource
from alpha_pipeline.steps.asking import asked, doubted, earliest, seam
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import followed

ROUNDS = 3
LATE_SESSIONS = 5
# To fetch, judge and keep a whole history on an idle machine, the time that a server takes apart.
SECONDS_A_TICKER = 0.15


@dataclass(frozen=True)
class IngestReport:
    """What one ingestion did.

    Attributes:
        ticker: Yahoo's name.
        status: complete, gaps or stale.
        detail: which sessions are missing, in words.
        n_sessions: sessions held now.
        n_quarantined: rows set aside, ever.
        n_revised: rows replaced this time.
        last_session: last session held.
        changed: whether a bar changed.
        notes: what was not read, left out, mended or set aside, one sentence each.
    """

    ticker: str
    status: str
    detail: str
    n_sessions: int
    n_quarantined: int
    n_revised: int
    last_session: dt.date | None
    changed: bool
    notes: tuple[str, ...] = ()


def ingest_tickers(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Sequence[str],
    *,
    through: dt.date,
    now: dt.datetime,
    since: dt.date | None = None,
    take_corrections: bool = False,
) -> Iterator[tuple[str, IngestReport | AlphaError]]:
    """Bring tickers up to date, as many at once as the source bears; one that fails stops no other.

    Args:
        warehouse: where to.
        source: where from.
        tickers: Yahoo's names.
        through: last session asked for.
        now: the clock's time.
        since: first session asked for; None: the first one held, and of a ticker without bars all there is.
        take_corrections: take corrections of held bars, however many.

    Yields:
        (ticker, what was done or why it failed), in the order given.
    """

    def one(ticker: str) -> IngestReport | AlphaError:
        try:
            return ingest_ticker(
                warehouse, source, ticker, through=through, now=now, since=since, take_corrections=take_corrections
            )
        except AlphaError as error:
            return error

    pool = ThreadPoolExecutor(source.concurrency)
    try:
        yield from zip(tickers, pool.map(one, tickers), strict=True)
    finally:  # an interruption waits for what is being written and starts nothing more
        pool.shutdown(cancel_futures=True)


def refresh_tickers(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Sequence[str],
    *,
    through: dt.date,
    now: dt.datetime,
    wait_s: float,
    since: dt.date | None = None,
    take_corrections: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, IngestReport | AlphaError]]:
    """Bring tickers up to date, and ask a source on a network again, twice, for those that it may have in a while.

    These are the tickers for which it did not answer, and those that lack the last session while others have it.

    Args:
        warehouse: where to.
        source: where from.
        tickers: Yahoo's names.
        through: last session asked for.
        now: the clock's time.
        wait_s: how long to wait before the second round, after any cooling period; twice as long before the third.
        since: first session asked for; None: the first one held, and of a ticker without bars all there is.
        take_corrections: take corrections of held bars, however many.
        sleep: waits; a test gives its own.

    Yields:
        (ticker, what was done or why it failed), again for a ticker that was asked for again.
    """
    todo, outcomes = list(tickers), dict[str, IngestReport | AlphaError]()
    for number in range(ROUNDS):
        if number:
            failed = [outcomes[ticker] for ticker in todo]
            cooling = max((error.seconds for error in failed if isinstance(error, CoolingError)), default=0.0)
            sleep(cooling + wait_s * number)
        for ticker, outcome in ingest_tickers(
            warehouse, source, todo, through=through, now=now, since=since, take_corrections=take_corrections
        ):
            outcomes[ticker] = outcome
            yield ticker, outcome
        todo = _worth_asking_again(outcomes, through)
        if not todo or source.overlap is None:
            return


def _worth_asking_again(outcomes: Mapping[str, IngestReport | AlphaError], through: dt.date) -> list[str]:
    reports = {ticker: one.last_session for ticker, one in outcomes.items() if isinstance(one, IngestReport)}
    # Where nobody has the session, the exchange may have been shut; a ticker long behind is not late but gone.
    soon = {calendar.offset(through, -sessions) for sessions in range(1, LATE_SESSIONS + 1)}
    late = [ticker for ticker, last in reports.items() if last in soon and through in reports.values()]
    return [ticker for ticker, one in outcomes.items() if isinstance(one, SourceError) or ticker in late]


def ingest_ticker(
    warehouse: Warehouse,
    source: PriceSource,
    ticker: str,
    *,
    through: dt.date,
    now: dt.datetime,
    since: dt.date | None = None,
    take_corrections: bool = False,
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

    Raises:
        UnknownTickerError: the source does not know the ticker.
        SourceError: the source could not answer, or restated a history that it no longer gives whole.
        AlphaError: the warehouse holds sessions after `through`, or `since` lies after it.
    """
    held = warehouse.read(raw.BARS, [ticker])
    oldest, newest = span(held) or (None, through)
    if newest > through:
        raise AlphaError(
            f"{ticker}: the warehouse already holds {newest}, after {through}. "
            "Give a replay of the past a folder of its own (--warehouse)."
        )
    everything = earliest(oldest, since, through)
    own = held.filter(pl.col("source") == source.kind)  # a filled-in bar is asked for until the source has it
    doubtful = None if source.overlap is None else doubted(warehouse, ticker, now)
    is_deeper = oldest is not None and everything < oldest
    start = everything if take_corrections or is_deeper else seam(own, source.overlap, everything, doubtful)
    for first in dict.fromkeys((start, everything)):
        answer = asked(source, ticker, first, through, oldest=oldest, since=since)
        try:
            return _keep(
                warehouse, answer, now, through, is_whole=first == everything, take_corrections=take_corrections
            )
        except _BasisMovedError:
            continue
    raise SourceError(
        f"{ticker}: the source restated its history (a split or dividend) but no longer reaches back to {oldest}, "
        "so the held bars before it would be on another basis. They were left as they are."
    )


class _BasisMovedError(Exception):
    """An answer shows that bars from before it are on another basis now; nothing was stored."""


def _keep(
    warehouse: Warehouse,
    answer: Answer,
    now: dt.datetime,
    through: dt.date,
    *,
    is_whole: bool,
    take_corrections: bool,
) -> IngestReport:
    """Judge an answer against what is held and store what can be trusted, with no other writer in between.

    Args:
        warehouse: where to.
        answer: what the source said.
        now: the clock's time.
        through: last session wanted.
        is_whole: whether nothing older can be asked for.
        take_corrections: take corrections of held bars, however many.

    Raises:
        _BasisMovedError: the basis moved, and the answer does not reach back to the first held bar.
    """
    ticker = answer.ticker
    kept: list[Ingested] = []

    def merge(held: pl.DataFrame) -> pl.DataFrame:
        made = ingest(
            answer,
            held,
            warehouse.read(raw.QUARANTINE, [ticker]),
            now=now,
            through=through,
            known_actions=warehouse.read(raw.ACTIONS, [ticker]),
            take_corrections=take_corrections,
        )
        if made.needs_full_history or (not is_whole and _tells_of_new_actions(warehouse, made, held)):
            raise _BasisMovedError
        _keep_beside(warehouse, ticker, made)
        kept.append(made)
        return made.bars

    changed = warehouse.revise(raw.BARS, ticker, merge)
    [made] = kept
    warehouse.write(raw.COVERAGE, ticker, made.coverage)
    return _report(ticker, made, answer.notes, changed=changed)


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


def record_failure(warehouse: Warehouse, ticker: str, why: str) -> None:
    """Note in `raw.coverage` that a ticker could not be brought up to date; its bars stay.

    A name that is not followed and has no bars is most likely a mistyped one, and leaves no trace.
    """
    if ticker not in followed(warehouse) and not warehouse.height(raw.BARS, ticker):
        return
    held = warehouse.read(raw.COVERAGE, [ticker])
    if held.is_empty():
        held = pl.DataFrame(
            {
                "ticker": [ticker],
                "first_session": [None],
                "last_session": [None],
                "n_sessions": [0],
                "n_missing": [0],
            }
        )
    warehouse.write(raw.COVERAGE, ticker, held.with_columns(status=pl.lit("failed"), detail=pl.lit(why)))


def _report(ticker: str, judged: Ingested, notes: tuple[str, ...], *, changed: bool) -> IngestReport:
    row = judged.coverage.row(0, named=True)
    return IngestReport(
        ticker=ticker,
        status=row["status"],
        detail=row["detail"],
        n_sessions=row["n_sessions"],
        n_quarantined=judged.quarantine.height,
        n_revised=judged.revisions.height,
        last_session=row["last_session"],
        changed=changed,
        notes=(*notes, *judged.notes),
    )
