"""The audit asset: a table of findings, and a check that fails in the words of the probe."""

import dagster as dg
import polars as pl
import pytest

from alpha_pipeline.warehouse.tables.audit import AUDIT
from alpha_pipeline_tests.defs.test_checks import evaluate, metadata
from alpha_pipeline_tests.defs.world import LAST, World, forecasts, plant

KEY = dg.AssetKey(AUDIT.asset_key)


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_the_audit_shows_its_findings_and_the_check_names_the_leak(instance: dg.DagsterInstance, world: World) -> None:
    assert evaluate(instance, world, AUDIT.asset_key, "leak_free").passed
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY"])
    plant(world.warehouse, forecasts([LAST], trained_sessions_before=10))
    assert world.run(instance, "results", assets=[KEY]).success
    record = instance.get_latest_materialization_event(KEY)
    assert record is not None
    assert record.asset_materialization is not None
    shown = record.asset_materialization.metadata
    assert str(shown["findings"].value).startswith("| probe | verdict | words |\n|---|---|---|\n| truncation | ok |")
    assert (shown["n_bad"].value, shown["n_warnings"].value) == (0, 0)
    found = evaluate(instance, world, AUDIT.asset_key, "leak_free")
    assert found.passed
    assert metadata(found) == {"probes": 22, "leaks": "-"}

    held = world.warehouse.read(AUDIT, ["folds"])
    world.warehouse.write(
        AUDIT,
        "folds",
        held.with_columns(passed=pl.lit(value=False), verdict=pl.lit("bad"), words=pl.lit("out of order")),
    )
    found = evaluate(instance, world, AUDIT.asset_key, "leak_free")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert metadata(found)["leaks"] == "folds: out of order"


def test_results_without_bars_have_nothing_to_audit(instance: dg.DagsterInstance, world: World) -> None:
    assert world.run(instance, "results", assets=[KEY]).success
    assert world.warehouse.units(AUDIT) == []
