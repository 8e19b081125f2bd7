"""The checks fail, and name the culprit."""

import datetime as dt
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from alpha_pipeline.ingestion.quality import PRICES
from alpha_pipeline.sources.registry import make_source
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.signals import SECTOR_MODEL
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse import tickers
from alpha_pipeline.warehouse.seal import sealed
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS, SECOND_OPINION
from alpha_pipeline_tests.defs.world import FIRST, LAST, NOW, World, forecasts, fresh_defs, make_world, plant


def evaluate(instance: dg.DagsterInstance, world: World, asset: list[str], name: str) -> dg.AssetCheckEvaluation:
    """Run one check, as the `Execute` button of the web UI does."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), name)
    definitions = fresh_defs()
    job = dg.define_asset_job("one_check", selection=dg.AssetSelection.checks(key))
    chosen = dg.Definitions(
        assets=definitions.assets,
        asset_checks=definitions.asset_checks,
        resources=definitions.resources,
        executor=dg.in_process_executor,
        jobs=[job],
    )
    with world.entered():
        result = chosen.resolve_job_def("one_check").execute_in_process(instance=instance)
    [evaluation] = result.get_asset_check_evaluations()
    return evaluation


def metadata(evaluation: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {name: value.value for name, value in evaluation.metadata.items()}


GAP = dt.date(2016, 6, 15)


def test_complete_names_the_ticker_and_every_missing_session(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    world = make_world(tmp_path, ["QQQ", "SPY"])
    lacks = pl.col("session").is_between(GAP, dt.date(2016, 6, 20)) | (pl.col("session") == LAST)
    file = tmp_path / "bars.parquet"
    pl.read_parquet(file).filter(~((pl.col("ticker") == "SPY") & lacks)).write_parquet(file)
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    found = evaluate(instance, world, ["raw", "bars"], "complete")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert metadata(found)["missing"] == "SPY: missing 2016-06-15 to 2016-06-20 (4 sessions), 2016-11-25"


def test_a_session_that_nobody_holds_is_named_and_fails_nothing(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """As on a day on which the exchange stayed shut without a calendar that knew."""
    world = make_world(tmp_path, ["QQQ", "SPY"], without=[GAP])
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    found = evaluate(instance, world, ["raw", "bars"], "complete")
    assert found.passed
    assert metadata(found) == {"tickers": 2, "missing": "-", "held_by_none": "missing 2016-06-15"}


def test_complete_passes_on_whole_bars(instance: dg.DagsterInstance, world: World) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    found = evaluate(instance, world, ["raw", "bars"], "complete")
    assert found.passed
    assert metadata(found) == {"tickers": 3, "missing": "-", "held_by_none": "-"}


def test_fresh_names_who_is_behind(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    world = make_world(tmp_path, ["QQQ", "SPY"], without=[LAST])
    tickers.add(world.warehouse, ["PLTR"])
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    found = evaluate(instance, world, ["raw", "bars"], "fresh")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    said = metadata(found)
    assert said["last_closed_session"] == "2016-11-25"
    behind = str(said["behind"]).split("; ")
    assert {"QQQ: 2016-11-23", "SPY: 2016-11-23", "NVDA: no bars", "PLTR: no bars"} <= set(behind)


def test_undisputed_names_the_ticker_the_share_and_two_values(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    world = make_world(tmp_path, ["QQQ", "SPY"])
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    assert evaluate(instance, world, ["raw", "bars"], "undisputed").passed
    file = tmp_path / "bars.parquet"
    pence = [pl.when(pl.col("ticker") == "SPY").then(pl.col(name) * 100).otherwise(name).alias(name) for name in PRICES]
    pl.read_parquet(file).with_columns(pence).write_parquet(file)
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    found = evaluate(instance, world, ["raw", "bars"], "undisputed")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    said = metadata(found)
    bars = world.warehouse.read(BARS, ["SPY"])
    assert said["tickers"] == 1
    assert str(said["set_aside"]).startswith(f"SPY: {bars.height} of {bars.height} held bars (100%) would be rewritten")
    assert f"{bars['open'][-1]:.10g} here and {100 * bars['open'][-1]:.10g} in the answer" in str(said["set_aside"])


def test_vix_agrees_shows_both_closes(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    world = make_world(tmp_path, [VIX])
    source = make_source(world.settings)
    ingest_ticker(world.warehouse, source, VIX, since=FIRST, through=LAST, now=NOW)
    assert metadata(evaluate(instance, world, ["raw", "bars"], "vix_agrees")) == {"compared": "no second opinion"}

    held = world.warehouse.read(BARS, [VIX])
    agreeing = held.with_columns(source=pl.lit("cboe"))
    world.warehouse.write(SECOND_OPINION, VIX, agreeing)
    found = evaluate(instance, world, ["raw", "bars"], "vix_agrees")
    assert found.passed
    assert metadata(found) == {"compared": held.height, "disagreements": 0, "newest": "-"}

    *_, before, newest = held.select("session", "close").rows()
    apart = pl.col("session").is_in([before[0], newest[0]])
    world.warehouse.write(
        SECOND_OPINION, VIX, agreeing.with_columns(close=pl.when(apart).then(2 * pl.col("close")).otherwise("close"))
    )
    found = evaluate(instance, world, ["raw", "bars"], "vix_agrees")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert metadata(found) == {
        "compared": held.height,
        "disagreements": 2,
        "newest": "; ".join(f"{day}: {close:.2f}, CBOE {2 * close:.2f} (-50.00%)" for day, close in (newest, before)),
    }


def test_no_look_ahead_catches_a_planted_row(instance: dg.DagsterInstance, world: World) -> None:
    """A label of t at horizon h is known at t+1+h, so one session too many in training is already the future."""
    day = [dt.date(2016, 11, 22)]
    honest = forecasts(day, trained_sessions_before=7).filter(pl.col("horizon") == 5)
    plant(world.warehouse, honest)
    assert evaluate(instance, world, ["forecasts", "daily"], "no_look_ahead").passed

    early = forecasts(day, trained_sessions_before=6).filter(pl.col("ticker") == "XLK")
    world.warehouse.write(DAILY, "XLK", early)
    found = evaluate(instance, world, ["forecasts", "daily"], "no_look_ahead")
    assert not found.passed
    assert metadata(found) == {
        "forecasts": 7,
        "too_early": 1,
        "first": f"XLK by {SECTOR_MODEL}: 2016-11-22 at horizon 5",
    }


def test_decided_shows_why_a_position_abstains(instance: dg.DagsterInstance, world: World) -> None:
    assert metadata(evaluate(instance, world, ["signals", "qqq_position"], "decided")) == {"reason": "no position yet"}
    world.run(instance, "refresh_bars", tickers=["QQQ"])
    world.run(instance, "daily_signals", partition="2016-11-25")
    found = evaluate(instance, world, ["signals", "qqq_position"], "decided")
    assert not found.passed
    assert str(metadata(found)["reason"]).startswith("abstains: no fresh ballot from NVDA, AAPL")


def test_schema_names_the_column_of_a_file_that_was_changed_by_hand(instance: dg.DagsterInstance, world: World) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    assert evaluate(instance, world, ["raw", "bars"], "schema").passed
    path = world.warehouse.objects.path(world.warehouse.key(BARS, "SPY"))
    pl.read_parquet(path).with_columns(close=-pl.col("close")).write_parquet(path)
    damaged = evaluate(instance, world, ["raw", "bars"], "schema")
    assert not damaged.passed
    assert f"{path} is damaged: it has no seal" in str(metadata(damaged)["wrong"])
    path.write_bytes(sealed(world.warehouse.key(BARS, "SPY"), path.read_bytes()))
    found = evaluate(instance, world, ["raw", "bars"], "schema")
    assert not found.passed
    said = str(metadata(found)["wrong"])
    assert "raw.bars[SPY]" in said
    assert "close fails" in said
    assert "QQQ" not in said


@pytest.mark.parametrize(("asset", "name"), [(["raw", "bars"], "complete"), (["forecasts", "daily"], "no_look_ahead")])
def test_checks_run_on_an_empty_warehouse(
    instance: dg.DagsterInstance, world: World, asset: list[str], name: str
) -> None:
    assert evaluate(instance, world, asset, name).passed
