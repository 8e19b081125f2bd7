"""The one step that brings bars: of the daemon, `alpha run` and `alpha refresh`; and what it would do."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.sources.base import PriceSource, Reading
from alpha_pipeline.steps.outcomes import Outcome, record_failure
from alpha_pipeline.steps.rounds import ingest_tickers, refresh_tickers
from alpha_pipeline.universe import CORE, among
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import added, followed

STRANGERS_NAMED: Final = 10

logger = logging.getLogger(__name__)
Listener = Callable[[Mapping[str, Outcome]], None]
_listener: ContextVar[Listener | None] = ContextVar("alpha_refresh_listener", default=None)


def wanted(warehouse: Warehouse, source: PriceSource) -> list[str]:
    """The followed tickers worth asking for: a holding that the source does not list, and never gave, is no failure."""
    listed = source.tickers()
    needed = {*CORE, *added(warehouse), *warehouse.units(raw.BARS)}
    return [ticker for ticker in followed(warehouse) if listed is None or ticker in listed or ticker in needed]


def refresh(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Sequence[str],
    *,
    through: dt.date,
    now: dt.datetime,
    wait_s: float,
    since: dt.date | None = None,
    take_corrections: bool = False,
    tell: Callable[[str], None] = logger.warning,
) -> Iterator[tuple[str, Outcome]]:
    """Bring tickers up to date, and note in `raw.coverage` those that failed in the end.

    Args:
        warehouse: where to.
        source: where from.
        tickers: Yahoo's names.
        through: last session asked for.
        now: the clock's time.
        wait_s: how long to wait before asking again for those that may be had in a while.
        since: first session asked for; None: the first one held, and of a ticker without bars all there is.
        take_corrections: whether corrections of many held values at once are taken over.
        tell: hears, in this thread, what is waited for, and when nothing more is.

    Yields:
        (ticker, what was done or why it failed), again for a ticker that was asked for again.
    """
    outcomes: dict[str, Outcome] = {}
    for ticker, outcome in refresh_tickers(
        warehouse,
        source,
        tickers,
        through=through,
        now=now,
        since=since,
        wait_s=wait_s,
        take_corrections=take_corrections,
        tell=tell,
    ):
        outcomes[ticker] = outcome
        yield ticker, outcome
    for ticker, outcome in outcomes.items():
        if isinstance(outcome, AlphaError):
            record_failure(warehouse, ticker, outcome, through)
    listener = _listener.get()
    if listener is not None:
        listener(outcomes)


def rehearse(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Sequence[str],
    *,
    through: dt.date,
    now: dt.datetime,
    since: dt.date | None = None,
    take_corrections: bool = False,
    tell: Callable[[str], None] = logger.warning,
) -> Iterator[tuple[str, Outcome]]:
    """What `refresh` would do, each ticker asked for once; nothing is written.

    Args:
        warehouse: what is held.
        source: where from.
        tickers: Yahoo's names.
        through: last session asked for.
        now: the clock's time.
        since: first session asked for; None: the first one held, and of a ticker without bars all there is.
        take_corrections: whether corrections of many held values at once would be taken over.
        tell: hears, in this thread, what is waited for.

    Yields:
        (ticker, what would be done or why it would fail), in the order given.
    """
    yield from ingest_tickers(
        warehouse,
        source,
        tickers,
        through=through,
        now=now,
        since=since,
        is_dry=True,
        take_corrections=take_corrections,
        tell=tell,
    )


@contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """Have `listener` told what became of the tickers of each refresh inside the block (same thread)."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def said_of_files(readings: Sequence[Reading], followed_tickers: Sequence[str]) -> list[str]:
    """What of the files is not used, each once and with the fix: files left out, columns and rows, strangers.

    Args:
        readings: what each file is read as.
        followed_tickers: whose bars are wanted.
    """
    left_out = [f"{read.file} is left out: it {read.refused.rstrip('.')}." for read in readings if read.refused]
    ignored = [words for read in readings for words in read.ignored]
    held = {ticker for read in readings for ticker in read.tickers}
    strangers = sorted(ticker for ticker in held if among(ticker, followed_tickers) is None)
    if not strangers:
        return [*left_out, *dict.fromkeys(ignored)]
    more = f" and {len(strangers) - STRANGERS_NAMED} more" if len(strangers) > STRANGERS_NAMED else ""
    names = strangers[:STRANGERS_NAMED]
    unfollowed = (
        f"Nobody follows {', '.join(names)}{more}, which the files hold: `alpha tickers add {' '.join(names)}` does."
    )
    return [*left_out, *dict.fromkeys(ignored), unfollowed]
