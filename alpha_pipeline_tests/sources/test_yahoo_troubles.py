"""Every trouble that Yahoo is known for, from the real yfinance to the tables."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import AlphaError, CoolingError, SourceError, UnknownTickerError
from alpha_pipeline.steps.admission import require_known
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.rounds import ingest_tickers
from alpha_pipeline.universe import checked
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import followed
from alpha_pipeline_tests.loopback.world import SAID, World, levels, yahoo_world
from alpha_pipeline_tests.loopback_yahoo import MAINTENANCE, NULL_RESULT, Listing, LoopbackYahoo, Quirk, Trade, trades
from alpha_pipeline_tests.pipeline_world import after_close

START, END = dt.date(2024, 1, 2), dt.date(2024, 12, 13)
EVE, DAY = dt.date(2024, 3, 14), dt.date(2024, 3, 15)  # a Thursday and a Friday
HOLE = Trade(None, None, None, None, 0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "machine"))  # what processes of one machine share
    with yahoo_world(tmp_path, START, after_close(EVE)) as world:
        world.server.listings["AAA"] = Listing(trades(START, END))
        yield world


def flat(prices: dict[dt.date, float], **given: dict[dt.date, float]) -> Listing:
    return Listing(levels(START, END, prices), **given)


def spoilt(world: World, day: dt.date, trade: Trade, mended: dt.datetime | None = None) -> None:
    """AAA with another trade on a day, perhaps until it is mended."""
    listing = world.server.listings["AAA"]
    if mended:
        listing.corrections[day] = (mended, listing.trades[day])
    listing.trades = {**listing.trades, day: trade}


def said(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.select(SAID)


def assert_as_if_fetched_at_once(world: World, ticker: str = "AAA") -> None:
    """However the bars came together, they are those of one fetch of the whole history: one basis, no seam."""
    assert said(world.rows(raw.BARS, ticker)).equals(said(world.single_fetch(ticker, raw.BARS)))
    assert world.rows(raw.ACTIONS, ticker).equals(world.single_fetch(ticker, raw.ACTIONS))


def assert_nothing_set_aside(world: World, ticker: str = "AAA") -> None:
    assert world.rows(raw.QUARANTINE, ticker).is_empty()


def coverage(world: World, ticker: str = "AAA") -> tuple[str, str]:
    row = world.rows(raw.COVERAGE, ticker).row(0, named=True)
    return row["status"], row["detail"]


def overlap(world: World, ticker: str = "AAA") -> int:
    """How many sessions before the eve the last question began."""
    return sessions.position(EVE) - sessions.position(sessions.at_or_after(world.server.ranges(ticker)[-1][0]))


def test_partial_bar(world: World) -> None:
    during = sessions.close_time(DAY) - dt.timedelta(hours=2)
    world.refresh("AAA", EVE)
    world.refresh("AAA", during, through=DAY)
    partial = world.rows(raw.BARS, "AAA").filter(session=DAY).row(0, named=True)
    assert not partial["is_final"]
    assert final_bars(world.warehouse, ["AAA"])["session"].max() == EVE
    assert coverage(world) == ("stale", f"missing {DAY}")
    world.refresh("AAA", sessions.close_time(DAY) + dt.timedelta(minutes=44), through=DAY)  # prints still settle
    assert final_bars(world.warehouse, ["AAA"])["session"].max() == EVE
    world.refresh("AAA", DAY)
    assert world.rows(raw.BARS, "AAA").filter(session=DAY)["volume"].item() > partial["volume"]
    assert world.rows(raw.REVISIONS, "AAA")["cause"].unique().to_list() == ["finalised"]
    assert_as_if_fetched_at_once(world)


def test_half_day(world: World) -> None:
    half = dt.date(2024, 11, 29)  # closes at 13:00
    close = dt.datetime(2024, 11, 29, 18, tzinfo=dt.UTC)
    world.refresh("AAA", close - dt.timedelta(minutes=1), through=half)
    assert not world.rows(raw.BARS, "AAA")["is_final"].item(-1)
    report = world.refresh("AAA", close + dt.timedelta(minutes=45))
    assert (report.status, report.last_session) == ("complete", half)
    assert world.rows(raw.BARS, "AAA")["volume"].item(-1) == world.server.listings["AAA"].trades[half].volume
    assert_as_if_fetched_at_once(world)


def test_ex_dividend_row_without_prices(world: World) -> None:
    world.server.listings["AAA"] = flat({START: 100.0, DAY: 99.0}, dividends={DAY: 1.0})
    world.server.quirks.add(Quirk.EX_DIVIDEND_ROW)
    world.refresh("AAA", EVE)
    world.refresh("AAA", sessions.open_time(DAY) - dt.timedelta(hours=2), through=DAY)
    assert world.rows(raw.BARS, "AAA")["session"].max() == EVE
    assert world.rows(raw.ACTIONS, "AAA").rows() == [("AAA", DAY, "dividend", 1.0)]
    assert coverage(world) == ("stale", f"missing {DAY}")
    world.refresh("AAA", DAY)
    assert coverage(world) == ("complete", "")
    assert set(world.returns("AAA")) == {0.0}
    assert_nothing_set_aside(world)
    assert_as_if_fetched_at_once(world)


@pytest.mark.parametrize(
    ("listing", "cause"),
    [
        (flat({START: 100.0, DAY: 25.0}, splits={DAY: 4.0}), "split"),
        (flat({START: 100.0, DAY: 99.0}, dividends={DAY: 1.0}), "dividend"),
        (flat({START: 10.0, DAY: 100.0}, splits={DAY: 0.1}), "split"),
        (flat({START: 100.0, DAY: 24.0}, splits={DAY: 4.0}, dividends={DAY: 4.0}), "split"),
    ],
    ids=["split", "dividend", "reverse split of UVXY", "split and dividend on one day"],
)
def test_an_action_across_the_seam(world: World, listing: Listing, cause: str) -> None:
    ticker = "UVXY"
    world.server.listings[ticker] = listing
    world.refresh(ticker, EVE)
    before = world.rows(raw.BARS, ticker)
    report = world.refresh(ticker, DAY)
    assert set(world.returns(ticker)) == {0.0}
    assert (report.n_sessions, report.n_revised) == (before.height + 1, before.height)
    replaced = world.rows(raw.REVISIONS, ticker)
    assert replaced["cause"].unique().to_list() == [cause]
    assert said(replaced.with_columns(is_final=pl.lit(value=True))).equals(said(before))
    assert [first for first, _ in world.server.ranges(ticker)] == [START, sessions.offset(EVE, -15), START]
    assert_nothing_set_aside(world, ticker)
    assert_as_if_fetched_at_once(world, ticker)


def test_a_second_reverse_split_months_after_the_first(world: World) -> None:
    second = dt.date(2024, 4, 11)
    prices, splits = {START: 10.0, DAY: 100.0, second: 500.0}, {DAY: 0.1, second: 0.2}
    world.server.listings["UVXY"] = flat(prices, splits=splits)
    for evening in (EVE, DAY, dt.date(2024, 4, 10), second):
        world.refresh("UVXY", evening)
    assert world.rows(raw.ACTIONS, "UVXY")["value"].to_list() == [0.1, 0.2]
    assert set(world.rows(raw.BARS, "UVXY")["close"].round(6)) == {500.0}
    assert set(world.returns("UVXY")) == {0.0}
    assert_nothing_set_aside(world, "UVXY")
    assert_as_if_fetched_at_once(world, "UVXY")


def test_a_split_after_two_missed_weeks(world: World) -> None:
    world.server.listings["AAA"] = flat({START: 100.0, dt.date(2024, 3, 20): 50.0}, splits={dt.date(2024, 3, 20): 2.0})
    world.refresh("AAA", EVE)
    world.refresh("AAA", dt.date(2024, 4, 2))
    assert set(world.returns("AAA")) == {0.0}
    assert_as_if_fetched_at_once(world)


def test_hole_in_the_middle(world: World) -> None:
    hole = dt.date(2024, 3, 7)
    spoilt(world, hole, HOLE, mended=sessions.open_time(DAY))
    assert world.refresh("AAA", EVE).status == "gaps"
    assert coverage(world) == ("gaps", f"missing {hole}")
    assert_nothing_set_aside(world)
    world.refresh("AAA", DAY)
    assert coverage(world) == ("complete", "")
    assert_as_if_fetched_at_once(world)


@pytest.mark.parametrize("delay", [2, 10])
def test_a_bar_that_appears_late(world: World, delay: int) -> None:
    world.server.listings["AAA"].late[EVE] = sessions.open_time(sessions.offset(EVE, delay))
    states = [world.refresh("AAA", sessions.offset(EVE, days)).status for days in (0, delay - 1, delay)]
    assert states == ["stale", "gaps", "complete"]
    assert_as_if_fetched_at_once(world)


def test_nan_prices_with_a_volume_are_quarantined(world: World) -> None:
    hole = dt.date(2024, 3, 7)
    spoilt(world, hole, replace(HOLE, volume=1_000_000))
    world.refresh("AAA", EVE)
    refused = world.rows(raw.QUARANTINE, "AAA").row(0, named=True)
    assert (refused["session"], refused["reason"], refused["close"]) == (hole, "price_missing", None)
    assert coverage(world) == ("gaps", f"missing {hole}")


def test_a_hole_never_takes_a_held_bar_away(world: World) -> None:
    world.refresh("AAA", EVE)
    held = world.rows(raw.BARS, "AAA")
    spoilt(world, dt.date(2024, 3, 7), HOLE)
    world.refresh("AAA", DAY)
    assert world.rows(raw.BARS, "AAA").head(held.height).equals(held)
    assert coverage(world) == ("complete", "")


def test_nan_last_row(world: World) -> None:
    world.server.listings["AAA"].quirks.add(Quirk.NULL_LAST)
    assert world.refresh("AAA", EVE).last_session == sessions.offset(EVE, -1)
    assert coverage(world) == ("stale", f"missing {EVE}")
    assert_nothing_set_aside(world)
    world.server.listings["AAA"].quirks.clear()
    assert world.refresh("AAA", DAY).status == "complete"
    assert_as_if_fetched_at_once(world)


def test_a_correction_is_taken_over_and_logged(world: World) -> None:
    wrong = dt.date(2024, 3, 7)
    true = world.server.listings["AAA"].trades[wrong]
    spoilt(world, wrong, replace(true, close=true.close * 1.005), mended=sessions.open_time(DAY))
    world.refresh("AAA", EVE)
    report = world.refresh("AAA", DAY)
    replaced = world.rows(raw.REVISIONS, "AAA").row(0, named=True)
    assert (report.n_revised, replaced["session"], replaced["cause"]) == (1, wrong, "correction")
    assert replaced["close"] == pytest.approx(true.close * 1.005)
    assert_as_if_fetched_at_once(world)


def test_429_storm_then_recovery(world: World) -> None:
    tickers = ("AAA", "BBB", "CCC")
    world.server.listings |= {"BBB": Listing(trades(START, END, 50.0)), "CCC": Listing(trades(START, END, 20.0))}
    world.refresh("AAA", EVE)
    asked = world.server.chart_requests("AAA")
    world.server.refuse(429, times=1000, body="Too Many Requests")
    with pytest.raises(CoolingError, match="nothing is asked for another"):
        world.refresh("AAA", DAY)
    assert world.server.chart_requests("AAA") <= asked + 4
    assert len([nap for nap in world.naps.taken if nap >= 30]) >= 2  # longer and longer pauses
    everything = len(world.server.requests)
    world.source = world.another_source()  # another process, which met no refusal of its own
    for ticker in tickers:
        with pytest.raises(CoolingError, match="nothing is asked for another"):
            world.refresh(ticker, DAY)
    assert len(world.server.requests) == everything
    assert world.rows(raw.BARS, "AAA")["session"].max() == EVE

    world.server.calm()
    world.naps.time += 600
    for ticker in tickers:
        assert world.refresh(ticker, DAY).status == "complete"
        assert_as_if_fetched_at_once(world, ticker)


def test_one_429_makes_every_ticker_wait(world: World) -> None:
    world.server.listings["BBB"] = world.server.listings["AAA"]
    world.server.refuse(429, ticker="AAA", times=3)
    with pytest.raises(CoolingError) as refused:
        world.refresh("AAA", EVE)
    world.naps.time += refused.value.seconds - 50  # so little is left that it is worth waiting for
    began = world.naps.time
    world.source = world.another_source()
    assert world.refresh("BBB", EVE).status == "complete"
    assert 50 <= world.naps.time - began < 60


def test_500_then_recovery_in_the_same_process(world: World) -> None:
    world.refresh("AAA", EVE)
    world.server.refuse(500, times=4, body="<html>Internal Server Error</html>")
    with pytest.raises(SourceError, match=r"no bars of AAA in 4 attempts \(HTTP 500\)"):
        world.refresh("AAA", DAY)
    assert world.rows(raw.BARS, "AAA")["session"].max() == EVE
    assert world.refresh("AAA", DAY).status == "complete"
    assert_as_if_fetched_at_once(world)


TROUBLES: dict[str, Callable[[LoopbackYahoo], None]] = {
    "truncated JSON": lambda server: server.truncate(),
    "hang longer than the timeout": lambda server: server.hang(30),
    "dropped socket": lambda server: server.drop(),
    "empty body": lambda server: server.refuse(200, body=""),
    "null result": lambda server: server.refuse(200, body=NULL_RESULT),
    "maintenance page": lambda server: server.refuse(200, body=MAINTENANCE),
    "html error page": lambda server: server.refuse(502, body="<html>Bad Gateway</html>"),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_a_passing_trouble_is_asked_through(world: World, trouble: Callable[[LoopbackYahoo], None]) -> None:
    world.refresh("AAA", EVE)
    world.source = world.another_source(timeout_s=0.2)
    before = world.server.chart_requests("AAA")
    trouble(world.server)
    assert world.refresh("AAA", DAY).status == "complete"
    assert world.server.chart_requests("AAA") == before + 2
    assert_nothing_set_aside(world)
    assert_as_if_fetched_at_once(world)


def test_a_new_ticker_whose_first_time_zone_call_fails(world: World) -> None:
    world.server.listings["FRESH"] = Listing(trades(START, END))
    world.server.refuse(500, asked="time zone", ticker="FRESH", times=5)
    with pytest.raises(SourceError, match="FRESH in 4 attempts"):
        world.refresh("FRESH", EVE)
    assert world.server.ranges("FRESH") == []
    assert world.refresh("FRESH", EVE).status == "complete"
    assert_as_if_fetched_at_once(world, "FRESH")


def test_a_crumb_that_is_refused_does_not_matter(world: World) -> None:
    world.server.refuse(429, times=10, asked="crumb")
    assert world.refresh("AAA", EVE).status == "complete"
    assert [nap for nap in world.naps.taken if nap > 1] == []


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_one_of_sixty_delisted(world: World) -> None:
    listings = {f"T{place:02d}": Listing(trades(START, END, 20.0 + place)) for place in range(60)}
    world.server.listings = listings
    listings["T17"].delisted = DAY
    world.refresh("T17", EVE)
    held = world.rows(raw.BARS, "T17")
    world.server.now = now = after_close(DAY)
    done = dict(ingest_tickers(world.warehouse, world.source, list(listings), since=EVE, through=DAY, now=now))
    failure = done.pop("T17")
    assert isinstance(failure, UnknownTickerError)
    assert "'T17' (No data found, symbol may be delisted)" in str(failure)
    assert [ticker for ticker, report in done.items() if isinstance(report, AlphaError)] == []
    assert {world.rows(raw.BARS, ticker).height for ticker in done} == {2}
    assert world.rows(raw.BARS, "T17").equals(held)


def test_a_share_class_written_with_a_dot(world: World) -> None:
    world.server.listings["BRK-B"] = Listing(trades(START, END, 400.0))
    with pytest.raises(UnknownTickerError, match=r"'BRK\.B'.*BRK-B"):
        world.refresh("BRK.B", EVE)
    assert not world.warehouse.root.exists()
    [name] = require_known(world.source, [checked("brk.b")], EVE)
    assert world.refresh(name, EVE).status == "complete"
    assert world.rows(raw.BARS, "BRK-B")["ticker"].unique().to_list() == ["BRK-B"]


def test_vix_in_chicago_time_without_volume(world: World) -> None:
    vix = Listing(trades(START, END, price=15.0, volume=0), instrument="INDEX", timezone="America/Chicago")
    world.server.listings["^VIX"] = vix
    for evening in (dt.date(2024, 3, 8), dt.date(2024, 3, 11), EVE, DAY):  # summer time begins on 10 March
        assert world.refresh("^VIX", evening).status == "complete"
    bars = world.rows(raw.BARS, "^VIX")
    assert bars["session"].to_list() == list(sessions.between(START, DAY))
    assert bars["close"].to_list() == [vix.trades[session].close for session in bars["session"]]
    assert bars["volume"].unique().to_list() == [0]
    assert_nothing_set_aside(world, "^VIX")


def test_duplicate_row(world: World) -> None:
    world.server.quirks.add(Quirk.DUPLICATE_LAST)
    world.refresh("AAA", EVE)
    report = world.refresh("AAA", DAY)
    bars = world.rows(raw.BARS, "AAA")
    assert bars["session"].to_list() == list(sessions.between(START, DAY))
    assert bars["volume"].item(-1) == world.server.listings["AAA"].trades[DAY].volume  # the second row's
    assert (report.status, report.n_revised) == ("complete", 0)
    assert_nothing_set_aside(world)


def test_row_after_end(world: World) -> None:
    world.server.quirks.add(Quirk.ROW_AFTER_END)
    world.refresh("AAA", after_close(dt.date(2024, 3, 20)), through=EVE)
    assert world.rows(raw.BARS, "AAA")["session"].to_list() == list(sessions.between(START, EVE))
    world.refresh("AAA", sessions.open_time(DAY) + dt.timedelta(hours=1))  # in the session after the last asked for
    assert world.rows(raw.BARS, "AAA")["session"].max() == EVE
    assert world.rows(raw.REVISIONS, "AAA").is_empty()
    assert_nothing_set_aside(world)


def test_a_holiday(world: World) -> None:
    holiday = dt.date(2024, 3, 29)  # Good Friday
    assert world.source.fetch("AAA", holiday, dt.date(2024, 3, 31)).bars.is_empty()
    assert world.server.requests == []
    thursday = world.refresh("AAA", dt.date(2024, 3, 28))
    for moment in (dt.datetime(2024, 3, 29, 21, tzinfo=dt.UTC), dt.datetime(2024, 3, 31, 12, tzinfo=dt.UTC)):
        for through in (None, moment.date()):
            report = world.refresh("AAA", moment, through)
            assert report == replace(thursday, changed=False, n_new=0)
    assert world.refresh("AAA", dt.date(2024, 4, 1)).status == "complete"
    assert_as_if_fetched_at_once(world)


def test_a_second_run_changes_nothing_and_asks_little(world: World) -> None:
    def objects() -> dict[str, bytes | None]:
        return {key: world.warehouse.objects.get(key) for key in world.warehouse.objects.list("tables")}

    world.refresh("AAA", EVE)
    before, asked = objects(), world.server.chart_requests("AAA")
    report = world.refresh("AAA", after_close(EVE) + dt.timedelta(hours=3))
    assert (report.status, report.changed, report.n_revised) == ("complete", False, 0)
    assert objects() == before
    assert world.server.chart_requests("AAA") == asked + 1  # the time zone is known
    assert 10 <= overlap(world) <= 20


@pytest.mark.slow
def test_the_command_in_a_process_of_its_own(world: World, tmp_path: Path) -> None:
    world.server.listings["BRK-B"] = Listing(trades(START, END, 400.0))
    world.server.refuse(500)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ALPHA_", "DAGSTER_"))}
    settings = {
        "ALPHA_YAHOO_BASE_URL": world.server.url,
        "ALPHA_YAHOO_RATE": "1000",
        "ALPHA_NOW": world.server.now.isoformat(),
        "ALPHA_SOURCE": "yahoo",
        "ALPHA_WAREHOUSE": str(tmp_path / "ours"),
    }

    def add(*names: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "alpha_pipeline.cli", "tickers", "add", *names]
        return subprocess.run(
            command, env=inherited | settings, capture_output=True, text=True, check=False, timeout=120
        )

    wrong = add("AAA", "ZZZZ")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Yahoo has no ticker 'ZZZZ' (No data found, symbol may be delisted)" in wrong.stderr
    assert not (tmp_path / "ours").exists()
    right = add("AAA", "brk.b")
    assert (right.returncode, right.stderr) == (0, "")
    assert "Added AAA, BRK-B." in right.stdout
    assert {"AAA", "BRK-B"} <= set(followed(Warehouse(tmp_path / "ours")))
