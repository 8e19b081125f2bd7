"""How long a source on a network keeps whoever asks waiting: for what, and when it is enough.

A refresh may wait in vain for so long in all and no longer, whatever it is that does not answer: a refusal for asking
too much, a server that hangs or is not there. Time that ended in an answer, however odd, is not counted. After that
nobody is asked any more, the tickers left have failed, and the refresh ends with what it has.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from alpha_pipeline.errors import SourceError

# Whoever waits hears of it after so many seconds, and again after so many.
FIRST_WORD_S: Final = 5.0
NEXT_WORD_S: Final = 30.0


class GaveUpError(SourceError):
    """A refresh has waited in vain for as long as it may, and asks no more."""

    def __init__(self, who: str, limit_s: float) -> None:
        self._brief = (
            f"{who} is not asked any more: {limit_s:g} s were waited in vain (ALPHA_YAHOO_PATIENCE sets how long)"
        )
        super().__init__(f"{self._brief}. Held bars stay, and the next run goes on from them")

    @property
    def brief(self) -> str:
        """The same for all tickers that were left."""
        return self._brief


class Waits:
    """What is being waited for, by all threads of one process that ask one source.

    Args:
        who: the source, for messages.
        limit_s: seconds that may be waited in vain from one `begin` to the next.
        clock: the seconds that are counted; a test gives its own.
    """

    def __init__(self, who: str, limit_s: float = math.inf, clock: Callable[[], float] = time.monotonic) -> None:
        self.who = who
        self._limit_s = limit_s
        self._clock = clock
        self._lock = threading.Lock()
        self._vain = 0.0
        self._since = clock()
        self._asking: dict[int, str] = {}
        self._heard = self._told = time.monotonic()

    def begin(self) -> None:
        """A refresh begins: what was waited before is forgotten."""
        with self._lock:
            self._vain, self._since = 0.0, self._clock()
            self._heard = self._told = time.monotonic()

    def left(self) -> float:
        """Seconds that may still be waited in vain."""
        with self._lock:
            passed = self._clock() - self._since if self._asking else 0.0
            return self._limit_s - self._vain - max(passed, 0.0)

    def require_patience(self) -> None:
        """Go on asking.

        Raises:
            GaveUpError: it was waited for long enough.
        """
        if self.left() <= 0:
            raise GaveUpError(self.who, self._limit_s)

    @contextmanager
    def asking(self, what: str) -> Iterator[None]:
        """Count the time inside the block as in vain, unless somebody is answered meanwhile."""
        me = threading.get_ident()
        with self._lock:
            if not self._asking:
                self._since, self._heard = self._clock(), time.monotonic()
            self._asking[me] = f"{self.who} has not answered yet ({what})"
        try:
            yield
        finally:
            with self._lock:
                self._asking.pop(me, None)
                now = self._clock()
                self._vain += max(now - self._since, 0.0)
                self._since = now

    def answered(self) -> None:
        """Somebody was answered: the time until now was not in vain."""
        with self._lock:
            self._since, self._heard = self._clock(), time.monotonic()

    def because(self, why: str) -> None:
        """Say what this thread waits for, from inside `asking`."""
        with self._lock:
            self._asking[threading.get_ident()] = f"{self.who} {why}"

    def news(self) -> str:
        """What a person should hear of the waiting; empty when it has not been long, or was said lately."""
        with self._lock:
            now = time.monotonic()
            longest = NEXT_WORD_S if self._told > self._heard else FIRST_WORD_S
            if not self._asking or now - max(self._heard, self._told) < longest:
                return ""
            self._told = now
            # A refusal says more than a silence.
            words = min(self._asking.values(), key=lambda one: "has not answered" in one)
        limit = (
            "" if math.isinf(self._limit_s) else f"; it is waited for {max(self.left(), 0):.0f} s longer at the most"
        )
        return f"{words}{limit}."


def moment(seconds: float) -> str:
    """The time of day, on this machine's clock, in so many seconds."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
