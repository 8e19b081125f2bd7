"""Trials count themselves: nothing is fed by hand, nothing is lost."""

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.steps.results import write_ledger
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL
from alpha_pipeline.steps.trials import UNKNOWN, write_trials
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.proof import TRIALS

DAYS = sessions.between(dt.date(2016, 1, 4), dt.date(2016, 3, 31))
NOW = dt.datetime(2016, 4, 1, tzinfo=dt.UTC)
TOMORROW = NOW + dt.timedelta(days=1)
FORECAST = (*MAG7, *SECTORS, VIX)

Rows = Callable[..., pl.DataFrame]


def card(warehouse: Warehouse, model: str, ticker: str, model_id: str, config: str) -> None:
    key = f"models/{model}/{quote(ticker, safe='')}/{model_id}.json"
    warehouse.objects.put(key, json.dumps({"config_hash": config}).encode())


def forecast(warehouse: Warehouse, rows: Rows, ticker: str, config: str, model_id: str, **given: object) -> None:
    """The forecasts of a ticker as members of a configuration make them; they replace what was held."""
    made = rows(ticker, DAYS, model_id=model_id, **given)
    for name in made["model"].unique():
        card(warehouse, str(name), ticker, model_id.split("+", maxsplit=1)[0], config)
    warehouse.write(DAILY, ticker, made)


@pytest.fixture
def world(warehouse: Warehouse, signal_world: Path, forecast_rows: Rows) -> Warehouse:
    shutil.copytree(signal_world, warehouse.root)
    for ticker in FORECAST:
        forecast(warehouse, forecast_rows, ticker, "first", "one")
    return warehouse


def listed(warehouse: Warehouse) -> set[tuple[str, str | None, str]]:
    return set(warehouse.read(TRIALS).select("name", "ticker", "variant").iter_rows())


def test_every_model_and_ticker_and_every_strategy_is_a_trial(world: Warehouse) -> None:
    assert write_trials(world, NOW) == len(FORECAST) + 7
    held = world.read(TRIALS)
    assert held["trial_id"].n_unique() == held.height
    models = held.filter(kind="model")
    assert set(models["ticker"]) == set(FORECAST)
    assert models["variant"].unique().to_list() == ["first"]
    assert models.filter(ticker=VIX)["sharpe"].null_count() == 1
    assert models.filter(pl.col("ticker") != VIX)["sharpe"].null_count() == 0
    assert set(held.filter(kind="strategy")["name"]) == {
        "qqq_position",
        "qqq_position_without_exit",
        "mag7_vote",
        "sector_rotation",
        "buy_and_hold",
        "vol_target_15",
        "equal_weight_sectors",
    }


def test_a_second_run_changes_no_byte(world: Warehouse, listing: Callable[[Warehouse], dict[str, bytes]]) -> None:
    first = write_trials(world, NOW)
    before = listing(world)
    assert write_trials(world, TOMORROW) == first
    assert listing(world) == before


def test_tomorrows_run_of_the_same_experiment_is_the_same_trial(world: Warehouse, forecast_rows: Rows) -> None:
    first = write_trials(world, NOW)
    ids = set(world.read(TRIALS)["trial_id"])
    for ticker in FORECAST:  # trained again on one more session: another member, the same configuration
        forecast(world, forecast_rows, ticker, "first", "two")
    assert write_trials(world, TOMORROW) == first
    held = world.read(TRIALS)
    assert set(held["trial_id"]) == ids
    assert held["first_seen"].unique().to_list() == [NOW]


def test_a_changed_experiment_is_a_new_trial_and_so_is_what_listens_to_it(
    world: Warehouse, forecast_rows: Rows
) -> None:
    first = write_trials(world, NOW)
    for ticker in SECTORS:
        forecast(world, forecast_rows, ticker, "second", "two")
    write_ledger(world)
    assert write_trials(world, TOMORROW) == first + len(SECTORS) + 3
    new = world.read(TRIALS).filter(first_seen=TOMORROW)
    assert set(new.filter(kind="strategy")["name"]) == {"sector_rotation", "qqq_position", "qqq_position_without_exit"}
    assert set(new.filter(kind="model")["name"]) == {SECTOR_MODEL}


def test_more_seeds_are_another_trial(world: Warehouse, forecast_rows: Rows) -> None:
    write_trials(world, NOW)
    forecast(world, forecast_rows, "NVDA", "first", "one+two+three", seeds=3)
    write_trials(world, TOMORROW)
    own = world.read(TRIALS).filter(name=BALLOT_MODEL, ticker="NVDA").sort("seeds")
    assert own["seeds"].to_list() == [1, 3]


def test_an_experiment_that_vanishes_stays_a_trial(world: Warehouse) -> None:
    first = write_trials(world, NOW)
    known = listed(world)
    for ticker in SECTORS:
        world.objects.delete(world.key(DAILY, ticker))
    assert write_trials(world, TOMORROW) == first + 3, "the strategies that heard them are others now"
    assert listed(world) > known


def test_a_forecast_whose_card_is_gone_is_counted_once(world: Warehouse, forecast_rows: Rows) -> None:
    world.objects.delete(f"models/{BALLOT_MODEL}/NVDA/one.json")
    write_trials(world, NOW)
    assert (BALLOT_MODEL, "NVDA", UNKNOWN) in listed(world)
    world.write(DAILY, "NVDA", forecast_rows("NVDA", DAYS, model_id="other"))
    write_trials(world, TOMORROW)
    assert world.read(TRIALS).filter(ticker="NVDA").height == 1


def test_the_card_of_a_shared_model_is_found(world: Warehouse, forecast_rows: Rows) -> None:
    rows = forecast_rows("NVDA", DAYS, model="shared", model_id="m")
    card(world, "shared", "*", "m", "together")
    world.write(DAILY, "NVDA", pl.concat([world.read(DAILY, ["NVDA"]), rows]))
    write_trials(world, NOW)
    assert ("shared", "NVDA", "together") in listed(world)


def test_a_failed_write_loses_no_trial_and_the_next_run_goes_on(
    world: Warehouse, forecast_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trials(world, NOW)
    known = listed(world)
    forecast(world, forecast_rows, "NVDA", "second", "two")

    def fails(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails)
        with pytest.raises(OSError, match="no space left"):
            write_trials(world, TOMORROW)
    assert listed(world) == known
    write_trials(world, TOMORROW)
    assert listed(world) > known


def test_an_empty_warehouse_has_no_trial(warehouse: Warehouse) -> None:
    assert write_trials(warehouse, NOW) == 0
    assert warehouse.units(TRIALS) == []
