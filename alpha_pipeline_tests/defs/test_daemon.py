"""The real processes: what the web UI launches, the daemon runs, and nothing stays behind."""

from pathlib import Path

import pytest

from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, TECHNICAL
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.defs import served
from alpha_pipeline_tests.defs.world import World

BACKFILL = """mutation($asked: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $asked) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
    ... on PartitionBackfill { status error { message } } } }"""
TICKERS = ["QQQ", "SPY", "NVDA"]
RAW = ["raw/bars", "raw/actions", "raw/revisions", "raw/quarantine", "raw/coverage"]
FEATURES = ["features/technical", "features/price_action", "features/market_context"]


def backfill(ui: served.Served, assets: list[str], partitions: list[str]) -> None:
    """Launch a backfill and wait for its end."""
    asked = {"assetSelection": [{"path": asset.split("/")} for asset in assets], "partitionNames": partitions}
    said = ui.ask(BACKFILL, {"asked": asked})["launchPartitionBackfill"]
    assert said["__typename"] == "LaunchBackfillSuccess", said

    def end() -> str:
        found = ui.ask(STATUS, {"id": said["backfillId"]})["partitionBackfillOrError"]
        return "" if found["status"] in {"REQUESTED", "COMPLETING"} else str(found["status"])

    assert served.eventually(end, "the backfill has ended") == "COMPLETED_SUCCESS", ui.runs()


@pytest.mark.slow
def test_a_backfill_of_three_tickers_is_one_run(world: World, tmp_path: Path) -> None:
    with served.serve(world, tmp_path / "ui.log") as ui:
        backfill(ui, [*RAW, *FEATURES], TICKERS)
        for asset in [*RAW, *FEATURES]:
            assert ui.materialised(asset) == set(TICKERS), asset
        [run] = ui.runs()
        assert run["status"] == "SUCCESS"
        assert run["tags"]["dagster/asset_partition_range_start"] == "QQQ"
        assert run["tags"]["dagster/asset_partition_range_end"] == "NVDA"
        log = ui.log.read_text()
        assert len(served.survivors(ui.session)) >= 3  # webserver, daemon, code server
    assert "Serving dagster-webserver on http://127.0.0.1" in log
    assert served.survivors(ui.session) == []
    for table in (raw.BARS, TECHNICAL, PRICE_ACTION, MARKET_CONTEXT):
        assert world.warehouse.units(table) == sorted(TICKERS), table.name
