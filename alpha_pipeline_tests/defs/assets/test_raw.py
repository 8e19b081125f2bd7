"""The raw step: one bad ticker never stops the others, and is never marked as done."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.partitions import range_tags, sync_tickers
from alpha_pipeline.steps.bar_problems import BarProblems, bar_problems
from alpha_pipeline.universe import HOLDINGS
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.views import DATABASE
from alpha_pipeline_tests.defs.world import FIRST, LAST, World, failures, fresh_defs, make_world

N_SESSIONS = len(calendar.between(FIRST, LAST))
TABLES = (raw.BARS, raw.ACTIONS, raw.REVISIONS, raw.QUARANTINE, raw.COVERAGE)


def materialised(instance: dg.DagsterInstance) -> list[set[str]]:
    return [instance.get_materialized_partitions(dg.AssetKey(table.asset_key)) for table in TABLES]


def shown(instance: dg.DagsterInstance, table: Table) -> dict[str | None, dict[str, Any]]:
    """The metadata of every materialised partition, as the web UI shows it."""
    records = instance.fetch_materializations(dg.AssetKey(table.asset_key), limit=10).records
    found = [record.asset_materialization for record in records]
    return {one.partition: {k: v.value for k, v in one.metadata.items()} for one in found if one is not None}


def test_a_range_of_tickers_is_one_run(instance: dg.DagsterInstance, world: World) -> None:
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    assert instance.get_runs_count() == 1
    assert materialised(instance) == [{"QQQ", "SPY", "NVDA"}] * len(TABLES)
    bars = world.warehouse.read(raw.BARS)
    assert dict(bars.group_by("ticker").len().iter_rows()) == dict.fromkeys(["QQQ", "SPY", "NVDA"], N_SESSIONS)


def test_a_shell_reads_what_the_web_ui_has_made_without_the_command_line(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    world = make_world(tmp_path, ["QQQ"])
    assert not world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"]).success, "SPY is in no file"
    with duckdb.connect(str(world.settings.warehouse / DATABASE), read_only=True) as shell:
        assert shell.sql("select ticker, count(*) from raw.bars group by 1").fetchall() == [("QQQ", N_SESSIONS)]
        assert shell.sql("from signals.qqq_position").fetchall() == []


def test_each_partition_shows_its_own_figures(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    world = make_world(tmp_path, ["QQQ", "SPY"], without=[LAST])
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"]).success
    found = shown(instance, raw.BARS)
    assert set(found) == {"QQQ", "SPY"}
    assert found["SPY"] == {
        "dagster/partition_row_count": N_SESSIONS - 1,
        "n_new": N_SESSIONS - 1,
        "n_quarantined": 0,
        "n_refused": 0,
        "n_revised": 0,
        "last_session": "2016-11-23",
        "status": "stale",
        "detail": "missing 2016-11-25",
        "said": "-",
    }


def test_one_failing_ticker_leaves_the_others_materialised(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    world = make_world(tmp_path, ["QQQ", "NVDA"])
    result = world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert not result.success
    [said] = failures(result)
    assert said == "1 of the 3 tickers asked for is not in bars.parquet: SPY."
    assert materialised(instance) == [{"QQQ", "NVDA"}] * len(TABLES)
    # The count is of the bars: there is not one corporate action in a file.
    assert shown(instance, raw.BARS)["NVDA"]["dagster/partition_row_count"] == N_SESSIONS
    assert shown(instance, raw.ACTIONS) == {"QQQ": {}, "NVDA": {}}
    assert world.warehouse.units(raw.BARS) == ["NVDA", "QQQ"]
    coverage = world.warehouse.read(raw.COVERAGE, ["SPY"]).row(0, named=True)
    assert coverage["status"] == "failed"
    assert "no ticker 'SPY'" in coverage["detail"]
    assert (coverage["failure"], coverage["failed_since"]) == ("not in bars.parquet", LAST)


def test_a_holding_that_the_source_lacks_fails_nothing(instance: dg.DagsterInstance, world: World) -> None:
    assert world.run(instance, "refresh_bars", tickers=["QQQ"]).success
    job = fresh_defs().resolve_job_def("refresh_bars")
    with world.entered():
        result = job.execute_in_process(instance=instance, partition_key=HOLDINGS[0], raise_on_error=False)
    assert result.success
    assert materialised(instance) == [{"QQQ"}] * len(TABLES)
    assert world.warehouse.read(raw.COVERAGE, [HOLDINGS[0]])["status"].to_list() == ["failed"]
    assert bar_problems(world.warehouse) == BarProblems(), "files need not hold every holding of the universe"


def test_a_second_run_changes_no_file(instance: dg.DagsterInstance, world: World) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    before = {path: path.stat().st_mtime_ns for path in world.settings.warehouse.rglob("*.parquet")}
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    assert {path: path.stat().st_mtime_ns for path in world.settings.warehouse.rglob("*.parquet")} == before


def test_a_wrong_market_stops_the_run_before_a_bar_is_written(instance: dg.DagsterInstance, world: World) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ"])
    sync_tickers(instance, world.warehouse)
    job = fresh_defs().resolve_job_def("refresh_bars")
    with World(replace(world.settings, source="simulated")).entered():
        result = job.execute_in_process(instance=instance, tags=range_tags("QQQ", "SPY"), raise_on_error=False)
    assert not result.success
    assert "holds the market files" in failures(result)[0]
    assert world.warehouse.units(raw.BARS) == ["QQQ"]


def test_files_that_are_gone_are_the_failure_of_each_ticker_and_the_bars_stay(
    instance: dg.DagsterInstance, world: World
) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    assert world.settings.source_path is not None
    world.settings.source_path.unlink()
    result = world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    [said] = failures(result)
    assert said.startswith("2 of 2 failed: QQQ, SPY (")
    assert "bars.parquet does not exist" in said
    assert world.warehouse.units(raw.BARS) == ["QQQ", "SPY"]
    [words] = bar_problems(world.warehouse).failed
    assert words.startswith("2 of 18 failed: QQQ, SPY (")


@pytest.mark.parametrize("missing", [["QQQ"], ["QQQ", "SPY"]])
def test_a_run_in_which_every_ticker_fails_says_each(
    instance: dg.DagsterInstance, tmp_path: Path, missing: list[str]
) -> None:
    world = make_world(tmp_path, ["NVDA"])
    result = world.run(instance, "refresh_bars", tickers=missing)
    [said] = failures(result)
    assert [ticker in said for ticker in missing] == [True] * len(missing)
    assert materialised(instance) == [set()] * len(TABLES)
