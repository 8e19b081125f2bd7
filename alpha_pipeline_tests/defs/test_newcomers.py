"""New tickers: adopted or refused, started once, started again when lost, and never twice at a time."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import polars as pl
import pytest

from alpha_pipeline.defs import newcomers
from alpha_pipeline.defs.chain import NEWCOMERS_TAG
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.newcomers import FIRST_WAIT_S, LONGEST_WAIT_S, due_now, new_tickers
from alpha_pipeline.defs.partitions import of_range, range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.universe import QQQ50, UNIVERSE, VIX
from alpha_pipeline.warehouse import tickers
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.defs.world import LAST, World, forecasts, fresh_defs, make_world, plant

NEW = {NEWCOMERS_TAG: "yes"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A file that knows QQQ and two tickers that nobody follows."""
    made = make_world(tmp_path, ["QQQ"])
    file = tmp_path / "bars.parquet"
    bars = pl.read_parquet(file)
    frames = [bars.with_columns(ticker=pl.lit(ticker)) for ticker in ("QQQ", "PLTR", "BRK-B")]
    pl.concat(frames).write_parquet(file)
    return made


@pytest.fixture
def instance(world: World) -> Iterator[dg.DagsterInstance]:
    with open_instance(world.settings) as opened:
        yield opened


def look(instance: dg.DagsterInstance, world: World, cursor: str | None = None) -> dg.SensorResult:
    """One tick."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    with world.entered():
        said = new_tickers(context, alpha=AlphaResource())
    assert isinstance(said, dg.SensorResult)
    return said


def test_nothing_added_nothing_to_do(instance: dg.DagsterInstance, world: World) -> None:
    said = look(instance, world)
    assert not said.run_requests
    assert said.skip_reason is not None
    assert said.skip_reason.skip_message == "Every added ticker has forecasts."


def test_added_tickers_are_one_run(instance: dg.DagsterInstance, world: World) -> None:
    tickers.add(world.warehouse, ["PLTR", "BRK-B"])
    [request] = look(instance, world).run_requests or []
    assert request.tags == {**range_tags("PLTR", "BRK-B"), **NEW}


def test_a_started_ticker_is_left_alone_until_its_time_has_passed(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e9
    monkeypatch.setattr(newcomers.time, "time", lambda: now)
    tickers.add(world.warehouse, ["PLTR"])
    first = look(instance, world)
    assert len(first.run_requests or []) == 1
    waiting = look(instance, world, first.cursor)
    assert not waiting.run_requests
    assert "none due: PLTR" in str(waiting.skip_reason)
    now += FIRST_WAIT_S + 1
    # Whatever became of the first run, there are no forecasts: it is asked for again.
    again = look(instance, world, waiting.cursor)
    assert len(again.run_requests or []) == 1
    assert (again.run_requests or [])[0].run_key != (first.run_requests or [])[0].run_key


def test_a_ticker_on_its_way_is_left_alone_for_as_long_as_it_takes(
    instance: dg.DagsterInstance, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e9
    monkeypatch.setattr(newcomers.time, "time", lambda: now)
    tickers.add(world.warehouse, ["PLTR"])
    first = look(instance, world)
    [request] = first.run_requests or []
    instance.create_run_for_job(
        fresh_defs().resolve_job_def("learn"), status=dg.DagsterRunStatus.STARTED, tags=request.tags
    )
    now += 100 * FIRST_WAIT_S
    assert not look(instance, world, first.cursor).run_requests


def test_forecasts_end_it(instance: dg.DagsterInstance, world: World) -> None:
    tickers.add(world.warehouse, ["PLTR"])
    plant(world.warehouse, forecasts([LAST]).filter(ticker="NVDA").with_columns(ticker=pl.lit("PLTR")))
    said = look(instance, world)
    assert not said.run_requests
    assert said.cursor == "{}"


def test_a_name_added_in_the_web_ui_is_followed_if_the_source_knows_it(
    instance: dg.DagsterInstance, world: World
) -> None:
    sync_tickers(instance, world.warehouse)
    instance.add_dynamic_partitions("tickers", ["PLTR", "brk.b"])
    [request] = look(instance, world).run_requests or []
    assert tickers.added(world.warehouse) == ["PLTR", "BRK-B"]
    assert request.tags == {**range_tags("PLTR", "BRK-B"), **NEW}
    assert instance.get_dynamic_partitions("tickers") == [*UNIVERSE, "PLTR", "BRK-B"]


def test_a_name_added_in_the_web_ui_is_spelled_as_the_source_spells_it(
    instance: dg.DagsterInstance, world: World
) -> None:
    file = world.settings.warehouse.parent / "bars.parquet"
    bars = pl.read_parquet(file).filter(ticker="PLTR")
    pl.concat([bars.with_columns(ticker=pl.lit(name)) for name in ("QQQ", "VOD.L", "M&M.NS", "BF-A")]).write_parquet(
        file
    )
    sync_tickers(instance, world.warehouse)
    instance.add_dynamic_partitions("tickers", ["vod.l", "M&M.NS", "bf.a", "\u017fpy"])
    said = look(instance, world)
    assert tickers.added(world.warehouse) == ["VOD.L", "M&M.NS", "BF-A"]
    assert set(instance.get_dynamic_partitions("tickers")) == {*UNIVERSE, "VOD.L", "M&M.NS", "BF-A"}
    [request] = said.run_requests or []
    assert of_range(instance.get_dynamic_partitions("tickers"), request.tags) == ["M&M.NS", "VOD.L", "BF-A"]


@pytest.mark.parametrize("wrong", ["PLTRR", "NO SUCH NAME", "^"])
def test_a_wrong_name_is_refused_and_leaves_no_trace(instance: dg.DagsterInstance, world: World, wrong: str) -> None:
    instance.add_dynamic_partitions("tickers", [wrong])
    # A person may have started a run for it before the sensor looked.
    job = fresh_defs().resolve_job_def("refresh_bars")
    with world.entered():
        assert not job.execute_in_process(instance=instance, partition_key=wrong, raise_on_error=False).success
    said = look(instance, world)
    assert not said.run_requests
    assert f"{wrong} refused: " in str(said.skip_reason)
    assert wrong not in instance.get_dynamic_partitions("tickers")
    assert tickers.added(world.warehouse) == []
    assert world.warehouse.units(raw.COVERAGE) == []


def test_a_source_that_is_down_says_nothing_about_a_name(instance: dg.DagsterInstance, world: World) -> None:
    instance.add_dynamic_partitions("tickers", ["PLTR"])
    (world.settings.warehouse.parent / "bars.parquet").rename(world.settings.warehouse.parent / "away")
    assert "PLTR not yet known: " in str(look(instance, world).skip_reason)
    assert "PLTR" in instance.get_dynamic_partitions("tickers")
    (world.settings.warehouse.parent / "away").rename(world.settings.warehouse.parent / "bars.parquet")
    assert len(look(instance, world).run_requests or []) == 1


def test_where_nothing_says_which_files_a_tick_says_so_and_fails_not(
    instance: dg.DagsterInstance, world: World
) -> None:
    """`alpha ui` refuses to start then; `dagster dev` has nobody to ask."""
    assert world.run(instance, "refresh_bars", tickers=["QQQ"]).success
    instance.add_dynamic_partitions("tickers", ["PLTR"])
    bare = World(replace(world.settings, source="files", source_path=None))
    with patch.dict(os.environ):
        os.environ.pop("ALPHA_SOURCE_PATH", None)
        (world.settings.warehouse / "files.json").rename(world.settings.warehouse / "away")
        said = str(look(instance, bare).skip_reason)
        assert "PLTR not yet known: The source 'files' needs a file or folder: give --path" in said
        assert "PLTR" in instance.get_dynamic_partitions("tickers")
        (world.settings.warehouse / "away").rename(world.settings.warehouse / "files.json")
        assert len(look(instance, bare).run_requests or []) == 1


def test_a_name_added_to_an_experiment_is_asked_about_and_followed(instance: dg.DagsterInstance, world: World) -> None:
    """It becomes a ticker of the experiment that would not have been joined, and of those that are."""
    sync_tickers(instance, world.warehouse)
    instance.add_dynamic_partitions("tickers_har_x", ["brk.b", "PLTRR"])
    said = look(instance, world)
    assert [request.tags for request in said.run_requests or []] == [{**range_tags("BRK-B", "BRK-B"), **NEW}]
    assert tickers.added(world.warehouse) == ["BRK-B"]
    assert set(instance.get_dynamic_partitions("tickers_har_x")) == {VIX, "UVXY", "BRK-B"}
    assert "BRK-B" in instance.get_dynamic_partitions("tickers_ridge")
    assert "BRK-B" not in instance.get_dynamic_partitions("tickers_bear_headhunter")


def test_a_followed_ticker_added_to_an_experiment_is_its_own_from_then_on(
    instance: dg.DagsterInstance, world: World
) -> None:
    sync_tickers(instance, world.warehouse)
    instance.add_dynamic_partitions("tickers_har_x", ["qqq", "NVDA"])
    said = look(instance, world)
    assert not said.run_requests
    assert set(instance.get_dynamic_partitions("tickers_har_x")) == {VIX, "UVXY", "QQQ", "NVDA"}
    assert tickers.added(world.warehouse) == []


def test_a_model_of_many_tickers_at_once_takes_no_other(instance: dg.DagsterInstance, world: World) -> None:
    sync_tickers(instance, world.warehouse)
    instance.add_dynamic_partitions("tickers_matrix_transformer", ["PLTR", "SPY"])
    said = look(instance, world)
    assert "PLTR refused: matrix_transformer is one model of its own tickers" in str(said.skip_reason)
    assert set(instance.get_dynamic_partitions("tickers_matrix_transformer")) == set(QQQ50)
    assert tickers.added(world.warehouse) == []


def test_attempts_come_further_and_further_apart_but_once_a_day_at_least() -> None:
    attempts: newcomers.Attempts = {}
    now, waits = 0.0, []
    for _ in range(14):
        due, attempts = due_now(["PLTR"], set(), attempts, now=now)
        assert due == ["PLTR"]
        waits.append(attempts["PLTR"][1] - now)
        now = attempts["PLTR"][1]
    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == LONGEST_WAIT_S
