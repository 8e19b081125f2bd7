"""The end of a process that is asked to end: Ctrl-C and SIGTERM alike are one `KeyboardInterrupt` in the main thread.

Python runs a signal's handler between two of its own instructions of the main thread, and Dagster puts handlers of its
own in the place of ours while a step runs. So the system writes the number of each signal to a socket as well, at once,
and a thread reads it: whoever asks `was_asked` knows, whatever became of the exception; a library that is deaf
meanwhile is told by `calling`; and a process that has not ended after a while is ended.
"""

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
CODE: Final = 130  # of a shell, for a command that Ctrl-C ended
GRACE_S: Final = 10.0
DEAF_S: Final = 3.0  # for a library that was told, and has nothing to bring to an end
AGAIN_S: Final = 1.0  # some programs send a signal twice at once, and mean it once
_TOLD_EVERY_S: Final = 0.1

_asked = threading.Event()
_raised = threading.Event()
_calls: list[Callable[[], None]] = []
_leavings: list[Callable[[], None]] = []


def was_asked() -> bool:
    """Whether this process was asked to end, since `heard` began."""
    return _asked.is_set()


def require_wanted() -> None:
    """Go on only where nobody has asked this process to end.

    Raises:
        KeyboardInterrupt: somebody has, and whatever ran meanwhile has swallowed it.
    """
    if was_asked():
        raise KeyboardInterrupt


@contextmanager
def calling(interrupt: Callable[[], None]) -> Iterator[None]:
    """Have `interrupt` called from another thread when the process is asked to end, until the block ends.

    For a library in which the main thread is deaf to signals. It is called again and again: what comes before the
    library listens is lost on it.
    """
    _calls.append(interrupt)
    try:
        yield
    finally:
        _calls.remove(interrupt)


@contextmanager
def leaving(clear: Callable[[], None]) -> Iterator[None]:
    """Have `clear` called if the process has to be ended inside the block, which then cannot clear up by itself."""
    _leavings.append(clear)
    try:
        yield
    finally:
        _leavings.remove(clear)


@contextmanager
def heard(farewell: str, *, grace_s: float = GRACE_S) -> Iterator[None]:
    """Make both signals a `KeyboardInterrupt`, once, also where a script started this process deaf to SIGINT.

    A process that has not ended `grace_s` after the first of them, or when another one comes later, is ended.

    Args:
        farewell: what is said then, on standard error as it is when the block begins.
        grace_s: seconds.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _asked.clear()
    _raised.clear()
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = {number: signal.signal(number, _raise_once) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    errors = _own(2)
    threading.Thread(target=_watch, args=(reader, errors, farewell, grace_s), name="interruption", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        if not was_asked():  # else the thread sees to it that the process ends, and no signal disturbs that
            for number, handler in before.items():
                signal.signal(number, handler)
            writer.close()


def _raise_once(_number: int, _frame: FrameType | None) -> None:
    _asked.set()
    if not _raised.is_set():
        _raised.set()
        raise KeyboardInterrupt


def _watch(reader: socket.socket, errors: int | None, farewell: str, grace_s: float) -> None:
    while number := reader.recv(1):
        if number[0] in SIGNALS:
            break
    else:
        reader.close()
        if errors is not None:
            os.close(errors)
        return
    _asked.set()
    began = time.monotonic()
    reader.settimeout(_TOLD_EVERY_S)
    while time.monotonic() - began < grace_s:
        for call in [*_calls]:
            with suppress(Exception):
                call()
        if _calls and time.monotonic() - began > DEAF_S:
            break
        with suppress(TimeoutError):
            number = reader.recv(1)
            if number and number[0] in SIGNALS and time.monotonic() - began > AGAIN_S:
                break
    _end(errors, farewell)


def _end(errors: int | None, farewell: str) -> None:
    """End the process here and now, and what it has started."""
    for clear in [*_leavings]:
        with suppress(Exception):
            clear()
    for child in multiprocessing.active_children():
        with suppress(Exception):
            child.kill()
    if errors is not None:
        with suppress(OSError):
            os.write(errors, f"{farewell}\n".encode())
    os._exit(CODE)


def _own(descriptor: int) -> int | None:
    """A descriptor of one's own of what another is now: Dagster turns standard error into a file while a step runs."""
    try:
        return os.dup(descriptor)
    except OSError:
        return None
