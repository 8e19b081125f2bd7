"""The report asset: written after a day's results, with pictures that the web UI shows."""

import base64
import io
from pathlib import Path

import dagster as dg
import pytest
from PIL import Image

from alpha_pipeline import sessions as calendar
from alpha_pipeline.steps.report import LATEST, LATEST_BRIEF
from alpha_pipeline.universe import VIX
from alpha_pipeline_tests.defs.world import LAST, World, failures, forecasts, make_world, plant

TEAR_SHEET = dg.AssetKey(["reports", "tear_sheet"])


@pytest.fixture
def decided(tmp_path: Path, instance: dg.DagsterInstance) -> World:
    """Bars of what a position needs, forecasts of two weeks, and the signals of the sessions that they decide."""
    world = make_world(tmp_path, ["QQQ", VIX])
    for ticker in ("QQQ", VIX):
        assert world.run(instance, "refresh_bars", tickers=[ticker]).success
    days = calendar.between(calendar.offset(LAST, -8), LAST)
    plant(world.warehouse, forecasts(days))
    for day in days[-3:]:
        assert world.run(instance, "daily_signals", partition=day.isoformat()).success
    return world


def metadata(instance: dg.DagsterInstance) -> dict[str, object]:
    event = instance.get_latest_materialization_event(TEAR_SHEET)
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_a_days_results_end_with_a_report_and_its_picture(instance: dg.DagsterInstance, decided: World) -> None:
    result = decided.run(instance, "results")
    assert "tear_sheet" not in "".join(failures(result))
    shown = metadata(instance)
    tear_sheet = Path(str(shown["tear_sheet"]))
    assert tear_sheet.name == f"daily_{LAST}.html"
    root = decided.settings.warehouse
    assert tear_sheet.read_bytes() == (root / LATEST).read_bytes()
    assert (root / LATEST_BRIEF).exists()
    picture = str(shown["equity"])
    start = "![picture](data:image/png;base64,"
    assert picture.startswith(start)
    png = Image.open(io.BytesIO(base64.b64decode(picture.removeprefix(start).removesuffix(")"))))
    assert png.width > 900


def test_before_the_first_position_there_is_nothing_to_report(instance: dg.DagsterInstance, world: World) -> None:
    assert world.run(instance, "results", assets=[TEAR_SHEET]).success
    assert metadata(instance) == {"written": "no position yet"}
