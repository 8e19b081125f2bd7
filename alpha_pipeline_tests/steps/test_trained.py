"""What is trained, told from the cards alone."""

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

import alpha_pipeline.steps.trained
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.trained import Census, census, is_anything_missing
from alpha_pipeline.steps.training import folder_of, train_experiment
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.pipeline_world import QUICK, FrameSource, build_features, ingest_all, retrained

FIRST, LAST = dt.date(2014, 1, 2), dt.date(2017, 1, 31)
TICKERS = ["QQQ", "NVDA"]


@pytest.fixture
def experiment() -> Experiment:
    return retrained(load_experiments()["last_value"], minimum_samples=100, validation_sessions=40)


@pytest.fixture
def world(warehouse: Warehouse) -> Warehouse:
    """QQQ over three years; NVDA is listed so late that only its second fold has enough to learn from."""
    bars = dict(simulate(7, 0.0, FIRST, LAST, TICKERS).bars)
    bars["NVDA"] = bars["NVDA"].filter(pl.col("session") >= dt.date(2015, 10, 1))
    ingest_all(warehouse, FrameSource(bars), TICKERS, LAST, FIRST)
    build_features(warehouse, TICKERS)
    return warehouse


def train(world: Warehouse, experiment: Experiment, tickers: list[str] = TICKERS) -> None:
    train_experiment(world, experiment, tickers, QUICK, device="cpu", progress=lambda _: None)


def missing(world: Warehouse, experiment: Experiment) -> bool:
    return is_anything_missing(world, experiment, TICKERS, LAST, QUICK)


def test_before_a_training_everything_is_wanted_and_after_it_what_is_there(
    world: Warehouse, experiment: Experiment
) -> None:
    assert census(world, experiment, TICKERS, LAST, QUICK) == Census(4, 0, ("QQQ", "NVDA"))
    assert missing(world, experiment)
    train(world, experiment)
    # NVDA's first fold can never be trained, and is not waited for.
    assert census(world, experiment, TICKERS, LAST, QUICK) == Census(3, 3, ())
    assert not missing(world, experiment)


def test_another_fold_seed_or_configuration_is_missing(world: Warehouse, experiment: Experiment) -> None:
    train(world, experiment)
    assert census(world, experiment, TICKERS, dt.date(2018, 1, 31), QUICK).doubtful == ("QQQ", "NVDA")
    assert census(world, experiment, TICKERS, LAST, replace(QUICK, seeds=2)) == Census(8, 3, ("QQQ", "NVDA"))
    assert census(world, retrained(experiment, minimum_samples=101), TICKERS, LAST, QUICK).held == 0
    assert missing(world, retrained(experiment, minimum_samples=101))


def test_other_code_trains_everything_again(
    world: Warehouse, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(world, experiment)
    monkeypatch.setattr(alpha_pipeline.steps.trained, "CODE_VERSION", "another")
    assert census(world, experiment, TICKERS, LAST, QUICK).held == 0


def test_a_ticker_with_too_little_to_ever_train_on_is_not_missing(world: Warehouse, experiment: Experiment) -> None:
    hungry = retrained(experiment, minimum_samples=300)
    train(world, hungry)
    assert census(world, hungry, TICKERS, LAST, QUICK).doubtful == ("NVDA",)
    assert not missing(world, hungry)


def test_one_ticker_that_is_not_trained_is_enough(world: Warehouse, experiment: Experiment) -> None:
    train(world, experiment, ["NVDA"])
    assert missing(world, experiment)


def test_a_card_that_cannot_be_read_is_no_member(world: Warehouse, experiment: Experiment) -> None:
    train(world, experiment)
    [*_, newest] = [key for key in world.objects.list(folder_of(experiment.name, "QQQ")) if key.endswith(".json")]
    world.objects.put(newest, b"{")
    assert census(world, experiment, TICKERS, LAST, QUICK).held == 2


def test_no_fold_is_wanted_before_the_first_session_that_is_forecast(world: Warehouse, experiment: Experiment) -> None:
    assert census(world, experiment, TICKERS, dt.date(2015, 12, 31), QUICK) == Census(0, 0, ())
