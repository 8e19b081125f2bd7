"""What a worker process runs: one member at a time.

Importing this module does not import torch; calling it does. The process that only finds everything done
never pays for it.
"""

import os
import signal
import threading
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess

from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.member import Task


def start_worker() -> None:
    """Make this process a worker: gone when its parent is, and deaf to Ctrl-C, which the parent answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
    from alpha_pipeline.training.fitting import fit_member  # noqa: PLC0415 - see the module's docstring

    return fit_member(task.member, task.parent, device)
