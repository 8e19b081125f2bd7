import datetime as dt
from collections.abc import Callable
from typing import ClassVar

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import AlphaError, CoolingError, MarketMismatchError, SourceError
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.sources.simulated import SimulatedSource
from alpha_pipeline.steps.admission import require_usable
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.outcomes import IngestReport, Outcome, record_failure
from alpha_pipeline.steps.rounds import refresh_tickers
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.objects import LocalObjects
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import add
from alpha_pipeline_tests.patience import Naps
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
Bars = dict[str, pl.DataFrame]
Listing = Callable[[Warehouse], dict[str, bytes]]


def brought(
    warehouse: Warehouse,
    rows: pl.DataFrame,
    through: dt.date = LAST,
    first: dt.date = FIRST,
    now: dt.datetime | None = None,
) -> IngestReport:
    source = FrameSource({"QQQ": rows})
    return ingest_ticker(warehouse, source, "QQQ", since=first, through=through, now=now or after_close(through))


def corrected(rows: pl.DataFrame, session: dt.date, factor: float = 1.01) -> pl.DataFrame:
    """The same bars with another close, high enough, in one session."""
    there = pl.col("session") == session
    return rows.with_columns(
        pl.when(there).then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name) for name in ("high", "close")
    )


def test_the_first_answer_is_stored_and_reported(warehouse: Warehouse, bars: Bars) -> None:
    report = brought(warehouse, bars["QQQ"])
    held = warehouse.read(raw.BARS, ["QQQ"])
    assert held.select("session", "close").equals(bars["QQQ"].select("session", "close"))
    assert held["is_final"].all()
    same = IngestReport("QQQ", "complete", "", held.height, 0, 0, LAST, True, FIRST, n_new=held.height)
    assert report == same
    coverage = warehouse.read(raw.COVERAGE, ["QQQ"]).row(0, named=True)
    assert (coverage["first_session"], coverage["last_session"], coverage["n_missing"]) == (FIRST, LAST, 0)


def test_the_same_answer_again_changes_no_byte(warehouse: Warehouse, bars: Bars, listing: Listing) -> None:
    brought(warehouse, bars["QQQ"])
    before = listing(warehouse)
    report = brought(warehouse, bars["QQQ"], now=after_close(LAST) + dt.timedelta(hours=5))
    assert not report.changed
    assert listing(warehouse) == before


def test_only_new_sessions_are_added_the_next_evening(warehouse: Warehouse, bars: Bars) -> None:
    eve = sessions.offset(LAST, -1)
    brought(warehouse, bars["QQQ"], through=eve)
    report = brought(warehouse, bars["QQQ"])
    held = warehouse.read(raw.BARS, ["QQQ"])
    assert (report.changed, report.n_revised, report.last_session) == (True, 0, LAST)
    assert held.filter(pl.col("session") <= eve)["fetched_at"].unique().to_list() == [after_close(eve)]
    assert held.filter(pl.col("session") == LAST)["fetched_at"].to_list() == [after_close(LAST)]


def test_a_correction_replaces_the_bar_and_keeps_the_old_one(warehouse: Warehouse, bars: Bars) -> None:
    wrong = dt.date(2016, 2, 10)
    brought(warehouse, bars["QQQ"])
    old = warehouse.read(raw.BARS, ["QQQ"]).filter(session=wrong).row(0, named=True)
    report = brought(warehouse, corrected(bars["QQQ"], wrong), now=dt.datetime(2016, 4, 2, tzinfo=dt.UTC))
    revision = warehouse.read(raw.REVISIONS, ["QQQ"])
    assert report.n_revised == revision.height == 1
    row = revision.row(0, named=True)
    assert (row["session"], row["cause"]) == (wrong, "correction")
    assert {name: row[name] for name in ("open", "close", "fetched_at")} == {
        name: old[name] for name in ("open", "close", "fetched_at")
    }
    held = warehouse.read(raw.BARS, ["QQQ"]).filter(session=wrong).row(0, named=True)
    assert held["close"] == pytest.approx(old["close"] * 1.01)


