"""The two ways the graph is cut: sessions that are the exchange's, tickers that are the warehouse's."""

import datetime as dt
import itertools
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.partitions import SESSIONS, TICKERS, blocks, of_range, range_tags, sync_tickers
from alpha_pipeline.defs.policy import asset
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse import tickers
from alpha_pipeline.warehouse.store import Warehouse

NEW_YORK = ZoneInfo("America/New_York")


def keys_at(year: int, month: int, day: int, hour: int = 12) -> list[str]:
    """The session partitions that exist at a New York time."""
    return list(SESSIONS.get_partition_keys(current_time=dt.datetime(year, month, day, hour, tzinfo=NEW_YORK)))


def test_the_partitions_are_the_sessions_of_the_exchange() -> None:
    asked = calendar.between(dt.date(2016, 1, 4), dt.date(2025, 7, 3))
    assert keys_at(2025, 7, 3) == [session.isoformat() for session in asked]


@pytest.mark.parametrize("hour", [0, 12])
@pytest.mark.parametrize("day", ["2015-12-31", "2016-01-01", "2016-01-04", "2020-07-03", "2025-01-09", "2026-11-29"])
def test_they_are_those_that_dagster_would_count(day: str, hour: int) -> None:
    now = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour), NEW_YORK)
    assert SESSIONS.get_partition_keys(now) == dg.DailyPartitionsDefinition.get_partition_keys(SESSIONS, now)


@pytest.mark.parametrize(
    ("day", "what"),
    [
        ("2016-01-01", "before the first"),
        ("2024-11-28", "Thanksgiving"),
        ("2024-11-30", "a Saturday"),
        ("2024-12-01", "a Sunday"),
        ("2025-01-09", "the day of mourning for President Carter"),
        ("2021-12-24", "Christmas, observed"),
    ],
)
def test_no_partition_where_there_is_no_session(day: str, what: str) -> None:
    assert day not in keys_at(2025, 7, 3), what


def test_a_half_day_is_a_session() -> None:
    assert "2024-11-29" in keys_at(2025, 7, 3)


def test_the_calendar_reaches_years_ahead() -> None:
    """The holidays are named when the definitions load; a process that runs for years must not invent sessions."""
    assert "2034-12-25" not in keys_at(2035, 1, 3)
    assert keys_at(2035, 1, 3)[-1] == "2035-01-03"


def test_the_window_of_a_friday_is_that_day() -> None:
    window = SESSIONS.time_window_for_partition_key("2024-11-22")
    assert window.start == dt.datetime(2024, 11, 22, tzinfo=NEW_YORK)
    assert window.end == dt.datetime(2024, 11, 23, tzinfo=NEW_YORK)


def test_the_session_of_the_day_is_there_on_its_own_evening() -> None:
    """Without the offset a daily partition exists only once its day is over."""
    assert keys_at(2024, 11, 22, hour=17)[-1] == "2024-11-22"


def test_dagster_offers_monday_on_the_weekend() -> None:
    """What Dagster does with an offset and exclusions; the reason why signal assets refuse an open session."""
    assert keys_at(2024, 11, 23)[-1] == "2024-11-25"


@pytest.mark.parametrize(
    ("registered", "wanted", "expected"),
    [
        ("abcde", "", []),
        ("abcde", "a", [("a", "a")]),
        ("abcde", "abcde", [("a", "e")]),
        ("abcde", "abde", [("a", "b"), ("d", "e")]),
        ("abcde", "ace", [("a", "a"), ("c", "c"), ("e", "e")]),
        ("abcde", "edcb", [("b", "e")]),
        ("abcde", "xbz", [("b", "b")]),
        ("", "a", []),
    ],
)
def test_blocks_by_hand(registered: str, wanted: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(list(registered), list(wanted)) == expected


@given(registered=st.lists(st.text("abcdef", min_size=1, max_size=2), unique=True), data=st.data())
def test_blocks_cover_exactly_what_is_wanted(registered: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.sampled_from(registered), unique=True) if registered else st.just([]))
    found = blocks(registered, wanted)
    spans = [(registered.index(first), registered.index(last)) for first, last in found]
    covered = [registered[i] for first, last in spans for i in range(first, last + 1)]
    assert covered == [key for key in registered if key in wanted]
    # The fewest: two that touch would be one.
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(spans))


def test_a_range_is_what_dagster_takes_for_one(instance: dg.DagsterInstance) -> None:
    """The tags' names are Dagster's: a run that carries them covers every key between, in the order registered."""
    seen: list[str] = []

    @asset(partitions_def=TICKERS, backfill_policy=dg.BackfillPolicy.single_run())
    def watched(context: dg.AssetExecutionContext) -> None:
        seen.extend(context.partition_keys)

    instance.add_dynamic_partitions(str(TICKERS.name), ["QQQ", "^VIX", "BRK-B", "005930.KS"])
    dg.materialize([watched], instance=instance, tags=range_tags("^VIX", "005930.KS"))
    assert seen == ["^VIX", "BRK-B", "005930.KS"]


def test_the_tickers_follow_the_warehouse(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert sync_tickers(instance, warehouse) == list(UNIVERSE)
    tickers.add(warehouse, ["PLTR", "BRK-B"])
    assert sync_tickers(instance, warehouse) == [*UNIVERSE, "PLTR", "BRK-B"]
    tickers.remove(warehouse, ["SPY", "PLTR"])
    kept = [ticker for ticker in UNIVERSE if ticker != "SPY"]
    assert sync_tickers(instance, warehouse) == [*kept, "BRK-B"]
    assert instance.get_dynamic_partitions("tickers") == sync_tickers(instance, warehouse)


def test_a_partition_added_in_the_web_ui_waits_for_the_sensor(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    instance.add_dynamic_partitions("tickers", ["PLTR"])
    assert sync_tickers(instance, warehouse) == ["PLTR", *UNIVERSE]
    assert "PLTR" not in tickers.followed(warehouse)


def test_a_removed_ticker_can_come_back_through_the_web_ui(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    tickers.add(warehouse, ["PLTR"])
    sync_tickers(instance, warehouse)
    tickers.remove(warehouse, ["PLTR"])
    assert "PLTR" not in sync_tickers(instance, warehouse)
    instance.add_dynamic_partitions("tickers", ["PLTR"])
    assert "PLTR" in sync_tickers(instance, warehouse)


def test_the_tickers_of_a_run() -> None:
    registered = ["QQQ", "SPY", "NVDA", "PLTR"]
    assert of_range(registered, range_tags("SPY", "PLTR")) == ["SPY", "NVDA", "PLTR"]
    assert of_range(registered, {"dagster/partition": "NVDA"}) == ["NVDA"]
    assert of_range(registered, range_tags("SPY", "GONE")) == []
    assert of_range(registered, {}) == []
