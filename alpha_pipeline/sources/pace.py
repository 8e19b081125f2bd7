"""How fast a server may be asked: one limiter and one cooling period for all processes of the machine.

Yahoo refuses by address and not by ticker, so one refusal (HTTP 429) is a word to everybody: nobody asks until the
cooling period is over. Periods double from refusal to refusal, with jitter, and start anew after a success. All
lengths are counted in requests at the allowed rate, so that a slower pace is a more patient one too.

The wall clock is meant here and not the replayed one: manners concern the server and not the data.
"""

import math
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alpha_pipeline.errors import CoolingError
from alpha_pipeline.sources.shared_state import SharedState, State
from alpha_pipeline.sources.waits import moment

# At two requests a second: 30 s, doubling up to a quarter of an hour; nobody waits longer than two minutes.
FIRST_COOLING: Final = 60
LONGEST_COOLING: Final = 1800
PATIENCE: Final = 240
FIRST_PAUSE: Final = 2
STATE: Final = "pace.json"
_NUMBERS: Final = ("cooling_until", "next_at", "refusals")
_LATEST: Final = 1e12  # seconds since the epoch; no clock says as much
_MOST_REFUSALS: Final = 64  # in a row; the periods have stopped growing long before


class Pace:
    """Slots in time, handed out one by one.

    Args:
        folder: where the processes that share the pace meet.
        requests_per_second: of all of them together.
        clock: seconds since the epoch.
        sleep: waits; a test gives its own.
    """

    def __init__(
        self,
        folder: Path,
        requests_per_second: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder = folder
        self.sleep = sleep
        self._state = SharedState(folder / STATE)
        self._interval = 1 / requests_per_second
        self.clock = clock
        # Waiting for a file lock is polling; the threads of one process queue without it.
        self._threads = threading.Lock()
        self._was_refused = False

    def wait(self, patience_s: float = math.inf, tell: Callable[[str], object] = str) -> None:
        """Return when it is this caller's turn.

        Args:
            patience_s: how long this caller would wait for the end of a cooling period.
            tell: hears what is waited for.

        Raises:
            CoolingError: the server refused somebody, and the cooling period lasts longer than that, or than anyone
                should wait.
        """
        while True:
            delay = self._reserve(patience_s)
            if delay <= 0:
                return
            if self.cooling() > 0:
                tell(f"refused requests (rate limit) and is asked again at {moment(delay)}")
            self.sleep(delay)
            if self.cooling() <= 0:  # nobody was refused while this one waited for its slot
                return

    def cooling(self) -> float:
        """Seconds until the server may be asked again; 0 when it may be asked now."""
        left = _number(self._state.read(), "cooling_until") - self.clock()
        return max(0.0, min(left, 2 * LONGEST_COOLING * self._interval))

    def refused(self, retry_after_s: float = 0.0) -> None:
        """The server refused a request: begin a cooling period, twice as long as the one before.

        Args:
            retry_after_s: how long the server asked to be left alone; the period is no shorter, up to the longest.
        """

        def begin(state: State) -> State | None:
            now = self.clock()
            if _number(state, "cooling_until") > now:  # asked before the refusal was known
                return None
            refusals = min(int(_number(state, "refusals")), _MOST_REFUSALS) + 1
            longest = LONGEST_COOLING * self._interval
            length = min(FIRST_COOLING * 2 ** (refusals - 1) * self._interval, longest) * _jitter(1.0)
            return {**state, "refusals": refusals, "cooling_until": now + max(length, min(retry_after_s, longest))}

        with self._threads:
            self._state.update(begin)
            self._was_refused = True

    def answered(self) -> None:
        """The server answered: the next cooling period is a short one again."""
        with self._threads:
            if self._was_refused:
                self._was_refused = False
                self._state.update(lambda state: {**state, "refusals": 0})

    def pause(self, attempt: int) -> None:
        """Wait after a failed attempt: doubling, with jitter so that tickers spread out.

        In a cooling period it returns at once: whoever asks for a turn waits for its end.
        """
        if self.cooling() > 0:
            return
        self.sleep(FIRST_PAUSE * 2 ** (attempt - 1) * self._interval * _jitter(0.5))

    def _reserve(self, patience_s: float) -> float:
        """Take the next free slot; returns the seconds until it.

        Raises:
            CoolingError: it lies too far ahead.
        """
        delay = 0.0

        def take(state: State) -> State | None:
            nonlocal delay
            now = self.clock()
            ends = _number(state, "cooling_until")
            if ends - now > 2 * LONGEST_COOLING * self._interval:  # the clock was set back
                state["cooling_until"] = ends = now
            if ends - now > min(PATIENCE * self._interval, max(patience_s, 0.0)):
                raise CoolingError(ends - now, moment(ends - now))
            taken = _number(state, "next_at")
            slot = max(now, ends, taken if taken - now < LONGEST_COOLING * self._interval else now)
            delay = slot - now
            self._was_refused = _number(state, "refusals") > 0
            return {**state, "next_at": slot + self._interval}

        with self._threads:
            self._state.update(take)
        return delay


def is_sound(path: Path) -> bool:
    """Whether a file of a pace says what it should; one that is not there does."""
    held = SharedState.held(path)
    return held is not None and all(_number(held, name) == held.get(name, 0.0) for name in _NUMBERS)


def _number(state: State, name: str) -> float:
    """A number of the state from 0 on; 0 where a damaged file holds something else."""
    held = state.get(name, 0.0)
    is_number = isinstance(held, int | float) and not isinstance(held, bool)
    return float(held) if is_number and 0 <= held < _LATEST else 0.0


def _jitter(least: float) -> float:
    return random.uniform(least, least + 0.5)  # noqa: S311 - jitter, not a secret
