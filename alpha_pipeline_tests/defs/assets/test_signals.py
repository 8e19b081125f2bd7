"""Signal assets: a session that has closed, and no other; the reason is there to read."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.jobs import ANY_ASSETS
from alpha_pipeline.defs.partitions import range_tags
from alpha_pipeline.reports.run_card import digest
from alpha_pipeline.steps.run_card import run_card
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals
from alpha_pipeline_tests.defs.world import LAST, World, failures, forecasts, fresh_defs, make_world, plant

QQQ_POSITION = dg.AssetKey(signals.QQQ_POSITION.asset_key)


def shown(instance: dg.DagsterInstance, table: list[str], partition: str) -> dict[str, Any]:
    """The metadata of one partition, as the web UI shows it."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(table), asset_partitions=[partition]), limit=1
    ).records
    materialisation = records[0].asset_materialization
    assert materialisation is not None
    return {name: value.value for name, value in materialisation.metadata.items()}


@pytest.fixture
def decided(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    """Bars of what a position needs, and forecasts of the last week."""
    world = make_world(tmp_path, ["QQQ", VIX])
    assert world.run(instance, "refresh_bars", tickers=["QQQ"]).success
    assert world.run(instance, "refresh_bars", tickers=[VIX]).success
    plant(world.warehouse, forecasts(calendar.between(dt.date(2016, 11, 18), LAST)))
    return world


def test_a_closed_session_is_decided_and_says_why(instance: dg.DagsterInstance, decided: World) -> None:
    assert decided.run(instance, "daily_signals", partition="2016-11-25").success
    position = shown(instance, signals.QQQ_POSITION.asset_key, "2016-11-25")
    held = decided.warehouse.read(signals.QQQ_POSITION).row(0, named=True)
    assert position["target_weight"] == held["target_weight"] > 0
    assert position["reason"] == held["reason"]
    assert position["reason"].startswith("strong buy: 7 of 7 bull")
    assert shown(instance, signals.MAG7_VOTE.asset_key, "2016-11-25") == {
        "dagster/partition_row_count": 1,
        "n_bull": 7,
        "n_voting": 7,
        "signal": "strong_buy",
        "missing": "-",
    }
    assert shown(instance, signals.MAG7_BALLOTS.asset_key, "2016-11-25") == {"dagster/partition_row_count": 7}
    # The Friday, a half day, is the last session of its week.
    rotation = shown(instance, signals.SECTOR_ROTATION.asset_key, "2016-11-25")
    assert rotation["pick"] == "XLK"
    assert rotation["is_rebalance"] is True


def test_without_forecasts_it_abstains_and_succeeds(instance: dg.DagsterInstance, world: World) -> None:
    assert world.run(instance, "refresh_bars", tickers=["QQQ"]).success
    assert world.run(instance, "daily_signals", partition="2016-11-25").success
    position = shown(instance, signals.QQQ_POSITION.asset_key, "2016-11-25")
    assert position["target_weight"] == 0
    assert position["reason"].startswith("abstains: no fresh ballot from NVDA")


@pytest.mark.parametrize(
    ("now", "session", "last"),
    [
        (dt.datetime(2016, 11, 25, 19, 0, tzinfo=dt.UTC), "2016-11-28", "2016-11-25"),  # Monday, asked on Friday
        (dt.datetime(2016, 11, 25, 18, 30, tzinfo=dt.UTC), "2016-11-25", "2016-11-23"),  # closed, prints settling
        (dt.datetime(2016, 11, 23, 20, 0, tzinfo=dt.UTC), "2016-11-23", "2016-11-22"),  # an hour before the close
    ],
)
def test_a_session_that_has_not_closed_is_refused(
    instance: dg.DagsterInstance, world: World, now: dt.datetime, session: str, last: str
) -> None:
    result = world.at(now).run(instance, "daily_signals", partition=session)
    assert not result.success
    assert f"{session} has not closed yet; the last closed session is {last}." in failures(result)[0]
    assert instance.get_materialized_partitions(QQQ_POSITION) == set()
    assert world.warehouse.units(signals.QQQ_POSITION) == []


MONDAY = dt.datetime(2016, 11, 28, 22, 0, tzinfo=dt.UTC)
NEXT_YEAR = dt.datetime(2017, 1, 4, 22, 0, tzinfo=dt.UTC)
SIGNAL_TABLES = (
    signals.MAG7_BALLOTS,
    signals.MAG7_VOTE,
    signals.SECTOR_RANKS,
    signals.SECTOR_ROTATION,
    signals.VIX_REGIME,
    signals.QQQ_POSITION,
)


@pytest.mark.parametrize(
    ("now", "session", "tables"),
    [(MONDAY, "2016-11-28", SIGNAL_TABLES[-1:]), (NEXT_YEAR, "2017-01-04", SIGNAL_TABLES)],
    ids=["the next session", "a new year"],
)
def test_a_session_that_has_no_bars_yet_makes_nothing_and_says_so(
    instance: dg.DagsterInstance, decided: World, now: dt.datetime, session: str, tables: tuple[Table, ...]
) -> None:
    assert decided.run(instance, "daily_signals", partition="2016-11-25").success
    before = {key: decided.warehouse.objects.get(key) for key in decided.warehouse.objects.list("tables")}
    for table in tables:
        chosen = dg.AssetKey(table.asset_key)
        result = decided.at(now).run(instance, ANY_ASSETS, partition=session, assets=[chosen])
        assert f"{session} has no bars yet: those held end on 2016-11-25. Nothing is made of it" in failures(result)[0]
        assert instance.get_materialized_partitions(chosen) == {"2016-11-25"}
    assert {key: decided.warehouse.objects.get(key) for key in decided.warehouse.objects.list("tables")} == before


def test_before_the_first_bar_nothing_is_made(instance: dg.DagsterInstance, world: World) -> None:
    result = world.run(instance, "daily_signals", partition="2016-11-25")
    assert "2016-11-25 has no bars yet: none of the core tickers has any." in failures(result)[0]
    assert world.warehouse.objects.list("tables") == []


def test_of_a_range_the_sessions_that_have_bars_are_made(instance: dg.DagsterInstance, decided: World) -> None:
    job = fresh_defs().resolve_job_def("daily_signals")
    with decided.at(NEXT_YEAR).entered():
        assert job.execute_in_process(instance=instance, tags=range_tags("2016-11-23", "2017-01-04")).success
    held = decided.warehouse.read(signals.QQQ_POSITION)["session"].to_list()
    assert held == [dt.date(2016, 11, 23), dt.date(2016, 11, 25)]
    assert decided.warehouse.units(signals.QQQ_POSITION) == ["2016"]
    late = shown(instance, signals.QQQ_POSITION.asset_key, "2017-01-03")
    assert late["made"].startswith("nothing: 2016-11-28 has no bars yet")
    assert "made" not in shown(instance, signals.QQQ_POSITION.asset_key, "2016-11-25")


def test_a_week_of_sessions_is_one_run(instance: dg.DagsterInstance, decided: World) -> None:
    runs = instance.get_runs_count()
    job = fresh_defs().resolve_job_def("daily_signals")
    with decided.entered():
        assert job.execute_in_process(instance=instance, tags=range_tags("2016-11-21", "2016-11-25")).success
    assert instance.get_runs_count() == runs + 1
    # Thursday was Thanksgiving.
    week = {"2016-11-21", "2016-11-22", "2016-11-23", "2016-11-25"}
    assert instance.get_materialized_partitions(QQQ_POSITION) == week
    reasons = decided.warehouse.read(signals.QQQ_POSITION).get_column("reason").to_list()
    assert [reason.partition(":")[0] for reason in reasons] == ["strong buy"] * 4


def test_the_newest_position_of_a_run_carries_its_run_card(instance: dg.DagsterInstance, decided: World) -> None:
    job = fresh_defs().resolve_job_def("daily_signals")
    with decided.entered():
        assert job.execute_in_process(instance=instance, tags=range_tags("2016-11-23", "2016-11-25")).success
    newest = shown(instance, signals.QQQ_POSITION.asset_key, "2016-11-25")
    assert newest["run_card_digest"] == digest(run_card(decided.warehouse))
    for words in ("replayed: identical", "strong buy: decided", newest["run_card_digest"], "alpha explain 2016-11-25"):
        assert words in newest["run_card"]
    assert "run_card" not in shown(instance, signals.QQQ_POSITION.asset_key, "2016-11-23")
