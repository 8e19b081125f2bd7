"""One reading of dates for a column as a whole, or a refusal that names a row and what it could mean."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.dates import read_dates

YEAR = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 12, 31))
WEEK = sessions.between(dt.date(2024, 7, 8), dt.date(2024, 7, 12))
NEW_YORK = ZoneInfo("America/New_York")


def read(values: list[object] | pl.Series) -> list[dt.date | None]:
    return read_dates(pl.Series(values), "Date").days.to_list()


def midnights(zone: str, days: tuple[dt.date, ...] = YEAR, *, at: dt.time = dt.time(0)) -> list[dt.datetime]:
    """The moments of a time of day in a zone, as UTC."""
    return [dt.datetime.combine(day, at, ZoneInfo(zone)).astimezone(dt.UTC) for day in days]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%-m/%-d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d", "%d%m%Y",
        "%m%d%Y", "%d/%m/%y", "%m/%d/%y", "%y%m%d", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %-d, %Y", "%d %B %Y",
        "%a, %d %b %Y", "%A %Y-%m-%d", "%Y-%b-%d", "%Y-%m-%dT%H:%M:%S.000Z", "%Y%m%dT%H%M%SZ", "%m/%d/%Y %H:%M",
        "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S-05:00", "%m/%d/%Y 4:00 PM", "%Y-%m-%d 16:00:00", "%Y-%m-%d 13:30:00Z",
    ],
)  # fmt: skip
def test_every_form_of_a_year_of_sessions_is_read(form: str) -> None:
    assert read([day.strftime(form) for day in YEAR]) == list(YEAR)
    assert read([f" {day.strftime(form)} " for day in reversed(YEAR)]) == list(reversed(YEAR))


def test_months_are_read_in_the_languages_that_write_decimal_commas() -> None:
    names = ("Jan", "Feb", "März", "April", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt", "Nov.", "Dezember")
    assert read([f"{day.day}. {names[day.month - 1]} {day.year}" for day in YEAR]) == list(YEAR)


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "Europe/London", "America/New_York", "America/Chicago", "America/Los_Angeles", "Asia/Tokyo",
     "Australia/Sydney", "Asia/Kolkata", "Etc/GMT-2", "Etc/GMT+5", "Pacific/Auckland", "UTC"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "stamps", "seconds", "milliseconds", "nanoseconds", "naive"])
def test_midnight_in_any_zone_is_the_exchange_s_session(zone: str, form: str) -> None:
    stamps = midnights(zone)
    written: dict[str, list[object]] = {
        "text": [stamp.strftime("%Y-%m-%d %H:%M:%S+00:00") for stamp in stamps],
        "naive": [stamp.strftime("%Y-%m-%d %H:%M:%S") for stamp in stamps],
        "stamps": list(stamps),
        "seconds": [int(stamp.timestamp()) for stamp in stamps],
        "milliseconds": [str(int(stamp.timestamp()) * 1000) for stamp in stamps],
        "nanoseconds": [int(stamp.timestamp()) * 10**9 for stamp in stamps],
    }
    assert read(written[form]) == list(YEAR)


@pytest.mark.parametrize("at", [dt.time(9, 30), dt.time(16)], ids=["open", "close"])
def test_the_open_and_the_close_are_of_their_session_even_on_one_row(at: dt.time) -> None:
    assert read(list(midnights("America/New_York", YEAR, at=at))) == list(YEAR)
    for day in (WEEK[1], YEAR[0]):
        assert read(list(midnights("America/New_York", (day,), at=at))) == [day]


def test_few_rows_of_a_stamp_that_may_be_two_days_are_refused_with_both() -> None:
    # 23:00 in New York after the session, or 5:00 in Berlin before it.
    rows = ["2024-07-09 03:00:00+00:00", "2024-07-10 03:00:00+00:00"]
    with pytest.raises(
        SourceError, match=r"'2024-07-09 03:00:00\+00:00' in row 1 may be 2024-07-09 \(.*\) or 2024-07-08 \("
    ):
        read(rows)


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m.%d.%y"])
def test_days_that_may_be_months_are_refused_with_both(form: str) -> None:
    days = [dt.date(2024, 3, 4), dt.date(2024, 4, 3)]
    written = days[0].strftime(form)
    with pytest.raises(SourceError, match=rf"'{written}' in row 1 may be 2024-0\d-0\d \(.*first\) or 2024-0\d-0\d"):
        read([day.strftime(form) for day in days])


def test_two_forms_in_one_column_are_refused_with_one_of_each() -> None:
    """A spreadsheet turns what it can read round and leaves the rest."""
    mixed = [day.strftime("%Y-%d-%m" if day.day <= 12 else "%d/%m/%Y") for day in YEAR]
    with pytest.raises(SourceError, match=r"mixes forms of dates: '2024-02-01' is not .*day first as '16/01/2024' is"):
        read(mixed)


def test_dates_that_are_all_a_day_off_are_refused() -> None:
    for step, words in ((-1, "later"), (1, "earlier")):
        moved = [day + dt.timedelta(days=step) for day in YEAR]
        for values in (moved, [str(day) for day in moved], [f"{day} 00:00:00" for day in moved]):
            with pytest.raises(
                SourceError, match=rf"is no session of the exchange, and a day {words} every row is one"
            ):
                read(list(values))


def test_days_without_sessions_among_them_are_left_for_the_quarantine() -> None:
    every_day = [dt.date(2024, 1, 1) + dt.timedelta(days=i) for i in range(366)]
    assert read([f"{day}T00:00:00Z" for day in every_day]) == every_day


def test_what_is_no_date_is_refused_with_the_form_expected() -> None:
    with pytest.raises(
        SourceError, match=r"column Date: 'soon' is no date \(2 such values\)\. Write dates as yyyy-mm-dd"
    ):
        read(["soon", "later"])
    with pytest.raises(SourceError, match="has no dates in its column Date but List"):
        read([[1], [2]])


def test_days_before_the_calendar_are_read() -> None:
    assert read(["12/12/1980", "12/15/1980"]) == [dt.date(1980, 12, 12), dt.date(1980, 12, 15)]
    assert read(["1980-12-12", "1980-12-15"]) == [dt.date(1980, 12, 12), dt.date(1980, 12, 15)]


def test_excel_s_numbers_of_days_are_read() -> None:
    assert read([(day - dt.date(1899, 12, 30)).days for day in YEAR]) == list(YEAR)


def test_the_newest_row_may_carry_the_moment_of_its_download() -> None:
    rows = [f"{day} 00:00:00-04:00" for day in WEEK[:-1]] + [f"{WEEK[-1]} 11:31:07-04:00"]
    assert read(rows) == list(WEEK)
