"""What may come in: the last session, whether a source fits the warehouse and knows a ticker, who is behind."""

import datetime as dt

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import MarketMismatchError, UnknownTickerError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import PriceSource
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.market import MarketRecord, read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import added, followed


def last_wanted(settings: Settings) -> dt.date:
    """The last session to use: the one asked for, else the last that has closed."""
    closed = calendar.last_closed(settings.now())
    return min(settings.through or closed, closed)


def require_usable(warehouse: Warehouse, source: PriceSource) -> None:
    """Check that the source can be read and that the warehouse may hold its bars, before either leaves a trace.

    Raises:
        MarketMismatchError: the warehouse holds another market.
        SourceError: there is nothing to read.
    """
    held, asked = read_market(warehouse), MarketRecord(source.kind, source.market)
    if held is not None and held != asked:
        raise MarketMismatchError(str(warehouse.root), held.market, asked.market)
    source.tickers()


def require_known(source: PriceSource, tickers: list[str], through: dt.date) -> None:
    """Ask the source for a few bars of each ticker, so that a wrong name is refused before it leaves a trace.

    Raises:
        UnknownTickerError: the source does not know one of them.
        SourceError: the source could not answer.
    """
    for ticker in tickers:
        if source.fetch(ticker, calendar.offset(calendar.at_or_before(through), -10), through).bars.is_empty():
            raise UnknownTickerError(ticker, source.market, f"no bar in the ten sessions to {through}")


def behind(warehouse: Warehouse, through: dt.date) -> dict[str, dt.date | None]:
    """The core and added tickers that do not hold a final bar of `through`, with the last one they hold."""
    last: dict[str, dt.date | None] = dict(warehouse.read(raw.COVERAGE, columns=["ticker", "last_session"]).iter_rows())
    watched = {*CORE, *added(warehouse)}
    return {t: last.get(t) for t in followed(warehouse) if t in watched and (last.get(t) or dt.date.min) < through}
