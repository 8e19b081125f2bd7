"""Why something that a signal reads is not there."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.reports.signal_card import Cause
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.steps.causes import causes
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL
from alpha_pipeline.steps.training import folder_of
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import FrameSource, ingest_all, signal_all
from alpha_pipeline_tests.steps.conftest import FIRST, LAST

Rows = Callable[..., pl.DataFrame]
TRAINS_IT = f"`alpha train --experiments {BALLOT_MODEL}` trains it"


@pytest.fixture
def world(warehouse: Warehouse, bars: dict[str, pl.DataFrame], forecast_rows: Rows) -> Warehouse:
    """Bars and forecasts of all that signals read, at the last session; half a year of history."""
    ingest_all(warehouse, FrameSource(bars), bars, LAST, FIRST)
    for ticker in (*MAG7, *SECTORS, VIX):
        warehouse.write(DAILY, ticker, forecast_rows(ticker, (LAST,)))
    return warehouse


@pytest.fixture
def learns_from_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The half year is history enough."""
    monkeypatch.setattr("alpha_pipeline.steps.causes._needed", lambda _: 0)
    monkeypatch.setattr("alpha_pipeline.steps.causes.LONGEST_WARM_UP", 0)


def without_forecasts(warehouse: Warehouse, *tickers: str) -> None:
    for ticker in tickers:
        warehouse.objects.delete(warehouse.key(DAILY, ticker))


def test_where_nothing_lacks_there_is_no_cause(world: Warehouse) -> None:
    assert causes(world, LAST) == {}


@pytest.mark.usefixtures("learns_from_little")
def test_a_model_that_is_not_trained_is_named_and_not_its_tickers(world: Warehouse) -> None:
    without_forecasts(world, *MAG7)
    assert causes(world, LAST) == {"vote": (Cause(f"{BALLOT_MODEL} is not trained", MAG7, TRAINS_IT),)}


@pytest.mark.usefixtures("learns_from_little")
def test_a_model_that_is_trained_on_some_is_said_to_lack_the_others(world: Warehouse) -> None:
    without_forecasts(world, "NVDA", "META")
    world.objects.put(f"{folder_of(BALLOT_MODEL, 'META')}/a.json", b"{}")
    silent, untrained = causes(world, LAST)["vote"][::-1]
    assert untrained.said == f"{BALLOT_MODEL} is not trained on NVDA ({TRAINS_IT})"
    assert silent.words == f"{BALLOT_MODEL} is trained and has no forecast of {LAST} on META"


def test_a_history_too_short_to_learn_from_is_counted(world: Warehouse) -> None:
    without_forecasts(world, *SECTORS)
    held = len(sessions.between(FIRST, dt.date(2015, 12, 31)))
    [cause] = causes(world, LAST)["rotation"]
    assert cause.words == (
        f"{SECTOR_MODEL} cannot be trained yet: {held} sessions of bars before 2016-01-04 are too few"
    )
    rule = load_experiments()[SECTOR_MODEL].training
    assert int(cause.fix.split()[3]) > rule.minimum_samples + rule.validation_sessions


def test_tickers_without_bars_or_whose_bars_ended_are_named_together(
    warehouse: Warehouse, bars: dict[str, pl.DataFrame], forecast_rows: Rows
) -> None:
    ended = {"NVDA", "META"}
    held = {
        ticker: rows.filter(pl.col("session") <= dt.date(2016, 3, 1)) if ticker in ended else rows
        for ticker, rows in bars.items()
        if ticker not in {VIX, "TSLA"}
    }
    ingest_all(warehouse, FrameSource(held), held, LAST, FIRST)
    for ticker in ("AAPL", "MSFT", "AMZN", "GOOGL", *SECTORS):
        warehouse.write(DAILY, ticker, forecast_rows(ticker, (LAST,)))
    assert causes(warehouse, LAST) == {
        "vote": (
            Cause("no bars of {} are held", ("TSLA",)),
            Cause("the bars of {} end on 2016-03-01", ("NVDA", "META")),
        ),
        "regime": (Cause("no bars of {} are held", ("^VIX",)),),
    }


def test_the_card_of_a_session_that_lacks_something_has_the_causes(
    warehouse: Warehouse, bars: dict[str, pl.DataFrame]
) -> None:
    claim_market(warehouse, MarketRecord("files", "files"))
    ingest_all(warehouse, FrameSource(bars), ["QQQ", *MAG7], LAST, dt.date(2016, 3, 28))
    signal_all(warehouse, sessions.between(dt.date(2016, 3, 28), LAST))
    said = {signal: [one.words for one in found] for signal, found in signal_card(warehouse).causes.items()}
    assert said["vote"] == [f"{BALLOT_MODEL} cannot be trained yet: 0 sessions of bars before 2016-01-04 are too few"]
    assert said["rotation"] == [f"no bars of {', '.join(SECTORS)} are held"]
    assert said["regime"] == ["no bars of ^VIX are held", "4 bars of QQQ are too few to size a position: 21 are needed"]
    assert VIX_MODEL not in str(said)


def test_a_card_that_lacks_nothing_looks_for_no_cause(signal_world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alpha_pipeline.steps.card.causes", lambda *_: pytest.fail("nothing is missing"))
    world = Warehouse(signal_world)
    monkeypatch.setattr("alpha_pipeline.steps.card.read_market", lambda _: MarketRecord("files", "files"))
    assert signal_card(world).causes == {}
