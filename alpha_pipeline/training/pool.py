"""Who runs a training task: worker processes, or this one."""

import sys
import types
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Self
from weakref import WeakKeyDictionary

from alpha_pipeline.models.architectures import is_worth_a_worker
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.member import Task
from alpha_pipeline.training.worker import start_worker, train_task

_RESTARTS = 2


class Crew:
    """One-thread worker processes, started when the first long training is submitted.

    The simplest closed forms take milliseconds, less than sending them away, and run in this process; so does
    everything when there are fewer than two workers.

    Args:
        workers: processes.
        device: torch's name of the device.
    """

    def __init__(self, workers: int, device: str) -> None:
        self._workers = workers
        self._device = device
        self._pool: ProcessPoolExecutor | None = None
        self._pool_of: WeakKeyDictionary[Future[Artifact], ProcessPoolExecutor] = WeakKeyDictionary()
        self._restarts_left = _RESTARTS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let running tasks end and drop the waiting ones: none is left after an interruption."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def room(self) -> int:
        """How many tasks to hand over at a time: enough that no worker waits for its next one."""
        return 1 if self._workers < 2 else 2 * self._workers

    def submit(self, task: Task) -> Future[Artifact]:
        """Run a task, at once or in a worker."""
        if self._workers < 2 or not is_worth_a_worker(task.member.experiment.architecture):
            return _run_here(task, self._device)
        pool = self._pool or ProcessPoolExecutor(self._workers, get_context("spawn"), initializer=start_worker)
        self._pool = pool
        try:
            with _main_hidden():
                future = pool.submit(train_task, task, self._device)
        # A worker died since the last answer; while the pool takes itself down, its pipes are closed already.
        except (BrokenProcessPool, OSError) as error:
            future = Future()
            future.set_exception(BrokenProcessPool(str(error)))
        self._pool_of[future] = pool
        return future

    def may_retry(self, future: Future[Artifact]) -> bool:
        """Whether a failed task failed only because a worker of its pool died (killed, out of memory).

        The broken pool is replaced at the next submission. One that keeps breaking is given up.
        """
        if not isinstance(future.exception(), BrokenProcessPool):
            return False
        if self._pool_of[future] is self._pool and self._pool is not None:  # the first to tell
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            self._restarts_left -= 1
        return self._restarts_left >= 0


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
