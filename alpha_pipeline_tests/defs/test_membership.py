"""Which tickers an experiment has: its own, those that join it, and those that a person once named for it."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from alpha_pipeline.defs.membership import experiments, name_for, partitions_of, registered, takes
from alpha_pipeline.defs.partitions import sync_tickers
from alpha_pipeline.universe import CORE, MAG7, QQQ50, VIX
from alpha_pipeline.warehouse import tickers
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline_tests.defs.world import World

RIDGE, HAR_X, MATRIX = (experiments()[name] for name in ("ridge", "har_x", "matrix_transformer"))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def plant_member(warehouse: Warehouse, experiment: str, ticker: str) -> None:
    """A stored member, as far as its name goes."""
    warehouse.objects.put(f"models/{experiment}/{ticker}/0123.json", b"{}")


def test_every_experiment_has_its_own_tickers_and_no_others(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    sync_tickers(instance, warehouse)
    for experiment in experiments().values():
        assert set(registered(instance, experiment)) == set(experiment.tickers), experiment.name
    assert registered(instance, RIDGE) == list(CORE)
    assert registered(instance, experiments()["v11_hybrid"]) == ["QQQ", *MAG7]


def test_an_added_ticker_joins_those_that_it_may_and_a_removed_one_leaves_all(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    tickers.add(warehouse, ["PLTR"])
    sync_tickers(instance, warehouse)
    joined = {name for name, one in experiments().items() if "PLTR" in registered(instance, one)}
    assert joined == {name for name, one in experiments().items() if one.joins_added}
    tickers.remove(warehouse, ["PLTR", "SPY"])
    sync_tickers(instance, warehouse)
    for experiment in experiments().values():
        assert not {"PLTR", "SPY"} & set(registered(instance, experiment)), experiment.name


def test_what_a_removed_ticker_was_trained_to_stays_in_the_graph(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    sync_tickers(instance, warehouse)
    key = dg.AssetKey(["models", "ridge"])
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="SPY"))
    tickers.remove(warehouse, ["SPY"])
    sync_tickers(instance, warehouse)
    assert instance.get_materialized_partitions(key) == {"SPY"}


def test_a_ticker_with_members_was_named_once(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    """A warehouse filled before experiments had partitions of their own, or whose instance was deleted."""
    plant_member(warehouse, "har_x", "AVGO")
    plant_member(warehouse, "ridge", "%5EVIX")
    plant_member(warehouse, "v11_hybrid", "GONE")
    plant_member(warehouse, "matrix_transformer", "%2A")
    sync_tickers(instance, warehouse)
    assert set(registered(instance, HAR_X)) == {*HAR_X.tickers, "AVGO"}
    assert registered(instance, RIDGE) == list(CORE)
    assert "GONE" not in registered(instance, experiments()["v11_hybrid"])  # followed no more
    assert set(registered(instance, MATRIX)) == set(QQQ50)


def test_a_ticker_named_for_an_experiment_stays_its_own(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    sync_tickers(instance, warehouse)
    name_for(instance, HAR_X, ["QQQ", VIX])
    sync_tickers(instance, warehouse)
    assert registered(instance, HAR_X) == [*HAR_X.tickers, "QQQ"]
    assert registered(instance, experiments()["bear_headhunter"]) == list(HAR_X.tickers)


def test_one_model_of_many_tickers_takes_no_other(instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
    sync_tickers(instance, warehouse)
    name_for(instance, MATRIX, ["SPY", "QQQ"])
    assert "SPY" not in registered(instance, MATRIX)


@pytest.mark.parametrize(
    ("asked", "chosen", "expected"),
    [
        (None, None, {"har_x": [], "v11_hybrid": ["QQQ", "NVDA"], "ridge": ["QQQ", "SPY", "NVDA"]}),
        (["SPY"], None, {"har_x": [], "v11_hybrid": ["SPY"], "ridge": ["SPY"]}),
        (["SPY", "MSFT"], ["har_x", "v17_no_kan"], {"har_x": ["SPY"], "v17_no_kan": ["SPY"]}),
        (None, ["har_x", "ridge"], {"har_x": [], "ridge": ["QQQ", "SPY", "NVDA"]}),
        (["SPY"], ["matrix_transformer"], {"matrix_transformer": []}),
    ],
)
def test_what_a_command_trains(
    instance: dg.DagsterInstance,
    world: World,
    asked: Sequence[str] | None,
    chosen: Sequence[str] | None,
    expected: dict[str, list[str]],
) -> None:
    """Bars of QQQ, SPY and NVDA are held."""
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    held = [ticker for ticker in world.warehouse.units(BARS) if asked is None or ticker in asked]
    for name, wanted in expected.items():
        own = takes(instance, experiments()[name], asked, is_chosen=chosen is not None)
        assert own.intersection(held) == set(wanted)


def test_dagster_refuses_one_job_of_assets_with_partitions_of_their_own() -> None:
    """Why there is an asset that trains every experiment."""
    assets = [_asset(experiment.name, partitions_of(experiment)) for experiment in (RIDGE, HAR_X)]
    with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
        dg.Definitions(assets, jobs=[dg.define_asset_job("both", selection="*")]).resolve_job_def("both")
    assert "must have the same partitions definitions" in str(refused.value.__cause__)


def _asset(name: str, partitions: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    @dg.asset(name=name, partitions_def=partitions)
    def nothing() -> None: ...

    return nothing
