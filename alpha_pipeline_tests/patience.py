"""A clock that only sleeping moves, so that tests of waiting take no time."""

from dataclasses import dataclass, field


@dataclass
class Naps:
    """Sleeps that are noted instead of slept.

    Attributes:
        time: seconds since the epoch; every nap moves it.
        taken: every nap, in seconds.
    """

    time: float = 1.7e9
    taken: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.time += seconds
