"""A run whose process was killed comes to an end, and lets go of what it held; one that lives is left alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from alpha_pipeline.defs import alive
from alpha_pipeline.defs.alive import bury, show_alive
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline_tests.defs.world import World, fresh_defs

POOL = "training"


@pytest.fixture
def instance(world: World) -> Iterator[dg.DagsterInstance]:
    with open_instance(world.settings) as opened:
        yield opened


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """A run that has started and holds the one slot of the pool."""
    job = fresh_defs().resolve_job_def("train")
    made = instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job.name, message="started")
    instance.report_dagster_event(started, run_id=made.run_id)
    instance.event_log_storage.set_concurrency_slots(POOL, 1)
    claim = instance.event_log_storage.claim_concurrency_slot(POOL, made.run_id, "models__ridge")
    assert claim.is_claimed
    return made


def state(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[dg.DagsterRunStatus, int]:
    """(status of the run, slots held)."""
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status, instance.event_log_storage.get_concurrency_info(POOL).active_slot_count


def test_a_killed_run_is_ended_and_its_slot_is_free(
    instance: dg.DagsterInstance, run: dg.DagsterRun, world: World
) -> None:
    root = world.settings.warehouse
    code = (
        "import sys; from pathlib import Path; from alpha_pipeline.defs.alive import show_alive\n"
        "show_alive(Path(sys.argv[1]), sys.argv[2]); print('alive', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(root), run.run_id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"alive\n"
        assert bury(instance, root) == []
        assert state(instance, run) == (dg.DagsterRunStatus.STARTED, 1)
        child.kill()
        child.communicate()
    assert bury(instance, root) == [run.run_id]
    assert state(instance, run) == (dg.DagsterRunStatus.FAILURE, 0)
    assert bury(instance, root) == []


def test_a_run_that_has_just_started_is_given_a_minute(
    instance: dg.DagsterInstance, run: dg.DagsterRun, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bury(instance, world.settings.warehouse) == []
    monkeypatch.setattr(alive, "_GRACE", -1.0)
    assert bury(instance, world.settings.warehouse) == [run.run_id]


def test_runs_of_one_process_follow_each_other(
    instance: dg.DagsterInstance, run: dg.DagsterRun, tmp_path: Path
) -> None:
    """A second run of the process shows that the first is over; its lock goes."""
    show_alive(tmp_path, run.run_id)
    show_alive(tmp_path, run.run_id)
    assert bury(instance, tmp_path) == []
    show_alive(tmp_path, "another")
    assert [path.name for path in (tmp_path / ".locks").iterdir()] == ["run another.lock"]
    alive._HELD.popitem()[1].release()


def test_a_lock_file_that_cannot_be_removed_while_it_is_open_stops_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows removes no open file."""

    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(f"{self} is open")

    show_alive(tmp_path, "one")
    monkeypatch.setattr(Path, "unlink", refuse)
    show_alive(tmp_path, "another")
    assert list(alive._HELD) == [tmp_path / ".locks" / "run another.lock"]
    alive._HELD.popitem()[1].release()


def test_a_run_of_the_graph_is_alive_while_it_runs(instance: dg.DagsterInstance, world: World) -> None:
    result = world.run(instance, "refresh_bars", tickers=["QQQ"])
    assert result.success
    assert (world.settings.warehouse / ".locks" / f"run {result.run_id}.lock").exists()
