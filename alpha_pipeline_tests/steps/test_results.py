import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.sources.base import MARKET_FILE
from alpha_pipeline.steps import results
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.steps.results import write_decay, write_ledger, write_reliability, write_scores
from alpha_pipeline.steps.signals import BALLOT_MODEL
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import signals as tables
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.proof import LUCK
from alpha_pipeline.warehouse.tables.results import DECAY, LEDGER, RELIABILITY, SCORES
from alpha_pipeline_tests.pipeline_world import FrameSource, build_features, ingest_all, signal_all

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
DAYS = sessions.between(dt.date(2016, 1, 4), LAST)


@pytest.fixture
def world(forecast_world: Warehouse, bars: dict[str, pl.DataFrame]) -> Warehouse:
    ingest_all(forecast_world, FrameSource(bars), SECTORS, LAST, FIRST)
    forecast_world.objects.delete(MARKET_FILE)
    claim_market(forecast_world, MarketRecord("simulated", "simulated(seed=7)"))
    signal_all(forecast_world, DAYS)
    return forecast_world


def test_every_strategy_has_a_ledger_from_the_first_fill_on(world: Warehouse) -> None:
    records = write_ledger(world)
    assert set(records) == {
        "qqq_position",
        "qqq_position_without_exit",
        "mag7_vote",
        "sector_rotation",
        "buy_and_hold",
        "vol_target_15",
        "equal_weight_sectors",
    }
    held = world.read(LEDGER)
    assert held["session"].min() == DAYS[1]
    for name, record in records.items():
        rows = held.filter(strategy=name)
        assert record.sessions == rows.height == len(DAYS) - 1
        assert record.equity == pytest.approx(float(np.prod(1 + rows["net_return"].to_numpy())))


def test_buy_and_hold_earns_what_qqq_did(world: Warehouse, bars: dict[str, pl.DataFrame]) -> None:
    record = write_ledger(world)["buy_and_hold"]
    qqq = bars["QQQ"]
    entry = qqq.filter(session=DAYS[1]).select(pl.col("open") * pl.col("adj_close") / pl.col("close")).item()
    assert record.equity == pytest.approx(qqq["adj_close"][-1] / entry * (1 - 5e-4), rel=1e-9)


def test_a_missing_fund_takes_its_own_strategies_with_it_and_no_other(forecast_world: Warehouse) -> None:
    signal_all(forecast_world, DAYS)
    without_sectors = {"qqq_position", "qqq_position_without_exit", "mag7_vote", "buy_and_hold", "vol_target_15"}
    assert set(write_ledger(forecast_world)) == without_sectors


def test_without_positions_there_is_no_ledger(warehouse: Warehouse) -> None:
    assert write_ledger(warehouse) == {}


