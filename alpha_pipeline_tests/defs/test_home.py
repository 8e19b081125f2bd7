"""The Dagster home lies beside the data it describes, and nothing phones home from it."""

import logging
import os
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Final

import dagster as dg
import pytest
import yaml

import alpha_pipeline
from alpha_pipeline import definitions
from alpha_pipeline.defs import home
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import add
from alpha_pipeline_tests.defs.world import World

CHECKOUT: Final = Path(alpha_pipeline.__file__).parents[1]
BARS: Final = dg.AssetKey(["raw", "bars"])

EARLIER: Final = """
telemetry:
  enabled: false
event_log_storage:
  module: alpha_pipeline.defs.event_storage
  class: BatchedSqliteEventLogStorage
  config:
    base_dir:
      env: DAGSTER_HOME
"""


def packaged(name: str) -> bytes:
    return files("alpha_pipeline.defs").joinpath(name).read_bytes()


def test_the_home_lies_in_the_warehouse_and_children_find_it(world: World) -> None:
    made = home.prepare_home(world.settings)
    assert made == world.settings.warehouse / ".dagster"
    assert os.environ["DAGSTER_HOME"] == str(made)
    assert os.environ["ALPHA_WAREHOUSE"] == str(world.settings.warehouse)
    assert os.environ["ALPHA_SOURCE"] == "files"
    assert int(os.environ["DAGSTER_EVENT_BATCH_SIZE"]) > 0


@pytest.mark.parametrize("name", [home.INSTANCE, home.WORKSPACE])
def test_the_checkout_says_what_the_package_says(name: str) -> None:
    """Dagster looks for these files at the top of a checkout, and a wheel has no top."""
    assert (CHECKOUT / name).read_bytes() == packaged(name)


def test_every_command_loads_the_same_code_location_by_the_same_name() -> None:
    """Schedules and sensors that were turned on belong to a name: `dagster`, `dg` and `alpha ui` each read another."""
    tool = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]
    [location] = yaml.safe_load(packaged(home.WORKSPACE))["load_from"]
    wanted = (location["python_module"]["module_name"], location["python_module"]["location_name"])
    project = tool["dg"]["project"]
    assert (tool["dagster"]["module_name"], tool["dagster"]["code_location_name"]) == wanted
    assert (project["code_location_target_module"], project["code_location_name"]) == wanted


def test_the_settings_follow_the_package(world: World) -> None:
    """An old home takes a new version's settings; an unchanged file is not written again."""
    file = home.prepare_home(world.settings) / "dagster.yaml"
    assert file.read_bytes() == packaged("dagster.yaml")
    before = file.stat().st_mtime_ns
    home.prepare_home(world.settings)
    assert file.stat().st_mtime_ns == before
    file.write_text("telemetry:\n  enabled: true\n")
    home.prepare_home(world.settings)
    assert file.read_bytes() == packaged("dagster.yaml")


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


def test_a_home_of_an_earlier_version_keeps_its_history(world: World) -> None:
    """It named the event storage alone, with the home as its folder."""
    folder = world.settings.warehouse / ".dagster"
    folder.mkdir(parents=True)
    (folder / "dagster.yaml").write_text(EARLIER)
    os.environ["DAGSTER_HOME"] = str(folder)
    with dg.DagsterInstance.get() as before:
        result = world.run(before, "refresh_bars", tickers=["QQQ"])
        assert result.success
        before.add_dynamic_partitions("tickers", ["PLTR"])
        held = before.get_dynamic_partitions("tickers")
    with home.open_instance(world.settings) as after:
        assert after.get_materialized_partitions(BARS) == {"QQQ"}
        assert [run.run_id for run in after.get_runs()] == [result.run_id]
        assert len(after.all_logs(result.run_id)) > 10
        assert after.get_dynamic_partitions("tickers") == held
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["history", "schedules", "storage"]


