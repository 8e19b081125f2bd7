"""The explanation of a held forecast is that of the members that made it."""

import dataclasses
import datetime as dt

import polars as pl
import pytest

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.explain import explain_forecast, newest_importance
from alpha_pipeline.steps.forecasting import forecast_tickers
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import (
    QUICK,
    FrameSource,
    after_close,
    build_features,
    ingest_all,
    retrained,
)

FIRST, LAST = dt.date(2014, 1, 2), dt.date(2017, 1, 31)
TWO_SEEDS = dataclasses.replace(QUICK, seeds=2)


@pytest.fixture(scope="module")
def pilot() -> Experiment:
    spec = {"minimum_samples": 100, "validation_sessions": 40, "epochs": 1, "warm_epochs": 1}
    return retrained(load_experiments()["v17_pilot"], **spec)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, pilot: Experiment) -> Warehouse:
    """Two folds of two seeds on QQQ, and their forecasts."""
    warehouse = Warehouse(tmp_path_factory.mktemp("explain"))
    claim_market(warehouse, MarketRecord("files", "files"))
    bars = dict(simulate(7, 0.0, FIRST, LAST, ("QQQ",)).bars)
    ingest_all(warehouse, FrameSource(bars), ["QQQ"], LAST, FIRST)
    build_features(warehouse, ["QQQ"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 1)  # in this process: a worker takes longer to start than to train
        result = train_experiment(warehouse, pilot, ["QQQ"], TWO_SEEDS, device="cpu", progress=lambda _: None)
    assert len(result.trained_ids) == 4
    forecast_tickers(warehouse, [pilot], ["QQQ"], TWO_SEEDS, after_close(LAST))
    return warehouse


@pytest.mark.parametrize(("session", "fold"), [(dt.date(2016, 6, 1), 0), (None, 1)])
def test_the_members_of_the_sessions_own_fold_are_explained(
    world: Warehouse, pilot: Experiment, session: dt.date | None, fold: int
) -> None:
    found = explain_forecast(world, pilot, "QQQ", session, 5)
    row = world.read(DAILY, ["QQQ"]).filter(session=session or LAST, horizon=5).row(0, named=True)
    assert found.forecast == row
    assert found.fold == fold
    assert found.explanation.expected_return == pytest.approx(row["expected_return"], rel=1e-3)
    assert not found.bars_changed
    assert found.closes["session"].to_list() == list(found.explanation.window)
    assert {edge.seed for edge in found.explanation.edges} <= {0, 1}
    assert (found.market, found.is_simulated) == ("files", False)


def test_a_forecast_that_todays_bars_would_not_give_says_so(world: Warehouse, pilot: Experiment) -> None:
    held = world.read(DAILY, ["QQQ"])
    world.write(DAILY, "QQQ", held.with_columns(pl.col("expected_return") + 0.001))
    try:
        assert explain_forecast(world, pilot, "QQQ", None, 1).bars_changed
    finally:
        world.write(DAILY, "QQQ", held)


def test_what_is_not_held_is_named_with_its_fix(world: Warehouse, pilot: Experiment) -> None:
    ridge = load_experiments()["ridge"]
    for experiment, ticker, session, horizon, words in (
        (pilot, "ZZZZ", None, 1, r"No forecast of ZZZZ is held. Forecast are: QQQ\. .*`alpha run` forecasts them"),
        (ridge, "QQQ", None, 1, "ridge does not forecast QQQ; these do: v17_pilot.*alpha train --experiments ridge"),
        (pilot, "QQQ", dt.date(2016, 6, 4), 1, "QQQ on 2016-06-04, which is no session.*2016-01-04 to 2017-01-31"),
        (pilot, "QQQ", dt.date(2015, 6, 4), 1, "no forecast of QQQ on 2015-06-04. It forecast 272 sessions"),
        (pilot, "QQQ", None, 3, "no horizon of 3 sessions. Use --horizon 1, 5"),
    ):
        with pytest.raises(NotEnoughDataError, match=words):
            explain_forecast(world, experiment, ticker, session, horizon)
    with pytest.raises(NotEnoughDataError, match="`alpha run` fills it"):
        explain_forecast(Warehouse(world.root / "none"), pilot, "QQQ", None, 1)


def test_a_member_that_is_gone_is_named(world: Warehouse, pilot: Experiment) -> None:
    [one, _] = str(world.read(DAILY, ["QQQ"]).filter(session=LAST, horizon=1)["model_id"].item()).split("+")
    key = f"models/v17_pilot/QQQ/{one}.json"
    card = world.objects.get(key)
    assert card is not None
    world.objects.delete(key)
    try:
        with pytest.raises(NotEnoughDataError, match=f"member {one} .* is not stored. `alpha train"):
            explain_forecast(world, pilot, "QQQ", None, 1)
    finally:
        world.objects.put(key, card)


def test_importance_is_the_newest_folds(world: Warehouse, pilot: Experiment) -> None:
    again = train_experiment(world, pilot, ["QQQ"], TWO_SEEDS, device="cpu", progress=lambda _: None)
    assert again.trained_ids == frozenset()
    found = newest_importance(world, pilot, again.artifacts)
    assert {one.group for one in found} == {"prices", "volume"}
    newest = [artifact for artifact in again.artifacts if artifact.card.fold == 1]
    assert newest_importance(world, pilot, newest) == found
