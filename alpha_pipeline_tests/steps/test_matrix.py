"""A shared model in a warehouse: trained once, whoever is asked for; every ticker forecast."""

import datetime as dt
import io

import polars as pl
import pytest
from rich.console import Console

from alpha_pipeline import sessions
from alpha_pipeline.forecasting.explain_matrix import OTHERS
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.reports.explanation import render
from alpha_pipeline.reports.explanation_page import render_html
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.explain import explain_forecast, newest_attention
from alpha_pipeline.steps.forecasting import forecast_tickers
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.training.trainer import TrainingResult
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import QUICK, FrameSource, after_close, build_features, ingest_all, retrained

FIRST, LAST = dt.date(2014, 1, 2), dt.date(2017, 1, 31)
TICKERS = ["AAPL", "NVDA", "QQQ"]


@pytest.fixture
def shared() -> Experiment:
    made = load_experiments()["matrix_transformer"]
    return retrained(made, minimum_samples=100, validation_sessions=40, epochs=2, warm_epochs=1)


@pytest.fixture
def bars() -> dict[str, pl.DataFrame]:
    return dict(simulate(7, 0.0, FIRST, LAST, tuple(TICKERS)).bars)


@pytest.fixture
def world(warehouse: Warehouse, bars: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Three of the fifty tickers."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    claim_market(warehouse, MarketRecord("files", "files"))
    ingest_all(warehouse, FrameSource(bars), TICKERS, LAST, FIRST)
    build_features(warehouse, TICKERS)
    return warehouse


def trained(warehouse: Warehouse, experiment: Experiment, tickers: list[str]) -> TrainingResult:
    return train_experiment(warehouse, experiment, tickers, QUICK, device="cpu", progress=lambda _: None)


def test_training_any_ticker_trains_the_one_model_of_all_that_are_held(world: Warehouse, shared: Experiment) -> None:
    first = trained(world, shared, ["NVDA"])
    assert (first.n_trained, first.n_found, first.failures) == (2, 0, ())
    assert {artifact.card.tickers for artifact in first.artifacts} == {("QQQ", "NVDA", "AAPL")}
    stored = world.objects.list("models")
    assert len(stored) == 4
    assert all(key.startswith("models/matrix_transformer/%2A/") for key in stored)
    again = trained(world, shared, TICKERS)
    assert (again.n_trained, again.n_found, again.failures) == (0, 2, ())


def test_a_ticker_that_it_cannot_forecast_fails_and_stops_no_other(world: Warehouse, shared: Experiment) -> None:
    result = trained(world, shared, ["QQQ", "MSFT", "XLK"])
    assert [ticker for ticker, _ in result.failures] == ["MSFT", "XLK"]
    assert "none of the experiment's tickers, or no bars" in result.failures[0][1]
    assert result.n_trained == 2


def test_too_little_data_fails_the_tickers_asked_for(world: Warehouse, shared: Experiment) -> None:
    result = trained(world, retrained(shared, minimum_samples=5_000), ["QQQ", "NVDA"])
    assert [ticker for ticker, _ in result.failures] == ["QQQ", "NVDA"]
    assert result.lacking == {"QQQ", "NVDA"}


def test_a_newcomer_without_a_label_in_any_fold_fails_alone(
    warehouse: Warehouse, bars: dict[str, pl.DataFrame], shared: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    bars["NVDA"] = bars["NVDA"].filter(pl.col("session") >= dt.date(2016, 12, 20))
    ingest_all(warehouse, FrameSource(bars), TICKERS, LAST, FIRST)
    build_features(warehouse, TICKERS)
    result = trained(warehouse, shared, TICKERS)
    assert result.failures == (("NVDA", "too few of its labels are known for any fold"),)
    assert result.lacking == {"NVDA"}
    forecast_tickers(warehouse, [shared], TICKERS, QUICK, after_close(LAST))
    assert warehouse.units(DAILY) == ["AAPL", "QQQ"]


def test_every_ticker_is_forecast_and_the_past_stays(
    world: Warehouse, bars: dict[str, pl.DataFrame], shared: Experiment
) -> None:
    """Beside a model of one ticker; and the evening after adds a session and changes nothing before it."""
    ridge = retrained(load_experiments()["ridge"], minimum_samples=100, validation_sessions=40)
    trained(world, shared, TICKERS)
    trained(world, ridge, ["QQQ"])
    cut = sessions.offset(LAST, -1)
    earlier = Warehouse(world.root / "earlier")
    ingest_all(earlier, FrameSource(bars), TICKERS, cut, FIRST)
    build_features(earlier, TICKERS)
    trained(earlier, shared, TICKERS)
    for warehouse, last in ((world, LAST), (earlier, cut)):
        reports = forecast_tickers(warehouse, [ridge, shared], TICKERS, QUICK, after_close(last))
        assert {report.last_session for report in reports.values()} == {last}
    assert reports["AAPL"].models == ("matrix_transformer",)
    whole, short = world.read(DAILY).drop(DAILY.volatile), earlier.read(DAILY).drop(DAILY.volatile)
    assert set(whole["model"]) == {"matrix_transformer", "ridge"}
    mine = pl.col("model") == "matrix_transformer"
    assert set(short["ticker"]) == set(TICKERS)
    assert whole.filter(mine, pl.col("session") <= cut).equals(short)


def test_what_is_forecast_is_found_current(
    world: Warehouse, shared: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(world, shared, TICKERS)
    forecast_tickers(world, [shared], TICKERS, QUICK, after_close(LAST))
    monkeypatch.setattr("alpha_pipeline.forecasting.matrix.forecast_matrix", lambda *_: pytest.fail("made again"))
    forecast_tickers(world, [shared], ["NVDA"], QUICK, after_close(LAST))


def test_a_forecast_is_explained_by_the_others_and_by_whom_it_looked_at(world: Warehouse, shared: Experiment) -> None:
    result = trained(world, shared, ["QQQ"])
    looked = newest_attention(world, shared, result.artifacts)
    assert set(looked["ticker"]) == set(looked["looked_at"]) == set(TICKERS)
    forecast_tickers(world, [shared], TICKERS, QUICK, after_close(LAST))
    explained = explain_forecast(world, shared, "QQQ", None, 1)
    assert not explained.bars_changed
    found = explained.explanation
    assert found.expected_return == pytest.approx(explained.forecast["expected_return"], rel=1e-4)
    assert {one.name for one in found.groups} == {"prices", "volume", OTHERS} == {one.group for one in found.importance}
    assert {one.name for one in found.features} == {"AAPL", "NVDA"}
    assert {name for name, _ in found.looked_at} == set(TICKERS)
    assert sum(weight for _, weight in found.looked_at) == pytest.approx(1, abs=1e-5)
    assert any(one.on_return for one in found.features), "hiding a ticker changes the forecast"
    terminal = Console(width=120, record=True, file=io.StringIO())
    terminal.print(render(explained))
    assert "Whom it looked at" in terminal.export_text()
    assert "Whom it looked at" in render_html(explained)


def test_later_bars_change_no_explanation(world: Warehouse, bars: dict[str, pl.DataFrame], shared: Experiment) -> None:
    cut = sessions.offset(LAST, -3)
    earlier = Warehouse(world.root / "earlier")
    claim_market(earlier, MarketRecord("files", "files"))
    ingest_all(earlier, FrameSource(bars), TICKERS, cut, FIRST)
    build_features(earlier, TICKERS)
    found = []
    for warehouse, last in ((world, LAST), (earlier, cut)):
        trained(warehouse, shared, TICKERS)
        forecast_tickers(warehouse, [shared], TICKERS, QUICK, after_close(last))
        found.append(explain_forecast(warehouse, shared, "NVDA", cut, 5).explanation)
    assert found[0] == found[1]
