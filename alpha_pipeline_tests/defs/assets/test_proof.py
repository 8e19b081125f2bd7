"""Proof assets: run with the results, and show what a person asks."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.assets import proof
from alpha_pipeline.defs.partitions import range_tags
from alpha_pipeline.steps.signals import FIRST_SESSION
from alpha_pipeline.universe import SECTORS, VIX
from alpha_pipeline.warehouse.tables import proof as tables
from alpha_pipeline.warehouse.tables import results
from alpha_pipeline_tests.defs.world import LAST, World, forecasts, fresh_defs, make_world, plant

DAYS = calendar.between(FIRST_SESSION, LAST)
PROOF = [dg.AssetKey(table.asset_key) for table in (results.LEDGER, results.SCORES)] + [
    dg.AssetKey(table.asset_key)
    for table in (tables.RECORDS, tables.TRIALS, tables.LEAD_LAG, tables.COMPARISONS, tables.LUCK)
]


@pytest.fixture
def decided(tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> World:
    """Bars of QQQ and ^VIX, forecasts and signals of the last quarter, which has figures a year all the same."""
    monkeypatch.setattr("alpha_pipeline.evaluation.metrics.FEWEST_OF_A_YEAR", 20)
    monkeypatch.setattr("alpha_pipeline.evaluation.luck.N_RESAMPLES", 100)
    world = make_world(tmp_path, ["QQQ", VIX])
    for ticker in ("QQQ", VIX):
        assert world.run(instance, "refresh_bars", tickers=[ticker]).success
        assert world.run(instance, "prepare", tickers=[ticker]).success
    plant(world.warehouse, forecasts(DAYS[-60:]))
    job = fresh_defs().resolve_job_def("daily_signals")
    with world.entered():
        assert job.execute_in_process(instance=instance, tags=range_tags(str(DAYS[-60]), str(LAST))).success
    return world


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, Any]:
    [event] = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(["evaluation", name])]
    return {key: value.value for key, value in event.materialization.metadata.items()}


@pytest.mark.slow
@pytest.mark.minutes(0.1)
def test_the_results_job_proves_and_shows_it(instance: dg.DagsterInstance, decided: World) -> None:
    result = decided.run(instance, "results", assets=PROOF)
    assert result.success
    warehouse = decided.warehouse
    trials = metadata(result, "trials")["n_trials"]
    # ^VIX is the only ticker with targets and forecasts; sectors hold no bars here.
    assert trials == warehouse.read(tables.TRIALS).height == 6
    shown = metadata(result, "luck")
    assert shown["all_trials_n_trials"] == trials
    assert 0 <= shown["qqq_position_dsr"] <= 1
    assert "| buy_and_hold | dsr |" in shown["in_words"]
    asked = metadata(result, "comparisons")
    assert asked["better"] + asked["worse"] + asked["undecided"] == warehouse.read(tables.COMPARISONS).height
    assert "| Does the exit rule pay? |" in asked["questions"]
    records = metadata(result, "records")
    assert records["qqq_position_net"] == pytest.approx(shown["qqq_position_sharpe"])
    assert metadata(result, "lead_lag")["leads"] == 0
    assert set(SECTORS).isdisjoint(warehouse.read(tables.TRIALS)["ticker"].drop_nulls())


def test_all_of_it_runs_on_an_empty_warehouse(instance: dg.DagsterInstance, world: World) -> None:
    result = world.run(instance, "results", assets=PROOF)
    assert result.success
    assert metadata(result, "trials") == {"n_trials": 0}


def test_every_asset_is_a_table_of_the_proof() -> None:
    assert [asset.key.path[-1] for asset in proof.ASSETS] == ["records", "trials", "lead_lag", "comparisons", "luck"]
