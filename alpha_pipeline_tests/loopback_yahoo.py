"""A server on 127.0.0.1 that answers as Yahoo's v8 chart endpoint does, for the real yfinance.

It keeps bars as they were traded, splits, dividends, capital gains and a clock, and applies Yahoo's
conventions when it answers: prices and volumes split-adjusted by every split known by then, adjclose also
dividend-adjusted, today's bar partial and stamped with the clock while it trades. Moving the clock restates
history by itself.

    with LoopbackYahoo(now=...) as server:
        server.listings["QQQ"] = Listing(trades(first, last), splits={...})
        server.refuse(429, times=2)
        YahooSource(server.url, now=lambda: server.now)
"""

import datetime as dt
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from alpha_pipeline import sessions

CHART = "/v8/finance/chart/"


@dataclass(frozen=True)
class Trade:
    """One session as it was traded: prices unadjusted. A None price is a hole in Yahoo's data."""

    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: int


@dataclass
class Listing:
    """One instrument.

    Attributes:
        trades: by session, ascending.
        splits: new shares per old one, by ex-date.
        dividends: per share of that day, by ex-date.
        capital_gains: per share of that day, by ex-date; for an ETF only.
        instrument: Yahoo's instrumentType.
        timezone: the exchange's.
    """

    trades: Mapping[dt.date, Trade]
    splits: dict[dt.date, float] = field(default_factory=dict)
    dividends: dict[dt.date, float] = field(default_factory=dict)
    capital_gains: dict[dt.date, float] = field(default_factory=dict)
    instrument: str = "EQUITY"
    timezone: str = "America/New_York"


@dataclass
class Fault:
    """What the next chart requests get instead of an answer."""

    body: str
    status: int
    times: int
    ticker: str | None


def trades(
    first: dt.date,
    last: dt.date,
    price: float = 100.0,
    volume: int = 1_000_000,
    splits: Mapping[dt.date, float] | None = None,
) -> dict[dt.date, Trade]:
    """A gentle wave around a price, one trade per XNYS session; every value differs from its neighbours.

    Args:
        first: first session.
        last: last session.
        price: around which it moves, before any split.
        volume: shares a day, growing a little; 0 for an index.
        splits: new shares per old one, by ex-date, from which on the stock trades lower.
    """
    made = {}
    for place, session in enumerate(sessions.between(first, last)):
        shares = math.prod(ratio for day, ratio in (splits or {}).items() if day <= session)
        close = price * (1 + 0.03 * math.sin(place / 3) + 0.001 * place) / shares
        traded = int((volume + 1000 * place) * shares) if volume else 0
        made[session] = Trade(close * 0.995, close * 1.01, close * 0.99, close, traded)
    return made


class LoopbackYahoo:
    """The server; a context manager.

    Attributes:
        listings: what it knows, by ticker; any other ticker gets Yahoo's 404.
        now: its clock (UTC).
        requests: every path asked for, in order.
    """

    def __init__(self, now: dt.datetime) -> None:
        self.listings: dict[str, Listing] = {}
        self.now = now
        self.requests: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The base URL, for ``ALPHA_YAHOO_BASE_URL``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def refuse(self, status: int, times: int = 1, ticker: str | None = None, body: str = "Sorry") -> None:
        """Answer the next chart requests (of one ticker, or of any) with a status and a body."""
        self._faults.append(Fault(body, status, times, ticker))

    def chart_requests(self, ticker: str) -> int:
        """How often a ticker's chart was asked for."""
        return sum(unquote(urlsplit(path).path) == CHART + ticker for path in self.requests)

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body for one path."""
        with self._lock:
            self.requests.append(path)
            parts = urlsplit(path)
            if parts.path == "/v1/test/getcrumb":
                return HTTPStatus.OK, "crumb"
            if parts.path == "/":
                return HTTPStatus.OK, ""
            if not parts.path.startswith(CHART):
                return HTTPStatus.NOT_FOUND, "{}"
            ticker = unquote(parts.path.removeprefix(CHART))
            fault = next((f for f in self._faults if f.times and f.ticker in {None, ticker}), None)
            if fault is not None:
                fault.times -= 1
                return fault.status, fault.body
            if ticker not in self.listings:
                return HTTPStatus.NOT_FOUND, _chart_error("Not Found", "No data found, symbol may be delisted")
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            return HTTPStatus.OK, json.dumps(_chart(ticker, self.listings[ticker], query, self.now))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer(self.path)
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Say nothing: pytest's output is for failures."""

        return Handler


def _chart_error(code: str, description: str) -> str:
    return json.dumps({"chart": {"result": None, "error": {"code": code, "description": description}}})


