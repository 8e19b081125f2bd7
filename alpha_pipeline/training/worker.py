"""What a worker process runs: one member at a time.

Importing this module does not import torch; calling it does. The process that only finds everything done
never pays for it.
"""

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from functools import cache
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess

from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.heartbeat import Heartbeats, beat, rest
from alpha_pipeline.training.member import Task

# Of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_AS_MUCH_AS_THERE_IS, _PAD = 2**31 - 1, 2**26  # bytes


def start_worker(heartbeats: Heartbeats) -> None:
    """Make this process a worker: gone when its parent is, and deaf to Ctrl-C, which the parent answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    heartbeats.enlist()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: BaseProcess) -> None:
    """Leave when the parent has ended: a killed parent cannot tell its workers to stop."""
    parent.join()
    os._exit(1)


def train_task(task: Task, device: str) -> Artifact:
    """Train one member.

    Raises:
        DivergedError: the loss left the finite numbers.
    """
    beat()  # before torch is imported, which can hang as well as any computation
    from alpha_pipeline.training.fitting import fit_member  # noqa: PLC0415 - see the module's docstring

    try:
        keep_freed_memory()
        return fit_member(task.member, task.parent, device)
    finally:
        rest()


@cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees for what it takes next, where its allocator is glibc's.

    By itself that gives large blocks back to the kernel, which clears every page of them anew. A step of a wide LSTM
    takes and frees tens of megabytes, and spends up to a third of its time on that.
    """
    mallopt = glibc_mallopt()
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _AS_MUCH_AS_THERE_IS)
        mallopt(_M_TOP_PAD, _PAD)


def glibc_mallopt() -> Callable[[int, int], int] | None:
    """The mallopt(3) of glibc; None where the program runs on another C library."""
    try:
        return getattr(ctypes.CDLL(None), "mallopt", None)
    except TypeError:  # Windows has no handle on the whole program
        return None
