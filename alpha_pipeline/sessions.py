"""The XNYS calendar: which days are sessions, when they open and close.

One calendar for every ticker; ``^VIX`` is read on XNYS sessions too. Dates are exchange dates, times UTC.
Source: `exchange_calendars` (NYSE rules, early closes and unplanned closures).
"""

import bisect
import datetime as dt
from functools import cache

import exchange_calendars as xcals

from alpha_pipeline.errors import NotEnoughDataError

# NYSE holidays follow rules, so sessions can be named years ahead. Fixed bounds keep every index stable.
CALENDAR_FIRST = dt.date(1990, 1, 1)
CALENDAR_LAST = dt.date(2035, 12, 31)
CLOSE_BUFFER = dt.timedelta(minutes=45)


@cache
def _calendar() -> xcals.ExchangeCalendar:
    return xcals.get_calendar("XNYS", start=CALENDAR_FIRST.isoformat(), end=CALENDAR_LAST.isoformat())


@cache
def all_sessions() -> tuple[dt.date, ...]:
    """Every XNYS session from 1990 to 2035, ascending."""
    return tuple(stamp.date() for stamp in _calendar().sessions)


@cache
def planned_sessions() -> tuple[dt.date, ...]:
    """Every day from 1990 to 2035 on which the exchange was to open by its rules: unplanned closures count, ascending.

    So a closure that is decided later moves nothing that was said of the days before it.
    """
    unplanned = (stamp.date() for stamp in _calendar().adhoc_holidays)
    return tuple(sorted({*all_sessions(), *(day for day in unplanned if CALENDAR_FIRST <= day <= CALENDAR_LAST)}))


@cache
def _positions() -> dict[dt.date, int]:
    return {session: i for i, session in enumerate(all_sessions())}


def is_session(day: dt.date) -> bool:
    """Whether the exchange opens on this day."""
    return day in _positions()


def position(session: dt.date) -> int:
    """The session's place in the calendar, so that horizons are differences of places.

    Raises:
        NotEnoughDataError: the day is no session, or outside 1990 to 2035.
    """
    try:
        return _positions()[session]
    except KeyError:
        raise NotEnoughDataError(f"{session} is no XNYS session between {CALENDAR_FIRST} and {CALENDAR_LAST}") from None


def offset(session: dt.date, count: int) -> dt.date:
    """The session `count` sessions after (before, if negative) this one.

    Raises:
        NotEnoughDataError: that lies outside 1990 to 2035.
    """
    return _at(position(session) + count, session)


def between(first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
    """The sessions from `first` to `last`, both included."""
    sessions = all_sessions()
    return sessions[bisect.bisect_left(sessions, first) : bisect.bisect_right(sessions, last)]


def at_or_before(day: dt.date) -> dt.date:
    """The last session at or before a day.

    Raises:
        NotEnoughDataError: the day lies before 1990.
    """
    return _at(bisect.bisect_right(all_sessions(), day) - 1, day)


def at_or_after(day: dt.date) -> dt.date:
    """The first session at or after a day.

    Raises:
        NotEnoughDataError: the day lies after 2035.
    """
    return _at(bisect.bisect_left(all_sessions(), day), day)


def _at(place: int, day: dt.date) -> dt.date:
    """The session at a place of the calendar; places do not wrap around."""
    if not 0 <= place < len(all_sessions()):
        raise NotEnoughDataError(f"{day} leads outside the calendar, {CALENDAR_FIRST} to {CALENDAR_LAST}")
    return all_sessions()[place]


def open_time(session: dt.date) -> dt.datetime:
    """When the session opens (UTC)."""
    return _calendar().session_open(session.isoformat()).to_pydatetime()


def close_time(session: dt.date) -> dt.datetime:
    """When the session closes (UTC); 13:00 New York on half days."""
    return _calendar().session_close(session.isoformat()).to_pydatetime()


def last_closed(now: dt.datetime, buffer: dt.timedelta = CLOSE_BUFFER) -> dt.date:
    """The last session whose close, plus the buffer in which late prints settle, has passed."""
    session = at_or_before(now.date())
    while close_time(session) + buffer > now:
        session = offset(session, -1)
    return session


def is_last_of_week(session: dt.date) -> bool:
    """Whether no later session falls in the same ISO week. Known in advance: holidays follow rules."""
    return offset(session, 1).isocalendar()[:2] != session.isocalendar()[:2]