def _chart(ticker: str, listing: Listing, query: Mapping[str, str], now: dt.datetime) -> dict[str, Any]:
    """The v8 chart answer for a query at a time."""
    shown = [s for s in listing.trades if sessions.open_time(s) <= now]
    start, end = int(query.get("period1", 0)), int(query.get("period2", 2**40))
    wanted = [s for s in shown if start <= _stamp(sessions.open_time(s)) < end]
    if "range" in query:
        wanted = shown[-1:]
    if not wanted:
        return {
            "chart": {
                "result": [{"meta": _meta(ticker, listing, now), "indicators": {"quote": [{}]}}],
                "error": None,
            }
        }
    rows = [_row(listing, session, now) for session in wanted]
    quote = {name: [row[name] for row in rows] for name in ("open", "high", "low", "close", "volume")}
    result = {
        "meta": _meta(ticker, listing, now),
        "timestamp": [row["timestamp"] for row in rows],
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [row["adjclose"] for row in rows]}]},
        "events": _events(listing, wanted[0], wanted[-1], now),
    }
    return {"chart": {"result": [result], "error": None}}


def _row(listing: Listing, session: dt.date, now: dt.datetime) -> dict[str, Any]:
    trade = listing.trades[session]
    opened, closed = sessions.open_time(session), sessions.close_time(session)
    prices = (trade.open, trade.high, trade.low, trade.close)
    open_, high, low, close = (math.nan if price is None else price for price in prices)
    stamp, volume = opened, trade.volume
    if now < closed:
        elapsed = (now - opened) / (closed - opened)
        close = open_ + elapsed * (close - open_)
        high, low, volume, stamp = max(open_, close), min(open_, close), int(volume * elapsed), now
    scale = _later_splits(listing, session, now)
    adjclose = close * _later_dividends(listing, session, now)
    quoted = {"open": open_, "high": high, "low": low, "close": close, "adjclose": adjclose}
    row = {name: None if math.isnan(price) else price / scale for name, price in quoted.items()}
    return {"timestamp": _stamp(stamp), "volume": round(volume * scale), **row}


def _later_splits(listing: Listing, session: dt.date, now: dt.datetime) -> float:
    """New shares for one of that session, by the splits known now."""
    return math.prod(r for day, r in listing.splits.items() if session < day and sessions.open_time(day) <= now)


def _later_dividends(listing: Listing, session: dt.date, now: dt.datetime) -> float:
    """What the payments known now leave of a price of that session: the product of 1 - D / close before."""
    factor = 1.0
    for day, amount in [*listing.dividends.items(), *listing.capital_gains.items()]:
        if session < day and sessions.open_time(day) <= now:
            factor *= 1 - amount / (listing.trades[sessions.offset(day, -1)].close or math.inf)
    return factor


def _events(listing: Listing, first: dt.date, last: dt.date, now: dt.datetime) -> dict[str, Any]:
    """The events in the answered range, with payments per share of today, as Yahoo gives them."""
    events: dict[str, Any] = {}
    for name, paid in (("dividends", listing.dividends), ("capitalGains", listing.capital_gains)):
        known = {day: amount for day, amount in paid.items() if first <= day <= last}
        if known:
            events[name] = {str(_open(day)): _payment(listing, day, known[day], now) for day in known}
    split = {day: ratio for day, ratio in listing.splits.items() if first <= day <= last}
    if split:
        events["splits"] = {
            str(_open(day)): {
                "date": _open(day),
                "numerator": ratio,
                "denominator": 1.0,
                "splitRatio": f"{ratio}:1",
            }
            for day, ratio in split.items()
        }
    return events


def _payment(listing: Listing, day: dt.date, amount: float, now: dt.datetime) -> dict[str, float]:
    return {"amount": amount / _later_splits(listing, day, now), "date": _open(day)}


def _open(day: dt.date) -> int:
    return _stamp(sessions.open_time(day))


def _meta(ticker: str, listing: Listing, now: dt.datetime) -> dict[str, Any]:
    session = sessions.at_or_before(now.date())
    zone = ZoneInfo(listing.timezone)
    offset = now.astimezone(zone).utcoffset() or dt.timedelta()
    shared = {"timezone": now.astimezone(zone).tzname(), "gmtoffset": int(offset.total_seconds())}
    opened, closed = _stamp(sessions.open_time(session)), _stamp(sessions.close_time(session))
    hours = {"pre": (opened - 19_800, opened), "regular": (opened, closed), "post": (closed, closed + 14_400)}
    return {
        "currency": "USD",
        "symbol": ticker,
        "instrumentType": listing.instrument,
        "exchangeTimezoneName": listing.timezone,
        "priceHint": 2,
        "dataGranularity": "1d",
        "validRanges": ["1d", "5d", "1mo", "max"],
        "firstTradeDate": _open(next(iter(listing.trades))),
        "regularMarketTime": _stamp(min(now, sessions.close_time(session))),
        "currentTradingPeriod": {name: {"start": a, "end": b, **shared} for name, (a, b) in hours.items()},
    }


def _stamp(instant: dt.datetime) -> int:
    return int(instant.timestamp())
