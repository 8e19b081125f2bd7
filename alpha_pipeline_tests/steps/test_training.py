import datetime as dt
from urllib.parse import unquote

import polars as pl
import pytest

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import training
from alpha_pipeline.steps.training import courses, load_artifact, ticker_samples, train_experiment
from alpha_pipeline.training.trainer import TrainingResult
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.pipeline_world import QUICK, FrameSource, build_features, ingest_all, retrained

FIRST, LAST = dt.date(2014, 1, 2), dt.date(2017, 1, 31)


@pytest.fixture
def ridge() -> Experiment:
    return retrained(load_experiments()["ridge"], minimum_samples=100, validation_sessions=40)


@pytest.fixture
def world(warehouse: Warehouse) -> Warehouse:
    """QQQ over three years and ^VIX that stops in the first fold; NVDA is not there at all."""
    bars = dict(simulate(7, 0.0, FIRST, LAST, ("QQQ", "^VIX")).bars)
    bars["^VIX"] = bars["^VIX"].filter(pl.col("session") <= dt.date(2016, 6, 30))
    ingest_all(warehouse, FrameSource(bars), ["QQQ", "^VIX"], LAST, FIRST)
    build_features(warehouse, ["QQQ", "^VIX"])
    return warehouse


def trained(warehouse: Warehouse, experiment: Experiment) -> TrainingResult:
    tickers = ["QQQ", "NVDA", "^VIX"]
    return train_experiment(warehouse, experiment, tickers, QUICK, device="cpu", progress=lambda _: None)


def test_a_ticker_without_data_fails_alone_and_one_that_stopped_ends_with_its_fold(
    world: Warehouse, ridge: Experiment
) -> None:
    todo = courses(world, ridge, ["QQQ", "NVDA", "^VIX"], QUICK)
    assert [ticker for ticker, _ in todo.failures] == ["NVDA"]
    folds = {chain.samples.ticker: [fold.first_session.year for fold in chain.folds] for chain in todo.chains}
    assert folds == {"QQQ": [2016, 2017], "^VIX": [2016]}
    with pytest.raises(NotEnoughDataError, match="NVDA: no bars"):
        ticker_samples(world, ridge, "NVDA")


def test_what_is_trained_is_found_again(world: Warehouse, ridge: Experiment) -> None:
    first = trained(world, ridge)
    assert (first.n_trained, first.n_found, [t for t, _ in first.failures]) == (3, 0, ["NVDA"])
    stored = {key: world.objects.get(key) for key in world.objects.list("models")}
    again = trained(world, ridge)
    assert (again.n_trained, again.n_found) == (0, 3)
    assert {key: world.objects.get(key) for key in world.objects.list("models")} == stored
    assert any("/%5EVIX/" in key for key in stored)


def test_weights_without_their_card_are_as_good_as_none(
    world: Warehouse, ridge: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two writes: the next run trains the fold again."""
    put = world.objects.put
    killed: list[str] = []

    def dies_at_the_card(key: str, data: bytes) -> None:
        if key.endswith(".json"):
            killed.append(key)
            raise KeyboardInterrupt
        put(key, data)

    with monkeypatch.context() as patch:
        patch.setattr(world.objects, "put", dies_at_the_card)
        with pytest.raises(KeyboardInterrupt):
            trained(world, ridge)
    experiment, ticker, model_id = unquote(killed[0]).removeprefix("models/").removesuffix(".json").split("/")
    assert world.objects.get(killed[0].replace(".json", ".safetensors")) is not None
    assert load_artifact(world, experiment, ticker, model_id) is None
    assert trained(world, ridge).n_trained == 3
    found = load_artifact(world, experiment, ticker, model_id)
    assert found is not None
    assert found.card.model_id == model_id


def test_the_device_is_the_one_named() -> None:
    assert training.resolve_device("cpu") == "cpu"
    assert training.resolve_device("auto") in {"cpu", "cuda"}