def test_a_shorter_answer_keeps_what_is_held(warehouse: Warehouse, bars: Bars, listing: Listing) -> None:
    brought(warehouse, bars["QQQ"])
    before = listing(warehouse)
    report = brought(warehouse, bars["QQQ"].tail(20))
    assert report.n_sessions == bars["QQQ"].height
    assert listing(warehouse) == before


def test_a_held_ticker_keeps_its_first_session_and_a_new_one_takes_all(warehouse: Warehouse, bars: Bars) -> None:
    later = dt.date(2016, 1, 4)
    told = brought(warehouse, bars["QQQ"], first=later)
    n_before = len(sessions.between(FIRST, LAST)) - len(sessions.between(later, LAST))
    left = f"{n_before} days from {FIRST} to 2015-12-31, before {later}, are left out: `--since {FIRST}` takes them"
    assert told.notes == (left,)
    source = FrameSource({"QQQ": bars["QQQ"], "NVDA": bars["NVDA"]})
    for ticker in ("QQQ", "NVDA"):
        ingest_ticker(warehouse, source, ticker, through=LAST, now=after_close(LAST))
    assert warehouse.read(raw.BARS, ["QQQ"])["session"].min() == later
    assert warehouse.read(raw.BARS, ["NVDA"])["session"].min() == FIRST
    # A later date takes nothing away, an earlier one adds.
    for since, first in ((dt.date(2016, 2, 1), later), (FIRST, FIRST)):
        ingest_ticker(warehouse, source, "QQQ", since=since, through=LAST, now=after_close(LAST))
        assert warehouse.read(raw.BARS, ["QQQ"])["session"].min() == first


def test_a_source_on_a_network_is_asked_for_the_years_before_once(warehouse: Warehouse, bars: Bars) -> None:
    later = dt.date(2016, 1, 4)
    source = FrameSource({"QQQ": bars["QQQ"]}, overlapping=15)
    for since in (later, None, FIRST, None):
        ingest_ticker(warehouse, source, "QQQ", since=since, through=LAST, now=after_close(LAST))
    seam = sessions.offset(LAST, -15)
    assert [first for _, first, _ in source.asked] == [later, seam, FIRST, seam]
    assert warehouse.read(raw.BARS, ["QQQ"])["session"].min() == FIRST


def test_years_before_the_calendar_are_counted(warehouse: Warehouse, bars: Bars) -> None:
    old = bars["QQQ"].head(3).with_columns(session=pl.col("session").dt.offset_by("-40y"))
    told = brought(warehouse, pl.concat([old, bars["QQQ"]]))
    assert told.notes[0].startswith("3 days from 1975-10-01 to 1975-10-05, before 1990-01-01, are left out")
    with pytest.raises(AlphaError, match="--since 2030-01-01 lies after the last session wanted, 2016-03-31"):
        brought(warehouse, bars["QQQ"], first=dt.date(2030, 1, 1))


def test_a_replay_of_the_past_is_refused_on_a_warehouse_of_the_present(
    warehouse: Warehouse, bars: Bars, listing: Listing
) -> None:
    brought(warehouse, bars["QQQ"])
    before = listing(warehouse)
    with pytest.raises(AlphaError, match=r"QQQ: the warehouse already holds 2016-03-31, after 2016-02-01.*--warehouse"):
        brought(warehouse, bars["QQQ"], through=dt.date(2016, 2, 1))
    assert listing(warehouse) == before


def test_a_restated_history_that_is_cut_short_is_refused(warehouse: Warehouse, bars: Bars, listing: Listing) -> None:
    brought(warehouse, bars["QQQ"])
    before = listing(warehouse)
    prices = pl.col("open", "high", "low", "close", "adj_close") / 2
    split = bars["QQQ"].tail(40).with_columns(prices, volume=pl.col("volume") * 2)
    with pytest.raises(SourceError, match=r"QQQ: the source restated its history .* 2015-10-01"):
        brought(warehouse, split)
    assert listing(warehouse) == before


