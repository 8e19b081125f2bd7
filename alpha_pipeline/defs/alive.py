"""Which runs are alive, and the end of those that are not.

A killed process cannot tell the instance that its run is over: the run would count as started for good, hold its slot
of the pool, and every later training would wait for it. So a run holds a file lock, which the system lets go when the
process ends, however it ends.
"""

import time
from contextlib import suppress
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from alpha_pipeline.warehouse.places import LOCKS

_UNFINISHED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_GRACE = 60.0  # seconds
_HELD: dict[Path, FileLock] = {}


def show_alive(root: Path, run_id: str) -> None:
    """Hold the lock of a run of the warehouse at `root`, until this process ends or begins another run."""
    path = _lock(root, run_id)
    if path in _HELD:
        return
    while _HELD:  # the runs of a process follow each other
        ended, lock = _HELD.popitem()
        with suppress(PermissionError):  # Windows keeps a file that is open; there its lock takes it along
            ended.unlink(missing_ok=True)
        lock.release()
    path.parent.mkdir(parents=True, exist_ok=True)
    _HELD[path] = FileLock(path)
    _HELD[path].acquire()


def bury(instance: dg.DagsterInstance, root: Path) -> list[str]:
    """Mark the runs failed whose process is gone, and free what finished runs hold of the pools.

    Returns:
        The ids of the runs marked.
    """
    records = instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED))
    dead = [record.dagster_run for record in records if _is_dead(root, record)]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended without a word: killed, or out of memory.")
        _lock(root, run.run_id).unlink(missing_ok=True)
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        held = instance.get_run_by_id(run_id)
        if held is None or held.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
    return [run.run_id for run in dead]


def _is_dead(root: Path, record: dg.RunRecord) -> bool:
    """Whether nobody holds the lock of a run.

    A run takes it a moment after it starts: one without a lock gets a minute.
    """
    path = _lock(root, record.dagster_run.run_id)
    if not path.exists():
        # A start that lies ahead is of a clock that was wrong.
        return abs(time.time() - (record.start_time or time.time())) > _GRACE
    try:
        with FileLock(path, blocking=False):
            return True
    except Timeout:
        return False


def _lock(root: Path, run_id: str) -> Path:
    return root / LOCKS / f"run {run_id}.lock"
