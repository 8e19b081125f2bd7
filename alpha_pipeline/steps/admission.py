"""What may come in: the last session, whether a source fits the warehouse and knows a ticker, who is behind."""

import datetime as dt
import logging
from collections.abc import Callable, Collection, Sequence

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import (
    AlphaError,
    MarketMismatchError,
    NotEnoughDataError,
    SourceError,
    UnknownTickerError,
    UsageError,
)
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import PriceSource
from alpha_pipeline.steps.attending import attended
from alpha_pipeline.steps.bar_problems import failure_words
from alpha_pipeline.steps.outcomes import reason
from alpha_pipeline.steps.refresh import rehearse
from alpha_pipeline.universe import CORE, among, spellings
from alpha_pipeline.warehouse.market import MarketRecord, read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import added, followed

logger = logging.getLogger(__name__)


def last_wanted(settings: Settings) -> dt.date:
    """The last session to use: the one asked for, else the last that has closed."""
    closed = calendar.last_closed(settings.now())
    return min(settings.through or closed, closed)


def require_market(warehouse: Warehouse, source: PriceSource) -> None:
    """Check that the warehouse may hold the source's bars; it is theirs from the first bar on.

    Raises:
        MarketMismatchError: the warehouse holds another market.
    """
    held, asked = read_market(warehouse), MarketRecord(source.kind, source.market)
    if held is not None and held != asked:
        raise MarketMismatchError(str(warehouse.root), held.market, asked.market)


def require_usable(warehouse: Warehouse, source: PriceSource) -> None:
    """Check that the source can be read and that the warehouse may hold its bars, before either leaves a trace.

    Raises:
        MarketMismatchError: the warehouse holds another market.
        SourceError: there is nothing to read, or what there is holds no row.
    """
    require_market(warehouse, source)
    listed = source.tickers()
    if listed is None or listed:
        return
    refused = [f"{read.file} {read.refused}" for read in source.readings() if read.refused]
    files = ", ".join(read.file for read in source.readings())
    raise SourceError(
        "; ".join(refused) or f"{files or source.market}: no row names a ticker; there is nothing to take."
    )


def require_files(settings: Settings) -> None:
    """Check that the files which a source reads can be found, without reading them; of any other source nothing.

    Raises:
        UsageError: no path is named and none is known, or there is nothing at it.
    """
    path = settings.source_path
    if settings.source != "files" or (path is not None and path.exists()):
        return
    what = f"{path} is not there" if path else "nothing says which"
    raise UsageError(
        f"The bars of {settings.warehouse} come from files, and {what}: name their file or folder with --path "
        "(or ALPHA_SOURCE_PATH)."
    )


def require_acceptable(warehouse: Warehouse, source: PriceSource, tickers: Sequence[str], settings: Settings) -> None:
    """Check that something of a source that lists its tickers can be taken, before a new warehouse has a trace of it.

    Args:
        warehouse: where to; nothing is asked where it holds bars already.
        source: where from; nothing is asked of a source on a network.
        tickers: Yahoo's names.
        settings: the sessions wanted, and the clock.

    Raises:
        NotEnoughDataError: nothing can be taken of any ticker; it names the reasons.
    """
    if source.tickers() is None or read_market(warehouse) is not None:
        return
    reasons: dict[str, str] = {}
    for ticker, outcome in rehearse(
        warehouse, source, tickers, through=last_wanted(settings), now=settings.now(), since=settings.since
    ):
        if not isinstance(outcome, AlphaError):
            return
        reasons[ticker] = reason(ticker, outcome)
    if reasons:
        raise NotEnoughDataError(f"No bars were taken. {' '.join(failure_words(reasons, len(tickers)))}")


def require_known(
    source: PriceSource,
    tickers: Sequence[str],
    through: dt.date,
    followed: Collection[str] = (),
    tell: Callable[[str], None] = logger.warning,
) -> list[str]:
    """The names by which a source knows tickers, so that a wrong one is refused before it leaves a trace.

    What a source lists it knows, however long ago its bars end. One that cannot list is asked for a few bars of each
    ticker: as it is written first, and as a share class only where it does not know that (`BRK.B`, then `BRK-B`).

    Args:
        source: knows them.
        tickers: as a person writes them.
        through: last session wanted.
        followed: the names followed, of which a listed ticker may be another spelling.
        tell: hears, in this thread, what is waited for.

    Returns:
        The names, each once.

    Raises:
        UnknownTickerError: the source does not know one of them.
        SourceError: the source could not answer.
    """
    listed = source.tickers()
    if listed is None:
        names = attended(lambda ticker: _answered(source, ticker, through), tickers, 1, source.waits, tell)
        return list(dict.fromkeys(names))
    return list(dict.fromkeys(_listed(source, listed, ticker, through, followed) for ticker in tickers))


def _listed(
    source: PriceSource, listed: Collection[str], ticker: str, through: dt.date, followed: Collection[str]
) -> str:
    name = among(ticker, listed)
    if name is None:
        source.fetch(ticker, through, through)  # says in its own words what it holds
        raise UnknownTickerError(ticker, source.market)
    return among(name, followed) or name


def _answered(source: PriceSource, ticker: str, through: dt.date) -> str:
    refusals = []
    first = calendar.offset(calendar.at_or_before(through), -10)
    for name in spellings(ticker) if "." in ticker else (ticker,):
        try:
            if not source.fetch(name, first, through).bars.is_empty():
                return name
            refusals.append(UnknownTickerError(name, source.market, f"no bar in the ten sessions to {through}"))
        except UnknownTickerError as error:
            refusals.append(error)
    raise refusals[0]


def behind(warehouse: Warehouse, through: dt.date) -> dict[str, dt.date | None]:
    """The core and added tickers that do not hold a final bar of `through`, with the last one they hold."""
    last: dict[str, dt.date | None] = dict(warehouse.read(raw.COVERAGE, columns=["ticker", "last_session"]).iter_rows())
    watched = {*CORE, *added(warehouse)}
    return {t: last.get(t) for t in followed(warehouse) if t in watched and (last.get(t) or dt.date.min) < through}