def test_scores_are_kept_while_forecasts_and_targets_are(
    world: Warehouse, bars: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.objects.delete(MARKET_FILE)  # these bars are of files
    ingest_all(world, FrameSource(bars), MAG7, LAST, FIRST)
    build_features(world, (*MAG7, *SECTORS, VIX))
    pooled = write_scores(world)
    before = world.objects.get(world.key(SCORES, BALLOT_MODEL))
    assert -0.5 < pooled[BALLOT_MODEL] < 0.5
    with monkeypatch.context() as patch:
        patch.setattr(results, "scores", lambda *_: pytest.fail("nothing changed"))
        assert write_scores(world) == pooled
    assert world.objects.get(world.key(SCORES, BALLOT_MODEL)) == before
    rows = world.read(DAILY, ["NVDA"])
    world.write(DAILY, "NVDA", rows.with_columns(expected_return=-pl.col("expected_return")))
    assert write_scores(world) != pooled


def test_the_card_shows_the_newest_position_and_what_it_rests_on(world: Warehouse) -> None:
    records = write_ledger(world)
    card = signal_card(world, ("META: too late",))
    position = world.read(tables.QQQ_POSITION).tail(1).row(0, named=True)
    assert (card.session, card.next_session) == (LAST, dt.date(2016, 4, 1))
    assert (card.target_weight, card.reason) == (position["target_weight"], position["reason"])
    assert (card.market, card.is_simulated, card.problems) == ("simulated(seed=7)", True, ("META: too late",))
    forecasts = world.read(DAILY).filter(session=LAST, horizon=1)
    expected = {t: (p, p > 0.5) for t, p in forecasts.select("ticker", "prob_up").iter_rows() if t in MAG7}
    assert dict(card.ballots) == expected
    assert card.vote["n_bull"] == sum(bull for _, bull in expected.values())
    returns = [value for _, value in card.ranks]
    assert {ticker for ticker, _ in card.ranks} == set(SECTORS)
    assert returns == sorted(returns, reverse=True)
    assert card.regime["size_multiplier"] == world.read(tables.VIX_REGIME)["size_multiplier"][-1]
    assert card.record_from == DAYS[1]
    assert {name: record.equity for name, record in card.record.items()} == {n: r.equity for n, r in records.items()}


def test_the_card_says_what_luck_would_explain(world: Warehouse) -> None:
    write_ledger(world)
    assert (signal_card(world).above_luck, signal_card(world).luck) == ({}, ())
    for name, metric, value, words in (
        ("qqq_position", "dsr", 0.66, "not said on the card"),
        ("strategies on QQQ", "pbo", 0.41, "The best is often not."),
        ("all trials", "n_trials", 220.0, "220 trials were made."),
    ):
        rows = pl.DataFrame({"name": [name], "metric": [metric], "value": [value], "words": [words]})
        world.write(LUCK, name, rows)
    card = signal_card(world)
    assert card.above_luck == {"qqq_position": 0.66}
    assert card.luck == ("220 trials were made.", "The best is often not.")


def test_an_empty_warehouse_has_no_card(warehouse: Warehouse) -> None:
    with pytest.raises(NotEnoughDataError, match=r"holds no position yet. `alpha run` makes one"):
        signal_card(warehouse)


def test_a_card_without_forecasts_says_what_is_missing(warehouse: Warehouse, bars: dict[str, pl.DataFrame]) -> None:
    ingest_all(warehouse, FrameSource(bars), ["QQQ"], LAST, FIRST)
    claim_market(warehouse, MarketRecord("files", "files"))
    signal_all(warehouse, DAYS)
    card = signal_card(warehouse)
    assert (card.target_weight, card.ballots, card.ranks, card.record) == (0.0, {}, (), {})
    assert card.vote["missing"] == ", ".join(MAG7)
    assert not card.is_simulated


def test_a_changed_signal_changes_the_ledger(world: Warehouse, forecast_rows: Callable[..., pl.DataFrame]) -> None:
    before = write_ledger(world)["qqq_position"]
    for ticker in MAG7:
        bullish = forecast_rows(ticker, DAYS).with_columns(prob_up=pl.lit(0.9))
        world.write(DAILY, ticker, bullish)
    signal_all(world, DAYS)
    assert write_ledger(world)["qqq_position"] != before


def test_reliability_and_decay_are_of_every_model_that_forecasts(
    world: Warehouse, bars: dict[str, pl.DataFrame]
) -> None:
    world.objects.delete(MARKET_FILE)  # these bars are of files
    ingest_all(world, FrameSource(bars), MAG7, LAST, FIRST)
    build_features(world, (*MAG7, *SECTORS, VIX))
    models = set(world.read(DAILY)["model"])
    assert write_reliability(world) == world.read(RELIABILITY).height > 0
    assert set(world.read(RELIABILITY)["model"]) == models
    write_decay(world)
    assert set(world.read(DECAY)["model"]) <= models
    before = world.read(RELIABILITY)
    write_reliability(world)
    assert world.read(RELIABILITY).equals(before)
