"""How long work tells whoever watches what is to be done and how far it is, without knowing who that is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

# What the command does last of all, after the stages of a day.
REPORT: Final = "views and report"


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    Attributes:
        stage: what is being done.
        done: units finished.
        total: units in all; 0 when the work does not count them.
        detail: what was last done, in words.
        is_over: whether the stage has ended.
        found: how many of `done` were found done, which costs next to nothing.
        notice: what a person should read at once, such as what is waited for; empty as a rule.
    """

    stage: str
    done: int
    total: int
    detail: str = ""
    is_over: bool = False
    found: int = 0
    notice: str = ""


@dataclass(frozen=True)
class Stage:
    """A piece of work that is planned.

    Seconds are those of an idle machine with two cores; what bears on the estimate is how they compare.

    Attributes:
        name: what its progress calls it.
        units: how many there are to do; where there is one, its progress counts parts of it.
        counted: what a unit is, in the plural.
        seconds: what a unit takes.
        start: seconds before the first unit that is not held.
        held: how many of the units are there already, as far as one can tell beforehand.
        seconds_held: what a unit takes that is found done.
        each: what each unit takes in turn, (units,), where they differ much; then `seconds` says nothing.
        is_typical: whether its pace says anything of other stages; that of a distant server does not.
        group: stages of one group are alike: they are counted together, and have one pace; without one it is alone.
        title: what a person reads for `name`, if not that.
    """

    name: str
    units: int
    counted: str
    seconds: float
    start: float = 0.0
    held: int = 0
    seconds_held: float = 0.0
    each: tuple[float, ...] = ()
    is_typical: bool = True
    group: str = ""
    title: str = ""

    @property
    def shown(self) -> str:
        """What a person reads."""
        return self.title or self.name

    def takes(self, first: float, last: float) -> float:
        """Seconds from so many units done to so many."""
        if not self.each:
            return (last - first) * self.seconds
        return sum(self.each[round(first) : round(last)])


Plan = tuple[Stage, ...]
Observer = Callable[[Progress], None]
Planner = Callable[[Plan], None]

_observer: ContextVar[Observer | None] = ContextVar("alpha_progress_observer", default=None)
_planner: ContextVar[Planner | None] = ContextVar("alpha_progress_planner", default=None)


def report(progress: Progress) -> None:
    """Tell the watcher, if there is one."""
    observer = _observer.get()
    if observer is not None:
        observer(progress)


def announce(plan: Plan) -> None:
    """Tell the watcher, if there is one, all that is still to be done, in order; a later plan replaces it."""
    planner = _planner.get()
    if planner is not None:
        planner(plan)


@contextmanager
def watching(observer: Observer, planner: Planner | None = None) -> Iterator[None]:
    """Have `observer` told of all progress made inside the block, and `planner` of all plans (same thread)."""
    told, planned = _observer.set(observer), _planner.set(planner)
    try:
        yield
    finally:
        _observer.reset(told)
        _planner.reset(planned)
