"""The web UI as a person uses it: the graph, one ticker, one session, by clicks in a real browser."""

import datetime as dt
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.features.tables import TECHNICAL
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.tables import signals
from alpha_pipeline_tests.browser import MARKS, Reader, a_reader, words_of
from alpha_pipeline_tests.defs.served import PATIENCE, Served, eventually, serve
from alpha_pipeline_tests.defs.world import FIRST, LAST, World, forecasts, make_world, plant
from alpha_pipeline_tests.web_ui import choose_partitions, launch, open_dialog

GROUPS: Final = ("raw", "features", "targets", "models", "forecasts", "signals", "portfolio", "evaluation")
TICKER: Final = "SPY"
RAW: Final = ("raw/bars", "raw/actions", "raw/revisions", "raw/quarantine", "raw/coverage", "raw/second_opinion")
FEATURES: Final = (
    "features/technical",
    "features/price_action",
    "features/market_context",
    "features/volatility",
    "features/sector_context",
)
SIGNALS: Final = (
    "signals/mag7_ballots",
    "signals/mag7_vote",
    "signals/sector_ranks",
    "signals/sector_rotation",
    "signals/vix_regime",
    "signals/qqq_position",
)

pytestmark = [*MARKS, pytest.mark.minutes(2)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Bars of every core ticker but one, and a week of forecasts."""
    made = make_world(tmp_path_factory.mktemp("world"))
    with patch.dict(os.environ), open_instance(made.settings) as instance:
        for tickers in (CORE[:1], CORE[2:]):
            assert made.run(instance, "refresh_bars", tickers=tickers).success
    assert CORE[1] == TICKER
    plant(made.warehouse, forecasts(calendar.between(LAST - dt.timedelta(days=7), LAST)))
    return made


@pytest.fixture(scope="module")
def ui(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(world, tmp_path_factory.mktemp("log") / "ui.log") as served:
        yield served


@pytest.fixture
def reader(ui: Served, tmp_path: Path) -> Iterator[Reader]:
    with a_reader(ui.url, tmp_path) as someone:
        yield someone


def test_the_graph_shows_its_layers_and_says_what_they_are(reader: Reader) -> None:
    reader.open("/asset-groups")
    reader.sees(*GROUPS)
    assert not reader.has("//*[text()='Join the Dagster community']")
    reader.shoots("graph")
    reader.open("/locations/alpha_pipeline/asset-groups/signals")
    reader.sees(*(name.partition("/")[2] for name in SIGNALS))
    reader.shoots("signals_group")
    reader.open("/assets/signals/qqq_position?view=overview")
    reader.sees("One row per session: the QQQ weight to hold from the next session's open, and why.", "target_weight")
    reader.shoots("qqq_position_overview")
    reader.open("/automation")
    reader.sees("after_close", "weekly_training", "signals_after_forecast")
    reader.shoots("automation")


def test_one_ticker_by_clicks(reader: Reader, ui: Served, world: World) -> None:
    for group, assets in (("raw", RAW), ("features", FEATURES)):
        open_dialog(reader, group)
        choose_partitions(reader, TICKER)
        reader.shoots(f"{group}_dialog")
        launch(reader)
        for asset in assets:
            ui.holds(asset, TICKER)
        # The checks come after the rows.
        eventually(lambda: {run["status"] for run in ui.runs()} == {"SUCCESS"}, "every run has succeeded")
    rows = len(calendar.between(FIRST, LAST))
    reader.open(f"/assets/raw/bars?view=partitions&partition={TICKER}")
    reader.sees("last_session", "2016-11-25", "n_quarantined", "complete")
    shows_number(reader, rows)
    reader.shoots("raw_partition")
    reader.open(f"/assets/features/technical?view=partitions&partition={TICKER}")
    shows_number(reader, world.warehouse.read(TECHNICAL, [TICKER]).height)
    reader.shoots("features_partition")


def test_one_session_by_clicks(reader: Reader, ui: Served, world: World) -> None:
    session = LAST.isoformat()
    open_dialog(reader, "signals")
    # The clock of the web UI is the real one: a session of years ago lies outside what it offers first.
    reader.clicks("//button[normalize-space(.)='Show all partitions']")
    field = reader.finds("//*[contains(text(), 'Partition selection')]/following::input[@type='text' or not(@type)][1]")
    field.clear()
    field.send_keys(session)
    reader.clicks("//*[starts-with(text(), 'Launch runs to materialize')]")
    reader.shoots("signals_dialog")
    launch(reader)
    for asset in SIGNALS:
        ui.holds(asset, session)
    [position] = world.warehouse.read(signals.QQQ_POSITION).to_dicts()
    assert position["session"] == LAST
    reader.open(f"/assets/signals/qqq_position?view=partitions&partition={session}")
    reader.sees("target_weight", f"{position['target_weight']}"[:5], position["reason"])
    reader.shoots("qqq_position_partition")
    reader.open(f"/assets/signals/mag7_vote?view=partitions&partition={session}")
    reader.sees("n_bull", "strong_buy")
    reader.shoots("mag7_vote_partition")
    reader.open("/runs")
    reader.sees(f"partition: {session}", "6 assets", "Success")
    reader.shoots("runs")


def shows_number(reader: Reader, number: int) -> None:
    """Wait until the page shows a number, with or without a comma between its thousands."""
    either = re.compile(rf"(?<!\d)({number}|{number:,})(?!\d)")
    WebDriverWait(reader.driver, PATIENCE).until(lambda d: either.search(words_of(d)), f"the number {number}")
