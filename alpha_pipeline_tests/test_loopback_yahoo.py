"""The loopback Yahoo by itself: what moves with its clock, how it fails, and that it runs as a process."""

import datetime as dt
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline_tests.loopback_yahoo import MAINTENANCE, NULL_RESULT, Listing, LoopbackYahoo, Quirk, Trade, trades

FIRST, LAST = dt.date(2024, 3, 11), dt.date(2024, 3, 15)
AFTER = dt.datetime(2024, 3, 15, 21, tzinfo=dt.UTC)


@pytest.fixture
def server() -> Iterator[LoopbackYahoo]:
    with LoopbackYahoo(AFTER) as server:
        server.listings["AAA"] = Listing(trades(FIRST, LAST))
        yield server


def body(url: str, first: dt.date = FIRST, last: dt.date = LAST, ticker: str = "AAA") -> str:
    start, end = (int(dt.datetime.combine(day, dt.time(5), dt.UTC).timestamp()) for day in (first, last))
    with urllib.request.urlopen(f"{url}/v8/finance/chart/{ticker}?period1={start}&period2={end + 86_400}") as answer:
        return str(answer.read().decode())


def rows(url: str, **asked: Any) -> list[tuple[dt.date, float | None, float | None]]:
    """Date, close and volume of each row."""
    result = json.loads(body(url, **asked))["chart"]["result"][0]
    quote = result["indicators"]["quote"][0]
    days = [dt.datetime.fromtimestamp(stamp, dt.UTC).date() for stamp in result["timestamp"]]
    return list(zip(days, quote["close"], quote["volume"], strict=True))


def closes(url: str) -> dict[dt.date, float | None]:
    return {day: close for day, close, _ in rows(url)}


def test_the_clock_restates_history(server: LoopbackYahoo) -> None:
    server.listings["AAA"].splits[LAST] = 4.0
    before = closes(server.url)
    server.now = dt.datetime(2024, 3, 15, 13, tzinfo=dt.UTC)  # before the open
    assert list(closes(server.url)) == list(sessions.between(FIRST, dt.date(2024, 3, 14)))
    assert closes(server.url)[FIRST] == pytest.approx(before[FIRST] * 4)


def test_a_late_bar_and_a_correction_come_with_the_clock(server: LoopbackYahoo) -> None:
    late, wrong = dt.date(2024, 3, 13), dt.date(2024, 3, 14)
    listing = server.listings["AAA"]
    listing.late[late] = AFTER
    listing.corrections[wrong] = (AFTER, Trade(1.0, 1.0, 1.0, 1.0, 5))
    server.now = AFTER - dt.timedelta(seconds=1)
    assert late not in closes(server.url)
    assert closes(server.url)[wrong] == listing.trades[wrong].close
    server.now = AFTER
    assert closes(server.url)[late] == listing.trades[late].close
    assert rows(server.url)[3] == (wrong, 1.0, 5)


def test_quirks(server: LoopbackYahoo) -> None:
    server.quirks = {Quirk.DUPLICATE_LAST, Quirk.ROW_AFTER_END}
    days = [day for day, _, _ in rows(server.url, last=dt.date(2024, 3, 13))]
    assert days[-3:] == [dt.date(2024, 3, 13), dt.date(2024, 3, 13), LAST]
    server.quirks = {Quirk.NULL_LAST}
    assert rows(server.url)[-1] == (LAST, None, None)
    server.quirks = {Quirk.EX_DIVIDEND_ROW}
    server.now = dt.datetime(2024, 3, 15, 12, tzinfo=dt.UTC)
    assert rows(server.url)[-1][0] == dt.date(2024, 3, 14)
    server.listings["AAA"].dividends[LAST] = 0.5
    assert rows(server.url)[-1] == (LAST, None, 0)
    assert '"amount": 0.5' in body(server.url)


def test_failures_meet_those_they_are_meant_for(server: LoopbackYahoo) -> None:
    server.listings["BBB"] = server.listings["AAA"]
    whole = body(server.url)
    server.truncate(ticker="BBB")
    assert body(server.url) == whole
    assert len(body(server.url, ticker="BBB")) < len(whole)
    assert body(server.url, ticker="BBB").replace("BBB", "AAA") == whole
    for words in (NULL_RESULT, MAINTENANCE, ""):
        server.refuse(200, body=words)
        assert body(server.url) == words
    server.refuse(503, asked="time zone")
    assert body(server.url) == whole
    server.drop()
    with pytest.raises(RemoteDisconnected):
        body(server.url)
    server.refuse(429, times=100)
    with pytest.raises(urllib.error.HTTPError, match="429"):
        body(server.url)
    server.calm()
    assert body(server.url) == whole


def test_a_delisted_ticker_is_unknown_from_that_day_on(server: LoopbackYahoo) -> None:
    server.listings["AAA"].delisted = LAST
    with pytest.raises(urllib.error.HTTPError, match="404"):
        body(server.url)
    server.now = dt.datetime(2024, 3, 14, 21, tzinfo=dt.UTC)
    assert len(rows(server.url)) == 4


def test_a_hanging_answer_ends_with_the_server() -> None:
    with LoopbackYahoo(AFTER) as server:
        server.listings["AAA"] = Listing(trades(FIRST, LAST))
        server.hang(3600)
        answers: list[str] = []
        waiting = threading.Thread(target=lambda: answers.append(body(server.url)))
        waiting.start()
        while not server.requests:
            time.sleep(0.01)
        assert answers == []
    waiting.join(timeout=30)
    assert len(answers) == 1


@contextmanager
def process(*arguments: str) -> Iterator[str]:
    """The server as a process of its own; gives its URL."""
    command = [sys.executable, "-m", "alpha_pipeline_tests.loopback_yahoo", *arguments]
    checkout = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=checkout) as served:
        try:
            assert served.stdout is not None
            yield served.stdout.readline().strip()
        finally:
            served.kill()  # A suite run in the background may have left SIGTERM ignored.


def test_it_serves_a_file_as_a_process(tmp_path: Path) -> None:
    days = [*sessions.between(FIRST, LAST), dt.date(2024, 3, 16)]  # a Saturday is left out
    bars = pl.DataFrame({"ticker": ["^VIX"] * 6, "date": days, "adj_close": [7.0] * 6, "volume": [0] * 6})
    prices = {name: [14.0] * 5 + [float("nan")] for name in ("open", "high", "low", "close")}
    bars.with_columns(**{name: pl.Series(values) for name, values in prices.items()}).write_parquet(tmp_path / "bars")
    with process("--bars", str(tmp_path / "bars"), "--now", "2024-03-20T21:00:00", "--latency", "0.01") as url:
        assert rows(url, ticker="^VIX") == [(day, 14.0, 0) for day in days[:5]]
        result = json.loads(body(url, ticker="^VIX"))["chart"]["result"][0]
    assert result["indicators"]["adjclose"][0]["adjclose"] == [7.0] * 5
    assert result["meta"]["exchangeTimezoneName"] == "America/Chicago"