def test_a_kill_between_revisions_and_bars_loses_nothing(
    warehouse: Warehouse, bars: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = dt.date(2016, 2, 10)
    brought(warehouse, bars["QQQ"])
    before = warehouse.read(raw.BARS, ["QQQ"])
    put = LocalObjects.put

    def killed(self: LocalObjects, key: str, data: bytes) -> None:
        if key == warehouse.key(raw.BARS, "QQQ"):
            raise KeyboardInterrupt
        put(self, key, data)

    with monkeypatch.context() as patch:
        patch.setattr(LocalObjects, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            brought(warehouse, corrected(bars["QQQ"], wrong))
    assert warehouse.read(raw.BARS, ["QQQ"]).equals(before)
    old = before.filter(session=wrong)["close"].item()
    assert warehouse.read(raw.REVISIONS, ["QQQ"])["close"].to_list() == [old]
    brought(warehouse, corrected(bars["QQQ"], wrong), now=after_close(LAST) + dt.timedelta(hours=1))
    assert warehouse.read(raw.BARS, ["QQQ"]).filter(session=wrong)["close"].item() == pytest.approx(old * 1.01)
    assert warehouse.read(raw.REVISIONS, ["QQQ"])["close"].to_list() == [old]


def test_broken_rows_go_to_quarantine_and_the_rest_is_kept(warehouse: Warehouse, bars: Bars) -> None:
    broken = dt.date(2016, 2, 10)
    there = pl.col("session") == broken
    rows = bars["QQQ"].with_columns(low=pl.when(there).then(-1.0).otherwise("low"))
    report = brought(warehouse, rows)
    assert (report.n_quarantined, report.status, report.n_sessions) == (1, "gaps", rows.height - 1)
    assert str(broken) in report.detail
    refused = warehouse.read(raw.QUARANTINE, ["QQQ"]).row(0, named=True)
    assert (refused["session"], refused["reason"], refused["low"]) == (broken, "price_not_positive", -1.0)


def test_a_failure_is_noted_without_touching_the_bars(warehouse: Warehouse, bars: Bars) -> None:
    brought(warehouse, bars["QQQ"])
    record_failure(warehouse, "QQQ", SourceError("QQQ: the network is down."), LAST)
    row = warehouse.read(raw.COVERAGE, ["QQQ"]).row(0, named=True)
    assert (row["status"], row["detail"], row["last_session"]) == ("failed", "QQQ: the network is down.", LAST)
    assert (row["failure"], row["failed_since"], row["failed_through"]) == ("the network is down", LAST, LAST)
    assert warehouse.height(raw.BARS, "QQQ") == bars["QQQ"].height
    brought(warehouse, bars["QQQ"])
    row = warehouse.read(raw.COVERAGE, ["QQQ"]).row(0, named=True)
    assert (row["status"], row["failure"], row["failed_since"]) == ("complete", "", None)


def test_a_failure_of_a_followed_ticker_without_bars_is_noted_and_of_a_mistyped_one_leaves_no_trace(
    warehouse: Warehouse, bars: Bars
) -> None:
    add(warehouse, ["PLTR"])
    record_failure(warehouse, "PLTR", SourceError("unknown"), LAST)
    assert warehouse.units(raw.COVERAGE) == [], "nothing is held yet"
    brought(warehouse, bars["QQQ"])
    record_failure(warehouse, "PLTRR", SourceError("unknown"), LAST)
    assert warehouse.units(raw.COVERAGE) == ["QQQ"]
    record_failure(warehouse, "PLTR", SourceError("unknown"), LAST)
    row = warehouse.read(raw.COVERAGE, ["PLTR"]).row(0, named=True)
    assert (row["status"], row["n_sessions"], row["last_session"]) == ("failed", 0, None)


def test_a_bar_of_a_session_still_trading_is_kept_from_the_features(warehouse: Warehouse, bars: Bars) -> None:
    brought(warehouse, bars["QQQ"], now=sessions.close_time(LAST) - dt.timedelta(hours=2))
    assert warehouse.read(raw.BARS, ["QQQ"])["session"].max() == LAST
    assert final_bars(warehouse, ["QQQ"])["session"].max() == sessions.offset(LAST, -1)
    brought(warehouse, bars["QQQ"])
    assert final_bars(warehouse, ["QQQ"])["session"].max() == LAST
    assert warehouse.read(raw.REVISIONS, ["QQQ"])["cause"].to_list() == ["finalised"]


def test_a_source_that_cannot_be_used_leaves_no_trace(warehouse: Warehouse) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        require_usable(warehouse, FilesSource(warehouse.root / "nowhere.csv"))
    require_usable(warehouse, SimulatedSource(7))
    assert not warehouse.root.exists()
    claim_market(warehouse, MarketRecord("simulated", SimulatedSource(7).market))
    require_usable(warehouse, SimulatedSource(7))
    with pytest.raises(MarketMismatchError, match=r"seed=7.*cannot take bars of simulated\(seed=8"):
        require_usable(warehouse, SimulatedSource(8))


class Moody(FrameSource):
    """A source on a network: it has moods, one for each question about a ticker, and answers when they are over."""

    moods: ClassVar[dict[str, list[SourceError | dt.date]]] = {}

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        mood = self.moods[ticker].pop(0) if self.moods.get(ticker) else None
        if isinstance(mood, SourceError):
            self.asked.append((ticker, first, last))
            raise mood
        return super().fetch(ticker, first, mood or last)


def rounds(
    warehouse: Warehouse, bars: Bars, moods: dict[str, list[SourceError | dt.date]], overlap: int | None = 15
) -> tuple[dict[str, Outcome], list[str], list[float]]:
    """(the last outcomes, who was asked for in order, the naps)."""
    tickers = ["QQQ", "NVDA", "XLK"]
    source, naps = Moody({ticker: bars[ticker] for ticker in tickers}, overlapping=overlap), Naps()
    Moody.moods = moods
    outcomes = refresh_tickers(
        warehouse,
        source,
        tickers,
        since=FIRST,
        through=LAST,
        now=after_close(LAST),
        wait_s=30.0,
        sleep=naps.sleep,
    )
    last = dict(outcomes)
    return last, [ticker for ticker, _, _ in source.asked], naps.taken


def test_only_who_failed_is_asked_for_again(warehouse: Warehouse, bars: Bars) -> None:
    outcomes, asked, naps = rounds(warehouse, bars, {"NVDA": [SourceError("down")], "XLK": [CoolingError(40.0)] * 2})
    assert asked == ["QQQ", "NVDA", "XLK", "NVDA", "XLK", "XLK"]
    assert naps == [70.0, 100.0]  # the cooling period counts
    assert all(isinstance(one, IngestReport) for one in outcomes.values())


def test_a_source_that_stays_away_is_given_up_and_the_others_are_kept(warehouse: Warehouse, bars: Bars) -> None:
    outcomes, asked, naps = rounds(warehouse, bars, {"NVDA": [SourceError("down")] * 9})
    assert asked.count("NVDA") == 3
    assert naps == [30.0, 60.0]
    assert str(outcomes["NVDA"]) == "down"
    assert warehouse.units(raw.BARS) == ["QQQ", "XLK"]


def test_a_ticker_that_lacks_the_session_which_others_have_is_late(warehouse: Warehouse, bars: Bars) -> None:
    eve = sessions.offset(LAST, -1)
    outcomes, asked, _ = rounds(warehouse, bars, {"NVDA": [eve]})
    assert asked == ["QQQ", "NVDA", "XLK", "NVDA"]
    report = outcomes["NVDA"]
    assert isinstance(report, IngestReport)
    assert report.last_session == LAST


@pytest.mark.parametrize(("tickers", "behind_by"), [(["QQQ", "NVDA", "XLK"], 1), (["NVDA"], 6)])
def test_nobody_is_late_on_a_day_without_bars_and_who_is_long_gone_is_not_late(
    warehouse: Warehouse, bars: Bars, tickers: list[str], behind_by: int
) -> None:
    last = sessions.offset(LAST, -behind_by)
    assert rounds(warehouse, bars, {ticker: [last] for ticker in tickers})[1] == ["QQQ", "NVDA", "XLK"]


def test_files_are_read_once(warehouse: Warehouse, bars: Bars) -> None:
    _, asked, naps = rounds(warehouse, bars, {"NVDA": [SourceError("gone")]}, overlap=None)
    assert (asked, naps) == (["QQQ", "NVDA", "XLK"], [])
