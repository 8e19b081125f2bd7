"""Features and targets as assets: one run for a range, the rows of each ticker as its metadata."""

import dagster as dg

from alpha_pipeline_tests.defs.world import World, failures

PREPARED = [
    "features/technical",
    "features/price_action",
    "features/market_context",
    "features/volatility",
    "features/sector_context",
    "targets/forward",
]


def test_features_of_a_range_of_tickers_are_one_run(instance: dg.DagsterInstance, world: World) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert world.run(instance, "prepare", tickers=["QQQ", "SPY"]).success
    assert instance.get_runs_count() == 2
    for name in PREPARED:
        records = instance.fetch_materializations(dg.AssetKey(name.split("/")), limit=10).records
        rows = {r.partition_key: r.asset_materialization.metadata["dagster/partition_row_count"] for r in records}  # type: ignore[union-attr]
        assert set(rows) == {"QQQ", "SPY"}, name
        assert all(isinstance(count.value, int) and count.value > 400 for count in rows.values()), name


def test_features_of_a_ticker_without_bars_are_refused(instance: dg.DagsterInstance, world: World) -> None:
    """A partition marked as done that holds nothing would be believed."""
    world.run(instance, "refresh_bars", tickers=["QQQ"])
    result = world.run(instance, "prepare", tickers=["AAPL"])
    assert not result.success
    assert "No bars of AAPL are held" in failures(result)[0]
    for name in PREPARED:
        assert instance.get_materialized_partitions(dg.AssetKey(name.split("/"))) == set(), name
