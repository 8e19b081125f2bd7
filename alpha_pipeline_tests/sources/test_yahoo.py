"""The real yfinance against a loopback server that answers as Yahoo does."""

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import yfinance.cache
from peewee import OperationalError

from alpha_pipeline import sessions
from alpha_pipeline.errors import CoolingError, SourceError, UnknownTickerError
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA
from alpha_pipeline.sources.pace import Pace
from alpha_pipeline.sources.yahoo import YahooSource, _prepare_yfinance
from alpha_pipeline_tests.loopback.world import forget
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo, trades
from alpha_pipeline_tests.patience import Naps

START, FIRST, LAST = dt.date(2024, 2, 1), dt.date(2024, 2, 15), dt.date(2024, 3, 14)
AFTER_CLOSE = dt.datetime(2024, 3, 14, 21, tzinfo=dt.UTC)


@pytest.fixture
def server() -> Iterator[LoopbackYahoo]:
    with LoopbackYahoo(AFTER_CLOSE) as server:
        server.listings["AAA"] = Listing(trades(START, dt.date(2024, 4, 30)))
        yield server
    forget(server.listings)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def source(server: LoopbackYahoo, naps: Naps, tmp_path: Path) -> YahooSource:
    return YahooSource(server.url, now=lambda: server.now, pace=pace(tmp_path, naps))


def pace(folder: Path, naps: Naps) -> Pace:
    """So fast that only pauses and cooling are naps: both are counted in requests, a thousandth of a second each."""
    return Pace(folder / "pace", 1000, naps.clock, naps.sleep)


def long(naps: Naps) -> list[float]:
    """The naps that are more than waiting for a turn, in requests."""
    return [1000 * nap for nap in naps.taken if nap > 0.001]


def test_bars_of_a_range_both_ends_included(server: LoopbackYahoo, source: YahooSource) -> None:
    answer = source.fetch("AAA", FIRST, LAST)
    assert answer.source == "yahoo"
    assert dict(answer.bars.schema) == ANSWER_SCHEMA
    assert answer.bars["session"].to_list() == list(sessions.between(FIRST, LAST))
    traded = server.listings["AAA"].trades[LAST]
    row = answer.bars.row(-1, named=True)
    assert (row["open"], row["high"], row["low"], row["close"], row["volume"]) == (
        traded.open,
        traded.high,
        traded.low,
        traded.close,
        traded.volume,
    )
    assert answer.bars["is_final"].all()
    assert answer.actions.is_empty()
    assert dict(answer.actions.schema) == ACTION_SCHEMA


def test_one_session(source: YahooSource) -> None:
    assert source.fetch("AAA", LAST, LAST).bars["session"].to_list() == [LAST]


def test_a_range_without_a_session_asks_nothing(server: LoopbackYahoo, source: YahooSource) -> None:
    answer = source.fetch("AAA", dt.date(2024, 3, 9), dt.date(2024, 3, 10))
    assert answer.bars.is_empty()
    assert server.requests == []


def test_split_dividend_and_capital_gain(server: LoopbackYahoo, source: YahooSource) -> None:
    splits = {dt.date(2024, 3, 5): 4.0}
    server.listings["ETF"] = Listing(
        trades(START, LAST, splits=splits),
        splits=splits,
        dividends={dt.date(2024, 2, 20): 0.5},
        capital_gains={dt.date(2024, 3, 11): 1.0},
        instrument="ETF",
    )
    answer = source.fetch("ETF", FIRST, LAST)
    assert answer.actions.rows() == [
        ("ETF", dt.date(2024, 2, 20), "dividend", 0.125),
        ("ETF", dt.date(2024, 3, 5), "split", 4.0),
        ("ETF", dt.date(2024, 3, 11), "capital_gain", 1.0),
    ]
    before = answer.bars.row(0, named=True)
    traded = server.listings["ETF"].trades[FIRST]
    assert before["close"] == pytest.approx(traded.close / 4)
    assert before["volume"] == traded.volume * 4
    assert before["adj_close"] < before["close"]
    assert answer.bars["adj_close"].item(-1) == answer.bars["close"].item(-1)


def test_vix_in_chicago_time_without_volume(server: LoopbackYahoo, source: YahooSource) -> None:
    server.listings["^VIX"] = Listing(
        trades(START, LAST, price=15, volume=0), instrument="INDEX", timezone="America/Chicago"
    )
    bars = source.fetch("^VIX", FIRST, LAST).bars
    assert bars["session"].to_list() == list(sessions.between(FIRST, LAST))
    assert bars["volume"].unique().to_list() == [0.0]


def test_todays_partial_bar_is_not_final(server: LoopbackYahoo, source: YahooSource) -> None:
    server.now = dt.datetime(2024, 3, 14, 15, tzinfo=dt.UTC)  # 11:00 in New York
    partial = source.fetch("AAA", FIRST, LAST).bars
    assert partial["is_final"].to_list()[-2:] == [True, False]
    server.now = dt.datetime(2024, 3, 14, 20, 30, tzinfo=dt.UTC)  # closed, but late prints still settle
    assert not source.fetch("AAA", FIRST, LAST).bars["is_final"].item(-1)
    server.now = AFTER_CLOSE
    final = source.fetch("AAA", FIRST, LAST).bars
    assert final["is_final"].all()
    assert partial["volume"].item(-1) < final["volume"].item(-1)


