"""Signs of life of worker processes: who trains, since when nothing was heard, and who is to be replaced.

A worker that hangs, is stopped or waits for ever says nothing, and an executor would wait for it for ever. Each worker
has a place in shared memory for the time of its last sign, written before a training and after each of its passes. No
lock guards what the trainer reads: a worker that is killed or stopped while it holds one would stop the trainer too.
"""

import os
import time
from collections.abc import Sequence
from ctypes import c_double
from multiprocessing.context import SpawnContext
from typing import Any, Final

_IDLE: Final = 0.0


class Heartbeats:
    """The signs of all workers of a pool.

    Args:
        context: in which the workers start.
        workers: processes, W.
    """

    def __init__(self, context: SpawnContext, workers: int) -> None:
        self._lock = context.Lock()
        self._pids: Any = context.RawArray("i", workers)
        self._signs: Any = context.RawArray(c_double, workers)
        self._begun = time.monotonic()

    def enlist(self) -> None:
        """In a worker: take a place."""
        global _place  # noqa: PLW0603 - a process is one worker
        with self._lock:
            _place = (self, next(place for place, pid in enumerate(self._pids) if pid == 0))
            self._pids[_place[1]] = os.getpid()

    def sign(self, place: int, at: float) -> None:
        """In a worker: note the time of a sign of life, or `_IDLE`."""
        self._signs[place] = at

    def silent(self, seconds: float, heard: float, pids: Sequence[int], awake: float = 0.0) -> list[int]:
        """The workers that train and were not heard for some time.

        Args:
            seconds: so long.
            heard: when the pool gave its last answer or was given its last task, on the monotonic clock.
            pids: of all workers of the pool.
            awake: since when the trainer itself runs without a stop, on the monotonic clock: a terminal stops and
                resumes it together with its workers.

        Returns:
            Their process ids; those of all workers where none of them ever said that it trains, though tasks are open.
        """
        now = time.monotonic()
        signs = {int(pid): float(at) for pid, at in zip(self._pids, self._signs, strict=True) if pid}
        training = {pid: at for pid, at in signs.items() if at != _IDLE}
        if not training and now - max(heard, self._begun, awake) > seconds:
            return list(pids)
        return [pid for pid, at in training.items() if now - max(at, awake) > seconds and pid in pids]


_place: tuple[Heartbeats, int] | None = None


def beat() -> None:
    """Say that this process trains; nothing happens where it is no worker."""
    if _place is not None:
        _place[0].sign(_place[1], time.monotonic())


def rest() -> None:
    """Say that this process waits for its next task."""
    if _place is not None:
        _place[0].sign(_place[1], _IDLE)
