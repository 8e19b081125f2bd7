"""Small warehouses for the tests of the steps."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import features
from alpha_pipeline.steps.results import write_ledger
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.pipeline_world import FrameSource, ingest_all, signal_all

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


@pytest.fixture
def listing() -> Callable[[Warehouse], dict[str, bytes]]:
    """What lies in a warehouse: every object, byte for byte."""

    def listed(warehouse: Warehouse) -> dict[str, bytes]:
        return {key: warehouse.objects.get(key) or b"" for key in warehouse.objects.list("tables")}

    return listed


@pytest.fixture(scope="session")
def bars() -> dict[str, pl.DataFrame]:
    """Half a year of simulated bars of every ticker that signals need."""
    return dict(simulate(7, 0.0, FIRST, LAST, ("QQQ", VIX, *MAG7, *SECTORS)).bars)


def _listened_to(ticker: str) -> str:
    """The model whose forecasts of a ticker the signals read."""
    return BALLOT_MODEL if ticker in MAG7 else SECTOR_MODEL if ticker in SECTORS else VIX_MODEL


@pytest.fixture(scope="session")
def forecast_rows() -> Callable[..., pl.DataFrame]:
    """Forecasts of one ticker with drawn probabilities, so that votes and ranks change.

    By the model that signals read unless another is named.
    """

    def make(ticker: str, days: tuple[dt.date, ...], model: str = "", **given: object) -> pl.DataFrame:
        prob = [
            float(np.random.default_rng([place, *ticker.encode()]).uniform(0.4, 0.6))
            for place in map(sessions.position, days)
        ]
        is_spiky = ticker == VIX
        rows = pl.DataFrame({"session": days, "prob_up": prob}).join(pl.DataFrame({"horizon": [1, 5]}), how="cross")
        values: dict[str, object] = {
            "model": model or _listened_to(ticker),
            "ticker": ticker,
            "forecast_vol": 0.01,
            "low_90": -0.016,
            "high_90": 0.016,
            "prob_spike": 0.05 if is_spiky else None,
            "spike_threshold": 0.2 if is_spiky else None,
            "trained_through": dt.date(2015, 12, 31),
            "model_id": "abc",
            **dict.fromkeys(("prob_bull", "bull_threshold", "bull_move")),
            "seeds": 1,
            "seed_spread": 0.0,
            "made_at": dt.datetime(2016, 4, 1, tzinfo=dt.UTC),
            "is_live": False,
        }
        rows = rows.with_columns(expected_return=(pl.col("prob_up") - 0.5) / 10)
        rows = rows.with_columns(**{name: pl.lit(value) for name, value in (values | given).items()})
        return DAILY.conform(rows)

    return make


@pytest.fixture(scope="session")
def signal_world(
    tmp_path_factory: pytest.TempPathFactory, bars: dict[str, pl.DataFrame], forecast_rows: Callable[..., pl.DataFrame]
) -> Path:
    """The world of `forecast_world` with the bars and targets of every ticker, signals and the ledger: to be copied."""
    made = Warehouse(tmp_path_factory.mktemp("signals"))
    tickers = ("QQQ", VIX, *MAG7, *SECTORS)
    ingest_all(made, FrameSource(bars), tickers, LAST, FIRST)
    features.build_targets(made, tickers)
    days = sessions.between(dt.date(2016, 1, 4), LAST)
    for ticker in (*MAG7, *SECTORS, VIX):
        made.write(DAILY, ticker, forecast_rows(ticker, days))
    signal_all(made, days)
    write_ledger(made)
    return made.root


@pytest.fixture
def forecast_world(
    warehouse: Warehouse, bars: dict[str, pl.DataFrame], forecast_rows: Callable[..., pl.DataFrame]
) -> Warehouse:
    """Bars of QQQ and ^VIX, and forecasts of every voter, sector and ^VIX from 2016 on."""
    ingest_all(warehouse, FrameSource(bars), ["QQQ", VIX], LAST, FIRST)
    days = sessions.between(dt.date(2016, 1, 4), LAST)
    for ticker in (*MAG7, *SECTORS, VIX):
        warehouse.write(DAILY, ticker, forecast_rows(ticker, days))
    return warehouse