def test_a_hole_comes_back_as_nulls(server: LoopbackYahoo, source: YahooSource) -> None:
    hole = dt.date(2024, 3, 7)
    listing = server.listings["AAA"]
    trade = replace(listing.trades[hole], open=None, high=None, low=None, close=None, volume=0)
    listing.trades = {**listing.trades, hole: trade}
    bars = source.fetch("AAA", FIRST, LAST).bars
    assert bars["session"].to_list() == list(sessions.between(FIRST, LAST))
    assert bars.filter(pl.col("close").is_null())["session"].to_list() == [hole]


@pytest.mark.parametrize("ticker", ["M&M.NS", "ES=F", "EURUSD=X", "BTC-USD", "VOD.L", "7203.T", "^STOXX50E"])
def test_a_name_is_asked_for_letter_by_letter(server: LoopbackYahoo, source: YahooSource, ticker: str) -> None:
    server.listings[ticker] = Listing(trades(START, dt.date(2024, 4, 30)))
    assert source.fetch(ticker, FIRST, LAST).bars["ticker"].unique().to_list() == [ticker]
    assert server.chart_requests(ticker) >= 1


def test_an_unknown_ticker_is_not_asked_for_again(server: LoopbackYahoo, source: YahooSource, naps: Naps) -> None:
    with pytest.raises(UnknownTickerError, match=r"Yahoo has no ticker 'BRK\.B' \(No data found"):
        source.fetch("BRK.B", FIRST, LAST)
    assert server.chart_requests("BRK.B") == 1
    assert long(naps) == []


@pytest.mark.parametrize(
    ("status", "body"), [(429, "Too Many Requests"), (500, "<html>"), (200, ""), (200, '{"chart": {"resu')]
)
def test_it_recovers_within_one_fetch(
    server: LoopbackYahoo, source: YahooSource, naps: Naps, status: int, body: str
) -> None:
    server.refuse(status, times=2, body=body)
    assert source.fetch("AAA", FIRST, LAST).bars.height == 20
    # A rate limit is given time: a cooling period of sixty requests, and then of twice as many.
    least, most = (60, 90) if status == 429 else (1, 2)
    first, second = long(naps)
    assert least <= first <= most
    assert 2 * least <= second <= 2 * most


def test_a_refusal_names_ticker_and_cause_and_the_next_fetch_can_succeed(
    server: LoopbackYahoo, source: YahooSource
) -> None:
    server.refuse(500, times=4)
    with pytest.raises(SourceError, match=r"no bars of AAA in 4 attempts \(HTTP 500\)"):
        source.fetch("AAA", FIRST, LAST)
    assert server.chart_requests("AAA") == 4  # one request an attempt: no immediate second one
    assert source.fetch("AAA", FIRST, LAST).bars.height == 20


def test_in_a_rate_limit_nobody_asks_until_the_cooling_period_is_over(
    server: LoopbackYahoo, source: YahooSource, naps: Naps
) -> None:
    server.listings["BBB"] = server.listings["AAA"]
    server.refuse(429, times=3)
    with pytest.raises(CoolingError, match="nothing is asked for another"):
        source.fetch("AAA", FIRST, LAST)
    asked = len(server.requests)
    with pytest.raises(CoolingError):
        source.fetch("BBB", FIRST, LAST)
    assert len(server.requests) == asked
    naps.time += 2  # two thousand requests' worth: longer than any cooling period
    assert source.fetch("BBB", FIRST, LAST).bars.height == 20
    assert source.fetch("AAA", FIRST, LAST).bars.height == 20


def test_a_failed_time_zone_does_not_poison_a_new_ticker(server: LoopbackYahoo, source: YahooSource) -> None:
    server.listings["NEW"] = server.listings["AAA"]
    server.refuse(500, times=4)
    with pytest.raises(SourceError, match="HTTP 500"):
        source.fetch("NEW", FIRST, LAST)
    assert all("range=1d" in path for path in server.requests if "NEW" in path)
    assert source.fetch("NEW", FIRST, LAST).bars.height == 20


def test_threads_that_begin_together_create_its_files_once(
    source: YahooSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[int] = []
    create = yfinance.cache._TzCache.initialise

    def slowly(held: yfinance.cache._TzCache) -> None:
        if held.initialised == -1:
            entered.append(1)
            time.sleep(0.1)
        create(held)

    for manager in (yfinance.cache._TzDBManager, yfinance.cache._CookieDBManager, yfinance.cache._ISINDBManager):
        monkeypatch.setattr(manager, "_db", None)
        monkeypatch.setattr(manager, "_cache_dir", manager._cache_dir)
    for proxy in (yfinance.cache.tz_db_proxy, yfinance.cache.Cookie_db_proxy):
        monkeypatch.setattr(proxy, "obj", proxy.obj)
    monkeypatch.setattr(yfinance.cache._TzCacheManager, "_tz_cache", None)
    monkeypatch.setattr(yfinance.cache._CookieCacheManager, "_Cookie_cache", None)
    monkeypatch.setattr(yfinance.cache._TzCache, "initialise", slowly)
    prepare = cache(_prepare_yfinance.__wrapped__)
    monkeypatch.setattr("alpha_pipeline.sources.yahoo._prepare_yfinance", prepare)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: source.fetch("AAA", FIRST, LAST).bars.height, range(4)))
    assert (answers, entered) == ([20] * 4, [1])