@pytest.mark.parametrize(
    ("environ", "warehouse"),
    [
        ({}, "here/warehouse"),
        ({"ALPHA_WAREHOUSE": "market"}, "here/market"),
        ({"DAGSTER_HOME": "{}/there"}, "there/warehouse"),
        ({"DAGSTER_HOME": "{}/market/.dagster"}, "market"),
        ({"DAGSTER_HOME": "{}/market/.dagster", "ALPHA_WAREHOUSE": "{}/other"}, "other"),
        ({"DAGSTER_HOME": "", "ALPHA_WAREHOUSE": ""}, "here/warehouse"),
    ],
    ids=str,
)
def test_a_command_of_dagsters_finds_the_warehouse(
    environ: dict[str, str], warehouse: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    given = {name: value.format(tmp_path) for name, value in environ.items()}
    assert home.named_warehouse(given) == tmp_path.resolve() / warehouse


@pytest.mark.parametrize("is_home", [False, True], ids=["the checkout", "the home of a warehouse"])
def test_any_copy_of_the_settings_leads_to_the_home_of_the_warehouse(is_home: bool, tmp_path: Path) -> None:
    """`DagsterInstance.get` is what a command of Dagster's does with a DAGSTER_HOME."""
    warehouse = tmp_path / "warehouse"
    read = warehouse / ".dagster" if is_home else tmp_path
    read.mkdir(parents=True, exist_ok=True)
    (read / "dagster.yaml").write_bytes(packaged("dagster.yaml"))
    os.environ["DAGSTER_HOME"] = str(read)
    with dg.DagsterInstance.get() as instance:
        assert instance.root_directory == str(warehouse / ".dagster")
        assert instance.compute_log_manager.get_captured_local_path(["run"], "out").startswith(  # type: ignore[attr-defined]
            str(warehouse / ".dagster")
        )
        # Known before anything was refreshed: a fresh checkout can be asked for any of them.
        assert list(instance.get_dynamic_partitions("tickers")) == list(UNIVERSE)
    assert os.environ["ALPHA_WAREHOUSE"] == str(warehouse)
    assert os.environ["DAGSTER_HOME"] == str(warehouse / ".dagster")
    assert (warehouse / ".dagster" / "workspace.yaml").exists()
    assert {path.name for path in tmp_path.iterdir()} <= {"warehouse", "dagster.yaml"}


def test_an_instance_of_the_users_own_learns_the_tickers_with_the_definitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    own.mkdir()
    elsewhere.mkdir()
    (own / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.chdir(elsewhere)
    os.environ["DAGSTER_HOME"] = str(own)
    definitions.definitions()
    assert list(elsewhere.iterdir()) == []
    add(Warehouse(elsewhere / "warehouse"), ["PLTR"])
    definitions.definitions()
    with dg.DagsterInstance.get() as instance:
        assert list(instance.get_dynamic_partitions("tickers")) == [*UNIVERSE, "PLTR"]
        assert list(instance.get_dynamic_partitions("tickers_ridge"))[-1] == "PLTR"
    assert not (elsewhere / "warehouse" / ".dagster").exists()


@pytest.mark.parametrize(
    ("argv", "is_dev", "n_said"),
    [
        (["dagster", "api", "grpc", "--socket", "x"], True, 1),
        (["dagster", "api", "execute_run"], True, 0),
        (["dagster", "api", "grpc", "--socket", "x"], False, 0),
        (["dg", "list", "defs"], False, 0),
    ],
    ids=str,
)
def test_dagster_dev_on_an_instance_of_the_users_own_says_once_that_nothing_guards_it(
    argv: list[str], is_dev: bool, n_said: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's web server knows nothing of this package then."""
    own, said = tmp_path / "own", list[str]()
    own.mkdir()
    (own / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", argv)
    monkeypatch.setattr(logging.getLogger("dagster"), "warning", lambda words, *args: said.append(words % args))
    os.environ["DAGSTER_HOME"] = str(own)
    if is_dev:
        os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    for _ in range(2):
        home.introduce_tickers()
    assert len(said) == n_said
    for words in said:
        assert words.startswith(f"This web UI is not guarded: its instance, in {own}, is not one of alpha_pipeline")
        assert words.endswith("Unset DAGSTER_HOME, or use `alpha ui`.")


@pytest.mark.parametrize("given", ["", "relative", "/not/there"])
def test_definitions_load_where_no_instance_can_be(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.environ["DAGSTER_HOME"] = given
    definitions.definitions()
    assert list(tmp_path.iterdir()) == []
