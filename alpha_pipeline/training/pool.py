"""Who runs a training task: worker processes, or this one."""

import sys
import types
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Self

from alpha_pipeline.models.architectures import is_warm_started
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.member import Task
from alpha_pipeline.training.worker import start_worker, train_task

_RESTARTS = 2


class Crew:
    """One-thread worker processes, started when the first gradient training is submitted.

    Closed forms take milliseconds, less than sending them away, and run in this process; so does everything
    when there are fewer than two workers.

    Args:
        workers: processes.
        device: torch's name of the device.
    """

    def __init__(self, workers: int, device: str) -> None:
        self._workers = workers
        self._device = device
        self._pool: ProcessPoolExecutor | None = None
        self._restarts_left = _RESTARTS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let running tasks end and drop the waiting ones: none is left after an interruption."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, task: Task) -> Future[Artifact]:
        """Run a task, at once or in a worker."""
        if self._workers < 2 or not is_warm_started(task.member.experiment.architecture):
            return _run_here(task, self._device)
        try:
            return self._submit(task)
        except BrokenProcessPool as error:  # a worker died since the last answer
            broken: Future[Artifact] = Future()
            broken.set_exception(error)
            return broken

    def restart(self) -> bool:
        """Drop a pool whose worker died (killed, out of memory); False when that happens too often."""
        if self._pool is None:
            return True  # another task of the same pool has reported it
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None
        self._restarts_left -= 1
        return self._restarts_left >= 0

    def _submit(self, task: Task) -> Future[Artifact]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._workers, get_context("spawn"), initializer=start_worker)
        with _main_hidden():
            return self._pool.submit(train_task, task, self._device)


def _run_here(task: Task, device: str) -> Future[Artifact]:
    future: Future[Artifact] = Future()
    try:
        future.set_result(train_task(task, device))
    except Exception as error:  # noqa: BLE001 - handed on, as an executor does
        future.set_exception(error)
    return future


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Start workers without the caller's script.

    A spawned process runs the parent's ``__main__`` again, to be able to unpickle what is defined there.
    Nothing here is; and a script without an ``if __name__ == "__main__"`` guard would start training in every
    worker.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
