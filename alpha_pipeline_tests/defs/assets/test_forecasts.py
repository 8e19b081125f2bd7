"""Model assets: what a trained partition shows of itself."""

from typing import Any

import dagster as dg
import polars as pl
import pytest

from alpha_pipeline.defs.assets import forecasts
from alpha_pipeline.forecasting.importance import Importance
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.training.artifact import EventCard
from alpha_pipeline.training.trainer import TrainingResult
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.defs.world import World, failures


def metadata_of(instance: dg.DagsterInstance, model: str) -> dict[str, dict[str, object]]:
    """Partition -> metadata of its newest materialization."""
    records = instance.fetch_materializations(dg.AssetKey(["models", model]), limit=10, ascending=True).records
    found = {}
    for record in records:
        event = record.asset_materialization
        assert event is not None
        found[str(event.partition)] = {name: value.value for name, value in event.metadata.items()}
    return found


def test_a_newly_trained_partition_shows_its_importance_and_one_found_trained_does_not(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LightGBM trains in the process of the test; what it costs is a worker's."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert world.run(instance, "prepare", tickers=["QQQ"]).success
    for model in ("lightgbm", "ridge"):
        first = world.train(instance, model, ["QQQ"])
        assert first.success, failures(first)
    table = str(metadata_of(instance, "lightgbm")["QQQ"]["importance"]).splitlines()
    assert table[0] == "| group | loss increase when permuted (nats) | standard error |"
    assert {line.split(" | ")[0] for line in table[2:]} == {"| technical", "| price_action", "| market_context"}
    assert "importance" not in metadata_of(instance, "ridge")["QQQ"]
    assert "loss_curves" not in metadata_of(instance, "lightgbm")["QQQ"]
    assert world.train(instance, "lightgbm", ["QQQ"]).success
    assert "importance" not in metadata_of(instance, "lightgbm")["QQQ"]


def test_an_experiment_without_its_context_is_left_out_and_stops_nothing(
    instance: dg.DagsterInstance, world: World
) -> None:
    """Of the sectors no bar is held."""
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert world.run(instance, "prepare", tickers=["QQQ"]).success
    run = world.run(instance, "train", tickers=["QQQ"], config=only("v15_sector_context", "expanding_mean"))
    assert run.success, failures(run)
    assert set(metadata_of(instance, "expanding_mean")) == {"QQQ"}
    assert metadata_of(instance, "v15_sector_context") == {}


def only(*names: object) -> dict[str, object]:
    """Configuration of a training that is of some experiments."""
    return {"ops": {"models__trained": {"config": {"experiments": list(names)}}}}


def test_one_training_of_a_range_gives_each_experiment_its_own_tickers(
    instance: dg.DagsterInstance, world: World
) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert world.run(instance, "prepare", tickers=["QQQ", "SPY", "NVDA"]).success
    run = world.run(instance, "train", tickers=["QQQ", "SPY", "NVDA"], config=only("last_value", "har_x"))
    assert run.success, failures(run)
    assert set(metadata_of(instance, "last_value")) == {"QQQ", "SPY", "NVDA"}
    assert metadata_of(instance, "har_x") == {}
    for wrong in ("rigde", {"env": "HOME"}):
        with pytest.raises(dg.DagsterInvalidConfigError, match=r"experiments.*ExperimentName"):
            world.run(instance, "train", tickers=["QQQ"], config=only(wrong))
    assert instance.get_materialized_partitions(forecasts.TRAINED) == {"QQQ", "SPY", "NVDA"}


def test_an_experiment_that_fails_stops_no_other_and_its_name_is_told(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert world.run(instance, "prepare", tickers=["QQQ"]).success
    whole = forecasts.train_experiment

    def broken(warehouse: Warehouse, experiment: Experiment, *rest: Any, **named: Any) -> TrainingResult:
        if experiment.name == "expanding_mean":
            raise RuntimeError("no memory left")
        return whole(warehouse, experiment, *rest, **named)

    monkeypatch.setattr(forecasts, "train_experiment", broken)
    run = world.run(instance, "train", tickers=["QQQ"], config=only("expanding_mean", "last_value"))
    assert failures(run) == ["expanding_mean: no memory left"]
    assert set(metadata_of(instance, "last_value")) == {"QQQ"}
    assert instance.get_materialized_partitions(forecasts.TRAINED) == set()


def test_an_event_card_is_a_table_by_horizon() -> None:
    card = EventCard(
        kind="bull",
        slopes=(1.0, 1.0),
        intercepts=(0.0, 0.0),
        thresholds=(0.41, 1.0),
        base_rates=(0.25, 0.3),
        precisions=(0.5, None),
        recalls=(0.125, 0.0),
        coverages=(0.0625, 0.0),
    )
    horizons = load_experiments()["v13_bull_sniper"].target.horizons
    assert forecasts._event_table(card, horizons).md_str.splitlines() == [
        "| bull | horizon 1 | horizon 5 |",
        "|---|---:|---:|",
        "| precision | 0.500 | - |",
        "| recall | 0.125 | 0.000 |",
        "| coverage | 0.062 | 0.000 |",
        "| base rate | 0.250 | 0.300 |",
        "| threshold | 0.410 | 1.000 |",
    ]


def test_importance_is_a_table() -> None:
    assert forecasts._importance_table([Importance("technical", 0.0123, 0.004)]).md_str.splitlines()[2:] == [
        "| technical | +0.0123 | 0.0040 |"
    ]


def test_one_partition_trains_the_shared_model_and_the_others_find_it(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
    assert world.run(instance, "prepare", tickers=["QQQ", "SPY", "NVDA"]).success
    first = world.train(instance, "matrix_transformer", ["QQQ"])
    assert first.success, failures(first)
    second = world.train(instance, "matrix_transformer", ["NVDA"])
    assert second.success, failures(second)
    found = metadata_of(instance, "matrix_transformer")
    assert found["QQQ"]["model_id"] == found["NVDA"]["model_id"]
    table = str(found["QQQ"]["looked_at"]).splitlines()
    assert {line.split(" | ")[0] for line in table[2:]} == {"| QQQ", "| NVDA"}
    assert "looked_at" not in found["NVDA"]
    assert str(found["QQQ"]["loss_curves"]).startswith("![picture](data:image/png;base64,")
    assert "loss_curves" not in found["NVDA"]
    assert world.run(instance, "predict", tickers=["QQQ", "SPY", "NVDA"]).success
    held = world.warehouse.read(DAILY)
    assert set(held["ticker"]) == {"QQQ", "NVDA"}
    assert held["model"].unique().to_list() == ["matrix_transformer"]


def test_whom_a_ticker_looked_at_is_a_table() -> None:
    looked = pl.DataFrame(
        {
            "ticker": ["QQQ"] * 3 + ["NVDA"],
            "looked_at": ["QQQ", "NVDA", "AAPL", "QQQ"],
            "weight": [0.25, 0.5, 0.25, 1.0],
        }
    )
    assert forecasts._looked_at_table(looked, "QQQ").md_str.splitlines() == [
        "| looked at | attention |",
        "|---|---:|",
        "| NVDA | 50.0% |",
        "| AAPL | 25.0% |",
        "| QQQ | 25.0% |",
    ]
