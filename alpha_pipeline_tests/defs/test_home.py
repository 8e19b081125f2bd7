"""The Dagster home lies beside the data it describes, and nothing phones home from it."""

import os
from pathlib import Path

import pytest

from alpha_pipeline.defs import home
from alpha_pipeline.errors import AlphaError
from alpha_pipeline_tests.defs.world import World


def test_the_home_lies_in_the_warehouse_and_children_find_it(world: World) -> None:
    made = home.prepare_home(world.settings)
    assert made == world.settings.warehouse / ".dagster"
    assert os.environ["DAGSTER_HOME"] == str(made)
    assert os.environ["ALPHA_WAREHOUSE"] == str(world.settings.warehouse)
    assert os.environ["ALPHA_SOURCE"] == "files"
    assert int(os.environ["DAGSTER_EVENT_BATCH_SIZE"]) > 0


def test_the_settings_follow_the_checkout(world: World) -> None:
    """An old home takes a new version's settings; an unchanged file is not written again."""
    file = home.prepare_home(world.settings) / "dagster.yaml"
    assert file.read_bytes() == (home.CHECKOUT / "dagster.yaml").read_bytes()
    before = file.stat().st_mtime_ns
    home.prepare_home(world.settings)
    assert file.stat().st_mtime_ns == before
    file.write_text("telemetry:\n  enabled: true\n")
    home.prepare_home(world.settings)
    assert file.read_bytes() == (home.CHECKOUT / "dagster.yaml").read_bytes()


def test_the_instance_survives_and_tells_nobody(world: World) -> None:
    with home.open_instance(world.settings) as first:
        assert not first.telemetry_enabled
        assert not first.nux_enabled
        assert world.run(first, "refresh_bars", tickers=["QQQ"]).success
    with home.open_instance(world.settings) as second:
        assert second.get_runs_count() == 1
        assert second.is_persistent


def test_a_killed_run_frees_its_pool_slot(world: World) -> None:
    """Without this setting a cancelled training blocks every later one."""
    with home.open_instance(world.settings) as instance:
        assert instance.run_monitoring_enabled
        assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] == 60


def test_a_missing_template_is_named(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "CHECKOUT", tmp_path)
    with pytest.raises(AlphaError, match=r"dagster\.yaml is missing"):
        home.prepare_home(world.settings)
