import datetime as dt

import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import NotEnoughDataError

UTC = dt.UTC


def test_holidays_are_no_sessions() -> None:
    assert not sessions.is_session(dt.date(2024, 3, 29))  # Good Friday
    assert not sessions.is_session(dt.date(2025, 1, 9))  # the mourning day for Jimmy Carter, unplanned
    assert sessions.between(dt.date(2024, 3, 28), dt.date(2024, 4, 1)) == (
        dt.date(2024, 3, 28),
        dt.date(2024, 4, 1),
    )


def test_offset_counts_sessions_not_days() -> None:
    assert sessions.offset(dt.date(2024, 3, 28), 1) == dt.date(2024, 4, 1)
    assert sessions.offset(dt.date(2024, 4, 1), -1) == dt.date(2024, 3, 28)


def test_a_day_without_session_has_no_position() -> None:
    with pytest.raises(NotEnoughDataError, match="2024-03-29"):
        sessions.position(dt.date(2024, 3, 29))


def test_a_session_counts_as_closed_45_minutes_after_its_close() -> None:
    friday = dt.date(2025, 6, 27)
    assert sessions.last_closed(dt.datetime(2025, 6, 27, 20, 44, tzinfo=UTC)) == dt.date(2025, 6, 26)
    assert sessions.last_closed(dt.datetime(2025, 6, 27, 20, 45, tzinfo=UTC)) == friday
    assert sessions.last_closed(dt.datetime(2025, 6, 29, 12, 0, tzinfo=UTC)) == friday


def test_a_half_day_closes_at_one() -> None:
    black_friday = dt.date(2024, 11, 29)
    assert sessions.close_time(black_friday) == dt.datetime(2024, 11, 29, 18, 0, tzinfo=UTC)
    assert sessions.last_closed(dt.datetime(2024, 11, 29, 18, 45, tzinfo=UTC)) == black_friday


def test_the_week_of_good_friday_ends_on_thursday() -> None:
    assert sessions.is_last_of_week(dt.date(2024, 3, 28))
    assert not sessions.is_last_of_week(dt.date(2024, 3, 27))
    assert sessions.is_last_of_week(dt.date(2020, 12, 31))  # the ISO year ends elsewhere than the calendar year


def test_an_unplanned_closure_was_planned_as_a_session() -> None:
    planned = sessions.planned_sessions()

    assert set(planned) > set(sessions.all_sessions())
    assert planned == tuple(sorted(planned))
    sandy, mourning = dt.date(2012, 10, 29), dt.date(2025, 1, 9)
    assert {sandy, mourning} <= set(planned)
    assert not sessions.is_session(sandy)
    assert dt.date(2024, 7, 4) not in planned


def test_places_do_not_wrap_around() -> None:
    with pytest.raises(NotEnoughDataError, match="1980-01-01 leads outside"):
        sessions.at_or_before(dt.date(1980, 1, 1))
    with pytest.raises(NotEnoughDataError, match="leads outside the calendar"):
        sessions.offset(sessions.all_sessions()[3], -4)
    with pytest.raises(NotEnoughDataError, match="2040-01-02 leads outside"):
        sessions.at_or_after(dt.date(2040, 1, 2))