@pytest.mark.parametrize("ticker", ["AAA", "UNKNOWN"])
def test_a_thread_holds_no_file_of_yfinance_open_after_an_answer_or_a_refusal(source: YahooSource, ticker: str) -> None:
    """Python 3.13 warns of a SQLite connection that ends with its thread."""

    def ask() -> list[bool]:
        with suppress(UnknownTickerError):
            source.fetch(ticker, FIRST, LAST)
        return [yfinance.cache.tz_db_proxy.is_closed(), yfinance.cache.Cookie_db_proxy.is_closed()]

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == [True, True]


def test_a_locked_file_of_yfinance_is_tried_again(source: YahooSource, monkeypatch: pytest.MonkeyPatch) -> None:
    look, locked = yfinance.cache._TzCache.lookup, iter([True, True])

    def lookup(cache: yfinance.cache._TzCache, ticker: str) -> str | None:
        if next(locked, False):
            raise OperationalError("database is locked")
        return look(cache, ticker)

    monkeypatch.setattr(yfinance.cache._TzCache, "lookup", lookup)
    assert source.fetch("AAA", FIRST, LAST).bars.height == 20
    assert next(locked, False) is False


def test_a_server_that_is_away(naps: Naps, tmp_path: Path) -> None:
    with LoopbackYahoo(AFTER_CLOSE) as gone:
        url = gone.url
    source = YahooSource(url, now=lambda: AFTER_CLOSE, pace=pace(tmp_path, naps))
    with pytest.raises(SourceError, match="AAA in 4 attempts"):
        source.fetch("AAA", FIRST, LAST)


def test_a_range_before_the_listing(source: YahooSource) -> None:
    with pytest.raises(SourceError, match="no bars from 2020-01-02 to 2020-01-31"):
        source.fetch("AAA", dt.date(2020, 1, 2), dt.date(2020, 1, 31))


def test_yahoos_own_reason_is_passed_on(server: LoopbackYahoo, source: YahooSource) -> None:
    source.fetch("AAA", FIRST, LAST)  # from here on the time zone is known
    error = {"code": "Bad Request", "description": "Data doesn't exist for startDate"}
    server.refuse(400, times=2, body=json.dumps({"chart": {"result": None, "error": error}}))
    with pytest.raises(SourceError, match="Data doesn't exist for startDate"):
        source.fetch("AAA", FIRST, LAST)


def test_tickers_asked_for_side_by_side_do_not_mix(server: LoopbackYahoo, source: YahooSource) -> None:
    prices = {f"T{place}": 10.0 * (place + 1) for place in range(12)}
    for ticker, price in prices.items():
        server.listings[ticker] = Listing(trades(START, LAST, price))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda ticker: source.fetch(ticker, LAST, LAST), prices))
    closes = {answer.ticker: answer.bars["close"].item() for answer in answers}
    assert closes == {ticker: server.listings[ticker].trades[LAST].close for ticker in prices}


def test_restated_history_is_seen_in_the_same_process(server: LoopbackYahoo, source: YahooSource) -> None:
    server.listings["AAA"].splits[dt.date(2024, 3, 18)] = 10.0
    before = source.fetch("AAA", FIRST, LAST).bars
    server.now = dt.datetime(2024, 3, 18, 21, tzinfo=dt.UTC)
    after = source.fetch("AAA", FIRST, LAST).bars
    assert (before["close"] / after["close"]).to_list() == pytest.approx([10.0] * 20)


def test_a_child_process_is_pointed_at_the_server_by_its_environment_and_asks_for_no_known_time_zone(
    server: LoopbackYahoo, tmp_path: Path
) -> None:
    settings = Settings(source="yahoo", yahoo_base_url=server.url, fixed_now=server.now, yahoo_rate=100.0)
    code = (
        "import datetime as dt\n"
        "from alpha_pipeline.settings import load_settings\n"
        "from alpha_pipeline.sources.registry import make_source\n"
        f"answer = make_source(load_settings()).fetch('AAA', {FIRST!r}, {LAST!r})\n"
        "print(answer.bars.height, answer.bars['is_final'].all())\n"
    ).replace("datetime.date", "dt.date")
    for requests in (2, 3):  # the time zone and the bars, then the bars alone
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **settings.environment(), "XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.split() == ["20", "True"], done.stderr
        assert done.stderr == ""
        assert server.chart_requests("AAA") == requests
