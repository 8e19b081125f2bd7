"""Backfills of the experiments through the real daemon: what is missing is made, and nothing is missing afterwards."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.membership import experiments
from alpha_pipeline.warehouse import tickers
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.defs import served
from alpha_pipeline_tests.defs.test_daemon import BACKFILL, FEATURES, RAW, STATUS
from alpha_pipeline_tests.defs.world import World, make_world

pytestmark = pytest.mark.slow
HELD = ("QQQ", "SPY", "NVDA", "AVGO")
MISSING = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys
    assetPartitionStatuses { ... on DefaultPartitionStatuses { unmaterializedPartitions } } } } }"""
ADD = """mutation($name: String!, $key: String!, $where: RepositorySelector!) {
    addDynamicPartition(partitionsDefName: $name, partitionKey: $key, repositorySelector: $where) { __typename } }"""
WHERE = {"repositoryLocationName": "alpha_pipeline", "repositoryName": "__repository__"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Bars and features of four tickers, which are all that is followed; QQQ was trained by ridge before."""
    world = make_world(tmp_path, HELD)
    tickers.remove(world.warehouse, [one for one in tickers.followed(world.warehouse) if one not in HELD])
    with open_instance(world.settings) as instance:
        assert world.run(instance, "refresh_bars", tickers=HELD).success
        assert world.run(instance, "prepare", tickers=HELD).success
        assert world.train(instance, "ridge", ["QQQ"]).success
    return world


def launch(ui: served.Served, **asked: object) -> str:
    """Launch a backfill and wait for its end; its status."""
    said = ui.ask(BACKFILL, {"asked": asked})["launchPartitionBackfill"]
    assert said["__typename"] == "LaunchBackfillSuccess", said

    def end() -> str:
        found = ui.ask(STATUS, {"id": said["backfillId"]})["partitionBackfillOrError"]
        return "" if found["status"] in {"REQUESTED", "COMPLETING"} else str(found["status"])

    return served.eventually(end, "the backfill has ended", patience=1500)


def paths(*assets: str) -> list[dict[str, list[str]]]:
    return [{"path": asset.split("/")} for asset in assets]


def missing(ui: served.Served, asset: str) -> list[str]:
    """The partitions of an asset that the web UI shows as missing."""
    node = ui.ask(MISSING, {"key": {"path": asset.split("/")}})["assetNodeOrError"]
    return list(node["assetPartitionStatuses"]["unmaterializedPartitions"])


def every_missing(ui: served.Served, assets: Sequence[str]) -> list[dict[str, object]]:
    """What the web UI asks for when a person chooses all that is missing of several assets."""
    return [
        {
            "assetKey": {"path": asset.split("/")},
            "partitions": {"ranges": [{"start": key, "end": key} for key in missing(ui, asset)]},
        }
        for asset in assets
    ]


def test_all_missing_of_several_experiments_is_one_run_each_and_leaves_nothing_missing(
    world: World, tmp_path: Path
) -> None:
    models = ["models/ridge", "models/expanding_mean"]
    with served.serve(world, tmp_path / "ui.log") as ui:
        assert missing(ui, "models/ridge") == ["SPY", "NVDA"]
        assert missing(ui, "models/v11_hybrid") == ["QQQ", "NVDA"]
        assert missing(ui, "models/har_x") == []
        assert launch(ui, partitionsByAssets=every_missing(ui, models)) == "COMPLETED_SUCCESS", ui.runs()
        assert [missing(ui, model) for model in models] == [[], []]
        ranges = {
            (run["tags"]["dagster/asset_partition_range_start"], run["tags"]["dagster/asset_partition_range_end"])
            for run in ui.runs()
            if "dagster/backfill" in run["tags"]
        }
        assert ranges == {("SPY", "NVDA"), ("QQQ", "NVDA")}
        # A person has an experiment train a ticker that is not its own.
        added = ui.ask(ADD, {"name": "tickers_ridge", "key": "AVGO", "where": WHERE})["addDynamicPartition"]
        assert added["__typename"] == "AddDynamicPartitionSuccess"
        assert missing(ui, "models/ridge") == ["AVGO"]
        assert launch(ui, assetSelection=paths("models/ridge"), partitionNames=["AVGO"]) == "COMPLETED_SUCCESS"
        assert missing(ui, "models/ridge") == []
        # Forecasts are made of a ticker that other experiments lack.
        assert launch(ui, assetSelection=paths("forecasts/daily"), allPartitions=True) == "COMPLETED_SUCCESS"
        assert missing(ui, "forecasts/daily") == []
    models_of = {ticker: set(world.warehouse.read(DAILY, [ticker])["model"]) for ticker in HELD}
    assert models_of == {
        "QQQ": {"ridge", "expanding_mean"},
        "SPY": {"ridge", "expanding_mean"},
        "NVDA": {"ridge", "expanding_mean"},
        "AVGO": {"ridge"},
    }


def test_everything_of_one_ticker_trains_every_experiment_in_one_run(world: World, tmp_path: Path) -> None:
    """Names chosen once, at the root: each experiment takes those that it has, and needs no run after the training."""
    models = [f"models/{name}" for name in experiments()]
    assets = [*RAW, *FEATURES, "targets/forward", "models/trained", *models, "forecasts/daily"]
    with served.serve(world, tmp_path / "ui.log") as ui:
        assert launch(ui, assetSelection=paths(*assets), partitionNames=["SPY"]) == "COMPLETED_SUCCESS", ui.runs()
        has = [f"models/{name}" for name, one in experiments().items() if "SPY" in one.tickers]
        assert all("SPY" not in missing(ui, asset) for asset in [*has, "models/trained", "forecasts/daily"])
        assert missing(ui, "models/v11_hybrid") == ["QQQ", "NVDA"]
        assert missing(ui, "forecasts/daily") == ["QQQ", "NVDA", "AVGO"]
        [run] = [run for run in ui.runs() if "dagster/backfill" in run["tags"]]
        assert run["status"] == "SUCCESS"
    names = {name.removeprefix("models/") for name in has}
    assert set(world.warehouse.read(DAILY, ["SPY"])["model"]) == names
