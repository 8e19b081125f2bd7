"""Which tickers are asked for, by how many threads, and who is asked for again: the rounds of a refresh."""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Final

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import AlphaError, CoolingError, SourceError
from alpha_pipeline.sources.base import PriceSource
from alpha_pipeline.sources.waits import FIRST_WORD_S, moment
from alpha_pipeline.steps.attending import attended
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.outcomes import IngestReport, Outcome
from alpha_pipeline.warehouse.store import Warehouse

logger = logging.getLogger(__name__)

ROUNDS: Final = 3
LATE_SESSIONS: Final = 5
NAMED: Final = 5


def ingest_tickers(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Sequence[str],
    *,
    through: dt.date,
    now: dt.datetime,
    since: dt.date | None = None,
    take_corrections: bool = False,
    is_dry: bool = False,
    tell: Callable[[str], None] = logger.warning,
) -> Iterator[tuple[str, Outcome]]:
    """Bring tickers up to date, as many at once as the source bears; one that fails stops no other.

    Args:
        warehouse: where to.
        source: where from.
        tickers: Yahoo's names.
        through: last session asked for.
        now: the clock's time.
        since: first session asked for; None: the first one held, and of a ticker without bars all there is.
        take_corrections: take corrections of held bars, however many.
        is_dry: whether nothing is written: the reports say what would be done.
        tell: hears, in this thread, what is waited for.

    Yields:
        (ticker, what was done or why it failed), in the order given.
    """

    def one(ticker: str) -> Outcome:
        try:
            return ingest_ticker(
                warehouse,
                source,
                ticker,
                through=through,
                now=now,
                since=since,
                take_corrections=take_corrections,
                is_dry=is_dry,
            )
        except AlphaError as error:
            return error

    yield from zip(tickers, attended(one, tickers, source.concurrency, source.waits, tell), strict=True)


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
    tell: Callable[[str], None] = logger.warning,
) -> Iterator[tuple[str, Outcome]]:
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
        tell: hears, in this thread, what is waited for, and when nothing more is.

    Yields:
        (ticker, what was done or why it failed), again for a ticker that was asked for again.
    """
    todo, outcomes, waits = list(tickers), dict[str, Outcome](), source.waits
    if waits is not None:
        waits.begin()
    for number in range(ROUNDS):
        if number:
            failed = [outcomes[ticker] for ticker in todo]
            cooling = max((error.seconds for error in failed if isinstance(error, CoolingError)), default=0.0)
            pause, names = cooling + wait_s * number, _named(todo)
            if waits is not None and pause > waits.left():
                earliest_s = f" from {moment(cooling)} on" if cooling else ""
                tell(
                    f"{names} not asked for again now: that would take longer than a refresh may wait in vain "
                    f"(ALPHA_YAHOO_PATIENCE). The next run asks{earliest_s}, and goes on from what is held."
                )
                return
            if pause >= FIRST_WORD_S:
                why = (
                    "the source refused requests (rate limit)"
                    if cooling
                    else "no answer, or not yet its newest session"
                )
                tell(f"{names} asked for again at {moment(pause)}: {why}.")
            with waits.asking("before asking again") if waits is not None else nullcontext():
                sleep(pause)
        for ticker, outcome in ingest_tickers(
            warehouse, source, todo, through=through, now=now, since=since, take_corrections=take_corrections, tell=tell
        ):
            outcomes[ticker] = outcome
            yield ticker, outcome
        todo = _worth_asking_again(outcomes, through)
        if not todo or source.overlap is None:
            return


def _named(tickers: Sequence[str]) -> str:
    more = f" and {len(tickers) - NAMED} more" if len(tickers) > NAMED else ""
    return f"{', '.join(tickers[:NAMED])}{more} {'is' if len(tickers) == 1 else 'are'}"


def _worth_asking_again(outcomes: Mapping[str, Outcome], through: dt.date) -> list[str]:
    reports = {ticker: one.last_session for ticker, one in outcomes.items() if isinstance(one, IngestReport)}
    # Where nobody has the session, the exchange may have been shut; a ticker long behind is not late but gone.
    soon = {calendar.offset(through, -sessions) for sessions in range(1, LATE_SESSIONS + 1)}
    late = [ticker for ticker, last in reports.items() if last in soon and through in reports.values()]
    return [ticker for ticker, one in outcomes.items() if isinstance(one, SourceError) or ticker in late]
