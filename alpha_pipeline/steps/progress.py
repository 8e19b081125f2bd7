"""How long work tells whoever watches how far it is, without knowing who that is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    Attributes:
        stage: what is being done.
        done: units finished.
        total: units in all; 0 when the work does not count them.
        detail: what was last done, in words.
        is_over: whether the stage has ended.
    """

    stage: str
    done: int
    total: int
    detail: str = ""
    is_over: bool = False


Observer = Callable[[Progress], None]

_observer: ContextVar[Observer | None] = ContextVar("alpha_progress_observer", default=None)


def report(progress: Progress) -> None:
    """Tell the watcher, if there is one."""
    observer = _observer.get()
    if observer is not None:
        observer(progress)


@contextmanager
def watching(observer: Observer) -> Iterator[None]:
    """Have `observer` told of all progress made inside the block (same thread)."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)
