import datetime as dt
from urllib.parse import unquote

import polars as pl
import pytest

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import training
from alpha_pipeline.steps.soundness import damages
from alpha_pipeline.steps.training import courses, load_artifact, stem_of, ticker_samples, train_experiment
from alpha_pipeline.training.artifact import plain_card, sealed_card
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


def test_another_models_artifact_under_a_name_is_named_and_trained_again(
    world: Warehouse, ridge: Experiment, caplog: pytest.LogCaptureFixture
) -> None:
    first, other_fold, other_ticker = trained(world, ridge).artifacts
    card, weights = first.card, first.weights
    stem = stem_of(card.experiment, card.ticker, card.model_id)
    stored = {key: world.objects.get(key) for key in world.objects.list("models")}
    flipped = bytearray(weights)
    flipped[-1] ^= 1
    plain = plain_card(first.card_json)
    claims: list[tuple[str, object, str]] = [
        ("ticker", "^VIX", "its card is that of ridge/^VIX"),
        ("experiment", "har_x", "its card is that of har_x/QQQ"),
        ("first_session", other_fold.card.first_session, "its card has the first_session"),
        ("seed", 1, "its card has the seed 1 and not 0"),
        ("data_hash", "d", "its card has the data_hash d"),
        ("code_version", "9", "its card has the code_version 9"),
    ]
    damaged: list[tuple[str, bytes, bytes]] = [
        ("its card is that of ridge/QQQ", other_fold.card_json, other_fold.weights),
        ("its card is that of ridge/^VIX", other_ticker.card_json, other_ticker.weights),
        ("the weights are not those", first.card_json, other_fold.weights),
        ("the weights are not those", first.card_json, weights[:-8]),
        ("the weights are not those", first.card_json, bytes(flipped)),
        ("its card is not what was stored", first.card_json.replace(b"QQQ", b"SPY"), weights),
        ("malformed at of_a_newer_version", sealed_card(plain.replace(b"{", b'{"of_a_newer_version": 1,', 1)), weights),
        # Without its seal, as cards were stored once.
        *(
            (words, card.model_copy(update={name: to}).model_dump_json().encode(), weights)
            for name, to, words in claims
        ),
    ]
    for words, card_json, its_weights in damaged:
        caplog.clear()
        world.objects.put(f"{stem}.json", card_json)
        world.objects.put(f"{stem}.safetensors", its_weights)
        again = trained(world, ridge)
        assert (again.n_trained, again.n_found) == (1, 2), words
        assert words in caplog.text
        assert card.model_id in caplog.text
        assert again.artifacts == (first, other_fold, other_ticker)
        assert {key: world.objects.get(key) for key in stored} == stored


def test_a_deep_look_names_a_model_that_lies_in_anothers_folder(world: Warehouse, ridge: Experiment) -> None:
    artifact = trained(world, ridge).artifacts[0]
    assert damages(world, ()) == []
    stem = stem_of("ridge", "^VIX", artifact.card.model_id)
    world.objects.put(f"{stem}.json", artifact.card_json)
    world.objects.put(f"{stem}.safetensors", artifact.weights)
    [damage] = damages(world, ())
    assert f"it is ridge/QQQ/{artifact.card.model_id} under another name" in damage.said


def test_the_device_is_the_one_named() -> None:
    assert training.resolve_device("cpu") == "cpu"
    assert training.resolve_device("auto") in {"cpu", "cuda"}
