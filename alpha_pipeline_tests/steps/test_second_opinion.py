"""CBOE asked about ^VIX: stored, compared, and used where bars are missing."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.cboe import CboeVix
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.outcomes import record_failure
from alpha_pipeline.steps.second_opinion import ConsultReport, consult
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
NOW = after_close(LAST)
EVE = sessions.offset(LAST, -1)
GAP, APART, HOLIDAY = dt.date(2016, 2, 10), dt.date(2016, 2, 11), dt.date(2016, 2, 15)
Bars = dict[str, pl.DataFrame]
Listing = Callable[[Warehouse], dict[str, bytes]]


@pytest.fixture
def cboe(bars: Bars, tmp_path: Path) -> Callable[..., CboeVix]:
    """CBOE's file of the same ^VIX, with a row on a holiday; the prices of the last session can be given instead."""

    def make(last: str | None = None, clock: dt.datetime = NOW) -> CboeVix:
        prices = bars[VIX].select("session", "open", "high", "low", "close").iter_rows()
        said = {day: ",".join(map(repr, values)) for day, *values in prices} | {HOLIDAY: "20,20,20,20"}
        said[LAST] = last or said[LAST]
        path = tmp_path / "VIX_History.csv"
        path.write_text("DATE,OPEN,HIGH,LOW,CLOSE\n" + "".join(f"{day:%m/%d/%Y},{said[day]}\n" for day in sorted(said)))
        return CboeVix(str(path), lambda: clock)

    return make


def hold(warehouse: Warehouse, rows: pl.DataFrame, through: dt.date = LAST) -> None:
    source = FrameSource({VIX: rows})
    ingest_ticker(warehouse, source, VIX, since=FIRST, through=through, now=after_close(through))


def asked(warehouse: Warehouse, opinion: CboeVix, through: dt.date = LAST) -> ConsultReport:
    return consult(warehouse, opinion, through=through, now=after_close(through))


def status(warehouse: Warehouse) -> str:
    return str(warehouse.read(raw.COVERAGE, [VIX])["status"].item())


def test_what_cboe_says_is_stored_without_its_holidays(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    hold(warehouse, bars[VIX])
    report = asked(warehouse, cboe())
    stored = warehouse.read(raw.SECOND_OPINION, [VIX])
    assert stored.select("session", "close").equals(bars[VIX].select("session", "close"))
    assert stored["source"].unique().to_list() == ["cboe"]
    assert (report.n_compared, report.disagreements.height, report.filled) == (stored.height, 0, ())


def test_a_close_apart_is_reported_and_left_as_it_is(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    at = pl.col("session") == APART
    held = bars[VIX].with_columns(close=pl.when(at).then(pl.col("low")).otherwise(pl.col("close")))
    hold(warehouse, held)
    before = warehouse.read(raw.BARS)
    report = asked(warehouse, cboe())
    low, close = bars[VIX].filter(at).select("low", "close").row(0)
    assert report.disagreements.rows() == [(APART, low, close, low / close - 1)]
    assert warehouse.read(raw.BARS).equals(before)


def test_missing_sessions_are_filled_and_the_coverage_says_so(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    hold(warehouse, bars[VIX].filter(~pl.col("session").is_in([GAP, LAST])))
    assert status(warehouse) == "stale"
    report = asked(warehouse, cboe())
    assert report.filled == (GAP, LAST)
    held = warehouse.read(raw.BARS, [VIX])
    assert held.select("session", "close", "adj_close", "volume", "is_final").equals(
        bars[VIX].select("session", "close", adj_close="close", volume=pl.lit(0, pl.Int64), is_final=pl.lit(value=True))
    )
    assert held.filter(source="cboe")["session"].to_list() == [GAP, LAST]
    assert status(warehouse) == "complete"
    assert warehouse.read(raw.REVISIONS).is_empty()


def test_it_stands_in_on_an_evening_when_the_source_fails(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    hold(warehouse, bars[VIX], through=EVE)
    record_failure(warehouse, VIX, SourceError("HTTP 500"), LAST)
    assert asked(warehouse, cboe()).filled == (LAST,)
    assert status(warehouse) == "complete"


def test_a_failure_that_it_cannot_mend_stays_recorded(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    hold(warehouse, bars[VIX])
    record_failure(warehouse, VIX, SourceError("HTTP 500"), LAST)
    asked(warehouse, cboe())
    assert status(warehouse) == "failed"


def test_without_bars_it_is_stored_and_nothing_else(warehouse: Warehouse, cboe: Callable[..., CboeVix]) -> None:
    report = asked(warehouse, cboe())
    assert (report.n_compared, report.disagreements.height, report.filled) == (0, 0, ())
    assert warehouse.height(raw.SECOND_OPINION, VIX) > 0
    assert warehouse.read(raw.BARS).is_empty()
    assert warehouse.read(raw.COVERAGE).is_empty()


def test_asked_again_it_changes_no_byte(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix], listing: Listing
) -> None:
    hold(warehouse, bars[VIX].filter(pl.col("session") != GAP))
    asked(warehouse, cboe())
    before = listing(warehouse)
    consult(warehouse, cboe(), through=LAST, now=NOW + dt.timedelta(days=1))
    assert listing(warehouse) == before


def test_the_next_evening_adds_one_row_and_keeps_the_times_of_the_others(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    hold(warehouse, bars[VIX])
    asked(warehouse, cboe(), through=EVE)
    asked(warehouse, cboe())
    times = dict(warehouse.read(raw.SECOND_OPINION).select("session", "fetched_at").iter_rows())
    assert times.pop(LAST) == NOW
    assert set(times.values()) == {after_close(EVE)}


def test_a_session_still_trading_is_neither_stored_nor_filled(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    hold(warehouse, bars[VIX], through=EVE)
    midday = sessions.open_time(LAST) + dt.timedelta(hours=2)
    report = consult(warehouse, cboe(clock=midday), through=LAST, now=midday)
    assert report.filled == ()
    assert LAST not in warehouse.read(raw.SECOND_OPINION)["session"]


def test_an_impossible_row_is_quarantined_and_never_used(
    warehouse: Warehouse, bars: Bars, cboe: Callable[..., CboeVix]
) -> None:
    """CBOE's file of 2004-11-08 opens at 2.58 under a low of 13.60."""
    hold(warehouse, bars[VIX], through=EVE)
    assert asked(warehouse, cboe(last="2.58,14.48,13.60,13.80")).filled == ()
    refused = warehouse.read(raw.QUARANTINE, [VIX]).row(0, named=True)
    assert (refused["session"], refused["reason"], refused["source"]) == (LAST, "open_outside_range", "cboe")


def test_an_opinion_that_cannot_be_had_leaves_no_trace(
    warehouse: Warehouse, bars: Bars, tmp_path: Path, listing: Listing
) -> None:
    hold(warehouse, bars[VIX])
    before = listing(warehouse)
    with pytest.raises(SourceError, match="cannot be read"):
        asked(warehouse, CboeVix(str(tmp_path / "none.csv"), lambda: NOW))
    assert listing(warehouse) == before
