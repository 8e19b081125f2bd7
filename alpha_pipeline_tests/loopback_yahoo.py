"""A server on 127.0.0.1 that answers as Yahoo's v8 chart endpoint does, for the real yfinance.

It keeps bars as they were traded, splits, dividends, capital gains and a clock, and applies Yahoo's
conventions when it answers: prices and volumes split-adjusted by every split known by then, adjclose also
dividend-adjusted, today's bar partial and stamped with the clock while it trades. Moving the clock restates
history by itself. It can be told to fail in every way that Yahoo does.

    with LoopbackYahoo(now=...) as server:
        server.listings["QQQ"] = Listing(trades(first, last), splits={...})
        server.refuse(429, times=2)
        YahooSource(server.url, now=lambda: server.now)

As a process of its own it serves the bars of a Parquet file and prints its URL:

    python -m alpha_pipeline_tests.loopback_yahoo --bars bars.parquet --now 2025-06-30T21:00:00+00:00
"""

import argparse
import contextlib
import datetime as dt
import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from alpha_pipeline_tests.loopback.chart import chart
from alpha_pipeline_tests.loopback.faults import MAINTENANCE, NULL_RESULT, Asked, Fault, Reply, unknown_symbol
from alpha_pipeline_tests.loopback.listing import Listing, Quirk, Trade, read_listings, trades

__all__ = ["MAINTENANCE", "NULL_RESULT", "Listing", "LoopbackYahoo", "Quirk", "Trade", "trades"]

CHART = "/v8/finance/chart/"
CRUMB = "/v1/test/getcrumb"


class LoopbackYahoo:
    """The server; a context manager.

    Attributes:
        listings: what it knows, by ticker; any other ticker gets Yahoo's 404.
        now: its clock (UTC).
        requests: every path asked for, in order.
        latency_s: seconds that each answer takes.
        quirks: what is odd about the answers for any ticker.
        headers: of every answer, beside its own.
    """

    def __init__(self, now: dt.datetime, port: int = 0) -> None:
        self.listings: dict[str, Listing] = {}
        self.now = now
        self.requests: list[str] = []
        self.latency_s = 0.0
        self.quirks: set[Quirk] = set()
        self.headers: dict[str, str] = {}
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler(self.answer, self.headers, self._closing))
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
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def refuse(
        self,
        status: int,
        times: int = 1,
        ticker: str | None = None,
        body: str = "Sorry",
        *,
        asked: Asked = "chart",
    ) -> None:
        """Answer the next requests of a kind (of one ticker, or of any) with a status and a body."""
        self._faults.append(Fault(lambda _: Reply(status, body), times, ticker, asked))

    def drop(self, times: int = 1, ticker: str | None = None) -> None:
        """Close the socket of the next chart requests without a word."""
        self._faults.append(Fault(lambda reply: replace(reply, is_dropped=True), times, ticker, "chart"))

    def hang(self, seconds: float, times: int = 1, ticker: str | None = None) -> None:
        """Let the next chart requests wait, as a rule for longer than the client does."""
        self._faults.append(Fault(lambda reply: replace(reply, delay_s=seconds), times, ticker, "chart"))

    def truncate(self, times: int = 1, ticker: str | None = None) -> None:
        """Send the first half of the next charts."""
        self._faults.append(
            Fault(lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]), times, ticker, "chart")
        )

    def say(self, body: str, ticker: str) -> None:
        """Answer every chart request of a ticker with these words."""
        self._faults.append(
            Fault(lambda reply: replace(reply, status=HTTPStatus.OK, body=body), 10**9, ticker, "chart")
        )

    def calm(self) -> None:
        """Forget every failure that is still due."""
        with self._lock:
            self._faults.clear()

    def chart_requests(self, ticker: str) -> int:
        """How often a ticker's chart was asked for."""
        return sum(unquote(urlsplit(path).path) == CHART + ticker for path in self.requests)

    def ranges(self, ticker: str) -> list[tuple[dt.date, dt.date]]:
        """The first and last day of every question for bars of a ticker, in order."""
        asked = [urlsplit(path) for path in self.requests if unquote(urlsplit(path).path) == CHART + ticker]
        queries = [parse_qs(parts.query) for parts in asked if "period1" in parts.query]
        zone = ZoneInfo(self.listings[ticker].timezone)
        return [(_day(q["period1"][0], zone), _day(q["period2"][0], zone) - dt.timedelta(days=1)) for q in queries]

    def answer(self, path: str) -> Reply:
        """What one request gets."""
        asked, ticker = _question(path)
        with self._lock:
            self.requests.append(path)
            fault = next((fault for fault in self._faults if asked and fault.meets(asked, ticker)), None)
            if fault is not None:
                fault.times -= 1
        reply = replace(self._reply(path, asked, ticker), delay_s=self.latency_s)
        return reply if fault is None else fault.spoil(reply)

    def _reply(self, path: str, asked: Asked | None, ticker: str | None) -> Reply:
        """The true answer."""
        if asked == "crumb":
            return Reply(HTTPStatus.OK, "crumb")
        if ticker is None:
            is_cookie = urlsplit(path).path == "/"
            return Reply(HTTPStatus.OK, "") if is_cookie else Reply(HTTPStatus.NOT_FOUND, "{}")
        listing = self.listings.get(ticker)
        if listing is None or not listing.is_known(self.now):
            return unknown_symbol()
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        told = chart(ticker, listing, query, self.now, listing.quirks | self.quirks)
        return Reply(HTTPStatus.OK, json.dumps(told))


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # many processes may ask at once

    def handle_error(self, *_: object) -> None:
        """Say nothing of a client that went away."""


def _handler(
    answer: Callable[[str], Reply], headers: Mapping[str, str], closing: threading.Event
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply = answer(self.path)
            closing.wait(reply.delay_s)
            if reply.is_dropped:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            data = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing: pytest's output is for failures."""

    return Handler


def _question(path: str) -> tuple[Asked | None, str | None]:
    """What a request asks for, and of which ticker."""
    parts = urlsplit(path)
    if parts.path == CRUMB:
        return "crumb", None
    if not parts.path.startswith(CHART):
        return None, None
    ticker = unquote(parts.path.removeprefix(CHART))
    return ("time zone" if "range" in parse_qs(parts.query) else "chart"), ticker


def _day(seconds: str, zone: ZoneInfo) -> dt.date:
    return dt.datetime.fromtimestamp(int(seconds), zone).date()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the bars of a Parquet file until interrupted."""
    parser = argparse.ArgumentParser(description="A loopback server that answers as Yahoo's chart endpoint does.")
    parser.add_argument("--bars", type=Path, required=True, help="Parquet: ticker, date or session, OHLC, adj_close.")
    parser.add_argument("--now", type=dt.datetime.fromisoformat, required=True, help="Its clock, ISO with offset.")
    parser.add_argument("--latency", type=float, default=0.0, help="Seconds that each answer takes.")
    parser.add_argument("--port", type=int, default=0, help="Port on the loopback interface; any free one if 0.")
    given = parser.parse_args(arguments)
    server = LoopbackYahoo(given.now if given.now.tzinfo else given.now.replace(tzinfo=dt.UTC), given.port)
    server.latency_s = given.latency
    server.listings = read_listings(given.bars)
    for ticker in server.listings:  # the hours of thousands of sessions are looked up once, before anyone waits
        server.answer(CHART + ticker)
    server.requests.clear()
    with server, contextlib.suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
