"""Every asset can be asked for alone, as `dagster asset materialize` does, also before anything is there."""

import dagster as dg
import pytest

from alpha_pipeline.defs.assets.raw import TABLES
from alpha_pipeline.defs.partitions import sync_tickers
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline_tests.defs.world import LAST, World, failures, fresh_defs


def alone(world: World, instance: dg.DagsterInstance) -> dict[str, dg.ExecuteInProcessResult]:
    """Each asset but the raw ones, which would bring what the others are made from, in a run of its own."""
    repository = fresh_defs().get_repository_def()
    results = {}
    for key in sorted(repository.asset_graph.get_all_asset_keys()):
        if key.path[0] == "raw":
            continue
        partitions = repository.asset_graph.get(key).partitions_def
        partition = None if partitions is None else LAST.isoformat()
        if isinstance(partitions, dg.DynamicPartitionsDefinition):
            partition = instance.get_dynamic_partitions(str(partitions.name))[0]
        job = repository.get_implicit_job_def_for_assets([key])
        assert job is not None, key
        with world.entered():
            results[key.to_user_string()] = job.execute_in_process(
                instance=instance,
                partition_key=partition,
                asset_selection=[key],
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
    return results


@pytest.mark.slow
def test_every_asset_alone_is_made_or_says_what_it_lacks(world: World, instance: dg.DagsterInstance) -> None:
    sync_tickers(instance, world.warehouse)
    results = alone(world, instance)
    said = {name: failures(result) for name, result in results.items() if not result.success}
    made_of_bars = ("features/", "targets/", "models/", "forecasts/", "signals/")
    assert set(said) == {name for name in results if name.startswith(made_of_bars)}
    for name, words in said.items():
        [sentence] = words
        if name.startswith("signals/"):
            assert "has no bars yet: none of the core tickers has any. Nothing is made of it" in sentence
            continue
        ticker = "^VIX" if name in {"models/bear_headhunter", "models/har_x"} else "QQQ"
        assert f"No bars of {ticker} are held: refresh raw/bars first." in sentence


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_one_raw_table_alone_brings_and_marks_its_neighbours(
    world: World, instance: dg.DagsterInstance, table: Table
) -> None:
    key = dg.AssetKey(table.asset_key)
    result = world.run(instance, "refresh_bars", tickers=["QQQ"], assets=[key])
    assert result.success
    assert {planned.asset_key for planned in result.get_asset_materialization_events()} >= {key}
    for other in TABLES:
        assert instance.get_materialized_partitions(dg.AssetKey(other.asset_key)) == {"QQQ"}
        records = instance.fetch_materializations(dg.AssetKey(other.asset_key), limit=10).records
        assert len(records) == 1
    bars = instance.fetch_materializations(dg.AssetKey(["raw", "bars"]), limit=1).records[0].asset_materialization
    assert bars is not None
    assert bars.metadata["status"].value == "complete"
