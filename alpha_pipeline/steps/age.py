"""How old a decision is, by the exchange's calendar and the clock."""

import datetime as dt
from dataclasses import dataclass

from alpha_pipeline import sessions as calendar


@dataclass(frozen=True)
class Age:
    """How far what was decided at a close lies behind the last close.

    Attributes:
        session: at whose close it was decided.
        closed: the last session that has closed.
    """

    session: dt.date
    closed: dt.date

    @property
    def n_behind(self) -> int:
        """Sessions that have closed since; below 0 where it is of a session that has not closed yet."""
        if self.session > self.closed:
            return 1 - len(calendar.between(self.closed, self.session))
        return len(calendar.between(self.session, self.closed)) - 1

    @property
    def words(self) -> str:
        """How old it is and what helps; empty where it is of the last session that has closed."""
        n = self.n_behind
        if n < 0:
            return (
                f"Ahead of the clock: decided at the close of {self.session}, last close {self.closed}. The clock, or "
                "ALPHA_NOW, is behind."
            )
        if n == 0:
            return ""
        count = f"{n:,} session{'' if n == 1 else 's'}"
        return (
            f"{count} old: decided at the close of {self.session}, last close {self.closed}. `alpha run` makes the "
            "newest."
        )


def age_at(session: dt.date, now: dt.datetime) -> Age:
    """The age of what was decided at the close of a session."""
    return Age(session, calendar.last_closed(now))
