"""A ticker added by clicks, on a Yahoo of the loopback interface, comes to its forecasts without another hand."""

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

from alpha_pipeline.defs.chain import NEWCOMERS_TAG
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.universe import CORE, HOLDINGS
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tickers import added
from alpha_pipeline_tests.browser import MARKS, a_reader
from alpha_pipeline_tests.defs.served import eventually, serve
from alpha_pipeline_tests.defs.world import World
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo, Trade
from alpha_pipeline_tests.pipeline_world import FIRST_BAR
from alpha_pipeline_tests.web_ui import add_partition, partitions

pytestmark = [*MARKS, pytest.mark.minutes(3)]
LAST = dt.date(2016, 11, 25)
NOW = dt.datetime(2016, 11, 25, 19, 0, tzinfo=dt.UTC)
UNATTENDED = 1200.0  # seconds: three jobs, the sensors between them, and a training


@pytest.fixture
def yahoo() -> Iterator[LoopbackYahoo]:
    bars = simulate(7, 0.0, FIRST_BAR, LAST, (*CORE, HOLDINGS[0])).bars
    with LoopbackYahoo(NOW) as server:
        server.listings |= {ticker: Listing(_traded(bars[ticker])) for ticker in CORE}
        server.listings["PLTR"] = Listing(_traded(bars[HOLDINGS[0]]))
        yield server


def _traded(bars: pl.DataFrame) -> dict[dt.date, Trade]:
    rows = bars.select("session", "open", "high", "low", "close", "volume").iter_rows()
    return {session: Trade(*prices, int(volume)) for session, *prices, volume in rows}


@pytest.fixture
def world(yahoo: LoopbackYahoo, tmp_path: Path) -> World:
    """A warehouse that holds the core's bars: what every ticker's features look at."""
    settings = Settings(
        warehouse=tmp_path / "warehouse",
        source="yahoo",
        yahoo_base_url=yahoo.url,
        yahoo_rate=50.0,
        cboe_vix="off",
        fixed_now=NOW,
    )
    made = World(settings)
    with patch.dict(os.environ), open_instance(settings) as instance:
        assert made.run(instance, "refresh_bars", tickers=CORE).success
    return made


def test_a_ticker_added_by_clicks_comes_to_its_forecasts_and_a_wrong_one_is_refused(
    world: World, yahoo: LoopbackYahoo, tmp_path: Path
) -> None:
    with serve(world, tmp_path / "ui.log") as ui, a_reader(ui.url, tmp_path) as reader:
        add_partition(reader, ui, "PLTR")
        add_partition(reader, ui, "PLTRR")
        eventually(lambda: "PLTRR" not in partitions(ui), "the name that Yahoo does not know is taken back")
        eventually(lambda: added(world.warehouse) == ["PLTR"], "the name that Yahoo knows is followed")
        eventually(lambda: is_forecast(world.warehouse, "PLTR"), "PLTR is forecast", UNATTENDED)
        eventually(lambda: all(run["status"] == "SUCCESS" for run in ui.runs()), "every run has succeeded", 600)
        chain = [run["jobName"] for run in reversed(ui.runs()) if NEWCOMERS_TAG in run["tags"]]
        assert chain == ["refresh_bars", "learn", "predict"]
        reader.open("/assets/forecasts/daily?view=partitions&partition=PLTR")
        reader.sees("PLTR", "expanding_mean", "n_live")
        reader.shoots("new_ticker_forecasts")
    assert yahoo.chart_requests("PLTRR") > 0
    assert set(world.warehouse.units(raw.COVERAGE)) == {*CORE, "PLTR"}
    expected = {name for name, experiment in load_experiments().items() if experiment.joins_added}
    assert set(world.warehouse.read(DAILY, ["PLTR"])["model"]) == expected


def is_forecast(warehouse: Warehouse, ticker: str) -> bool:
    rows = warehouse.read(DAILY, [ticker])
    return not rows.filter(pl.col("session") == LAST).is_empty()
