"""Who runs a training task: worker processes, this one, or the stacks of a device."""

import logging
import os
import signal
import sys
import time
import types
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, Self
from weakref import WeakKeyDictionary

from alpha_pipeline.models.architectures import Architecture, is_shared, is_trained, is_worth_a_worker
from alpha_pipeline.settings import WORKER_SILENCE_S
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.heartbeat import Heartbeats
from alpha_pipeline.training.member import Task
from alpha_pipeline.training.worker import start_worker, train_task

if TYPE_CHECKING:
    from alpha_pipeline.training.stacks import Stacks

_LOGGER = logging.getLogger(__name__)

_RESTARTS = 2
_LOOKS: Final = 10  # at the signs of life within the silence that is allowed
_LATE: Final = 5  # times the wait between two looks
_ROOM = 256  # tasks; twice the slots of the largest stack, so that who waits takes a slot the moment it is free


class Crew:
    """One-thread worker processes, started when the first long training is submitted.

    The simplest closed forms take milliseconds, less than sending them away, and run in this process; so does
    everything when there are fewer than two workers.

    Args:
        workers: processes.
        device: torch's name of the device.
        silence: seconds after which a worker that says nothing is taken for hung and replaced.
    """

    def __init__(self, workers: int, device: str, silence: float = WORKER_SILENCE_S) -> None:
        self._workers = workers
        self._device = device
        self._silence = silence
        self._heartbeats: Heartbeats | None = None
        self._heard = self._awake = time.monotonic()
        self.is_hung = False
        self._pool: ProcessPoolExecutor | None = None
        self._pool_of: WeakKeyDictionary[Future[Artifact], ProcessPoolExecutor] = WeakKeyDictionary()
        self._restarts_left = _RESTARTS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the workers, whatever they are at: after an interruption none is waited for."""
        if self._pool is not None:
            _kill(_processes(self._pool))
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def room(self) -> int:
        """How many tasks to hand over at a time: enough that no worker waits for its next one."""
        return 1 if self._workers < 2 else 2 * self._workers

    def submit(self, task: Task) -> Future[Artifact]:
        """Run a task, at once or in a worker."""
        if self._workers < 2 or not is_worth_a_worker(task.member.experiment.architecture):
            return _run_here(task, self._device)
        pool = self._pool = self._pool or self._started()
        self._heard = time.monotonic()
        try:
            with _main_hidden():
                future = pool.submit(train_task, task, self._device)
        # A worker died since the last answer; while the pool takes itself down, its pipes are closed already.
        except (BrokenProcessPool, OSError) as error:
            future = Future()
            future.set_exception(BrokenProcessPool(str(error)))
        self._pool_of[future] = pool
        return future

    def wait(self, running: Collection[Future[Artifact]]) -> set[Future[Artifact]]:
        """Wait until some are finished; those. A worker that hangs is killed, and its pool breaks."""
        done: set[Future[Artifact]] = set()
        looked, each = time.monotonic(), self._silence / _LOOKS
        while running and not (done := wait(running, each, FIRST_COMPLETED).done):
            before, looked = looked, time.monotonic()
            if looked - before > _LATE * each:  # this process was stopped, and its workers with it
                self._awake = looked
            if self._pool is None or self._heartbeats is None:
                continue
            pids = _processes(self._pool)
            if self._heartbeats.silent(self._silence, self._heard, pids, self._awake):
                _LOGGER.warning(
                    "A worker said nothing for %g s: it is replaced, and its fold trained again.", self._silence
                )
                self.is_hung = True
                _kill(pids)  # all: a broken pool waits for the others, and would for ever for one that is stopped
        self._heard = time.monotonic()
        return done

    def why(self, error: BaseException) -> str:
        """Why a task failed for good, in words."""
        if not isinstance(error, BrokenProcessPool):
            return str(error)
        if self.is_hung:
            return (
                f"worker processes said nothing for {self._silence:g} s, again and again. "
                "Raise ALPHA_WORKER_SILENCE if a training may take so long"
            )
        return "a worker process died, perhaps out of memory"

    def _started(self) -> ProcessPoolExecutor:
        context = get_context("spawn")
        self._heartbeats = Heartbeats(context, self._workers)
        return ProcessPoolExecutor(self._workers, context, initializer=start_worker, initargs=(self._heartbeats,))

    def may_retry(self, future: Future[Artifact]) -> bool:
        """Whether a failed task failed only because a worker of its pool died (killed, out of memory).

        The broken pool is replaced at the next submission. One that keeps breaking is given up.
        """
        if not isinstance(future.exception(), BrokenProcessPool):
            return False
        if self._pool_of[future] is self._pool and self._pool is not None:  # the first to tell
            _kill(_processes(self._pool))
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
            self._restarts_left -= 1
        return self._restarts_left >= 0


class StackingCrew(Crew):
    """Trains models of one ticker on a device as stacks; all else as any crew does.

    Args:
        workers: processes, for what is not stacked.
        device: torch's name of the device.
        slots: of a stack; None for as many as the device's memory bears.
        silence: as of any crew.
    """

    def __init__(self, workers: int, device: str, slots: int | None, silence: float = WORKER_SILENCE_S) -> None:
        super().__init__(workers, device, silence)
        self._slots = slots
        self._stacks: Stacks | None = None

    @property
    def room(self) -> int:
        """How many tasks to hand over at a time: enough to fill the stack and to refill it."""
        return _ROOM if self._slots is None else 2 * self._slots

    def submit(self, task: Task) -> Future[Artifact]:
        """Let a task wait for a slot, or run it as any crew does."""
        if not is_stacked(task.member.experiment.architecture):
            return super().submit(task)
        if self._stacks is None:
            from alpha_pipeline.training.stacks import Stacks  # noqa: PLC0415 - torch, as in `worker`

            self._stacks = Stacks(self._device, self._slots)
        return self._stacks.submit(task)

    def wait(self, running: Collection[Future[Artifact]]) -> set[Future[Artifact]]:
        """Train on, round by round, until some are finished; those."""
        while self._stacks is not None and self._stacks.busy:
            if done := {future for future in running if future.done()}:
                return done
            self._stacks.turn()
        return super().wait(running)


def _processes(pool: ProcessPoolExecutor) -> list[int]:
    """The process ids of a pool's workers; none once it has broken."""
    return list(pool._processes or ())  # noqa: SLF001 - what says them publicly (3.14) is younger than what we run on


def _kill(pids: Collection[int]) -> None:
    """End processes whatever they are at; a stopped one too."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)


def is_stacked(architecture: Architecture) -> bool:
    """Whether a GPU trains it in a stack: a model of one ticker that is fitted by gradient descent."""
    return is_trained(architecture) and not is_shared(architecture)


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
