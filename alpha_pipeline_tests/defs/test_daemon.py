"""The real processes: what the web UI launches, the daemon runs, and nothing stays behind."""

from dataclasses import replace
from pathlib import Path

import pytest

from alpha_pipeline.defs.chain import SESSION_TAG
from alpha_pipeline.defs.partitions import range_tags
from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, SECTOR_CONTEXT, TECHNICAL, VOLATILITY
from alpha_pipeline.warehouse.tables import raw, signals
from alpha_pipeline_tests.defs import served
from alpha_pipeline_tests.defs.world import LAST, World
from alpha_pipeline_tests.loopback_webhook import LoopbackWebhook

BACKFILL = """mutation($asked: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $asked) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUS = """query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
    ... on PartitionBackfill { status error { message } } } }"""
LAUNCH = """mutation($asked: ExecutionParams!) { launchRun(executionParams: $asked) {
    __typename ... on PythonError { message } } }"""
TICKERS = ["QQQ", "SPY", "NVDA"]
RAW = ["raw/bars", "raw/actions", "raw/revisions", "raw/quarantine", "raw/coverage", "raw/second_opinion"]
FEATURES = [
    "features/technical",
    "features/price_action",
    "features/market_context",
    "features/volatility",
    "features/sector_context",
]


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
@pytest.mark.minutes(1)
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
    for table in (raw.BARS, TECHNICAL, PRICE_ACTION, MARKET_CONTEXT, VOLATILITY, SECTOR_CONTEXT):
        assert world.warehouse.units(table) == sorted(TICKERS), table.name


@pytest.mark.slow
@pytest.mark.minutes(3)
def test_a_day_goes_from_refresh_to_results_and_tells_what_it_lacks(world: World, tmp_path: Path) -> None:
    """Fifteen of the eighteen core tickers have no bars: the position abstains, and a person hears of it."""
    tags = {**range_tags(TICKERS[0], TICKERS[-1]), SESSION_TAG: LAST.isoformat()}
    asked = {
        "selector": {
            "repositoryLocationName": "alpha_pipeline",
            "repositoryName": "__repository__",
            "jobName": "refresh_bars",
        },
        "executionMetadata": {"tags": [{"key": name, "value": value} for name, value in tags.items()]},
    }
    with LoopbackWebhook() as webhook:
        alerted = World(replace(world.settings, alerts=(webhook.url,)))
        with served.serve(alerted, tmp_path / "ui.log") as ui:
            said = ui.ask(LAUNCH, {"asked": asked})["launchRun"]
            assert said["__typename"] == "LaunchRunSuccess", said
            served.eventually(
                lambda: any(run["jobName"] == "results" and run["status"] == "SUCCESS" for run in ui.runs()),
                "the day has its results",
                patience=1500,
            )
            served.eventually(lambda: webhook.taken, "an alert has come")
            runs = [(run["jobName"], run["status"]) for run in reversed(ui.runs())]
    stages = ("refresh_bars", "learn", "predict", "daily_signals", "results")
    assert runs == [(stage, "SUCCESS") for stage in stages]
    position = world.warehouse.read(signals.QQQ_POSITION)
    assert position["session"].max() == LAST
    assert position["reason"][-1].startswith("abstains")
    assert webhook.titles() == [f"alpha_pipeline: stale data, 15 ticker(s) lack {LAST}"]
