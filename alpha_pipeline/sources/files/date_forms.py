"""The forms in which people write a day and a time, without deciding between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

# How many units of an epoch are in a second, by the number of digits that days from 1973 to 2033 and on have.
_EPOCHS: Final = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_EXCEL_DAY_0: Final = pl.date(1899, 12, 30)
_MONTH_NAMES: Final = {
    1: "jan january januar ene enero janv janvier gen gennaio", 2: "feb february februar fev fevr febrero febbraio",
    3: "mar march marz maerz mrz marzo mars", 4: "apr april abr abril avr avril aprile",
    5: "may mai mayo maggio mag maj mei", 6: "jun june juni junio juin giu giugno",
    7: "jul july juli julio juil juillet lug luglio", 8: "aug august ago agosto aout",
    9: "sep sept september set septiembre settembre", 10: "oct october okt oktober octubre ott ottobre octobre out",
    11: "nov november noviembre novembre", 12: "dec december dez dezember dic diciembre decembre dicembre",
}  # fmt: skip
_MONTHS: Final = {name: month for month, names in _MONTH_NAMES.items() for name in names.split()}
# Offsets from UTC in minutes of the zones that are written by name.
ZONES: Final = {
    "z": 0, "utc": 0, "gmt": 0, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "pst": -480, "pdt": -420,
    "cet": 60, "cest": 120, "bst": 60, "jst": 540, "hkt": 480,
}  # fmt: skip
_WEEKDAY: Final = r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]?\s+"
_TIME: Final = (
    r"^(?P<day>.*?)(?:[t,\s]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[ap]m)?\s*(?P<zone>z|[+-]\d{2}(?::?\d{2})?(?::00)?|[a-z]{3,4})?)?$"
)
_WITHOUT_COLONS: Final = r"^(\d{8})[t\s]?(\d{2})(\d{2})(\d{2})(\D.*)?$"
DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day first", "month first", "year first"
# Shape of a day's text -> its three parts, and the orders in which they may be meant.
_SHAPES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "yyyy-mm-dd": (r"^(\d{4})[-/.\s](\d{1,2})[-/.\s](\d{1,2})\.?$", (YEAR_FIRST,)),
    "yyyymmdd": (r"^((?:19|20)\d{2})(0\d|1[0-2])([0-3]\d)$", (YEAR_FIRST,)),
    "year last": (r"^(\d{1,2})[-/.\s]\s?(\d{1,2})[-/.\s]\s?(\d{4})$", (DAY_FIRST, MONTH_FIRST)),
    "eight digits, year last": (r"^(\d{2})(\d{2})(\d{4})$", (DAY_FIRST, MONTH_FIRST)),
    "years of two digits": (
        r"^(\d{1,2})[-/.\s](\d{1,2})[-/.\s](\d{2})$", (DAY_FIRST, MONTH_FIRST, YEAR_FIRST),
    ),
    "six digits": (r"^(\d{2})(\d{2})(\d{2})$", (DAY_FIRST, MONTH_FIRST, YEAR_FIRST)),
    "dd month yyyy": (r"^(\d{1,2})(?:st|nd|rd|th)?\.?[-/\s]?\s?([a-z]{3,})[.,]?[-/,\s]*(\d{4}|\d{2})$", (DAY_FIRST,)),
    "month dd, yyyy": (
        r"^([a-z]{3,})[.,]?[-/\s]?\s?(\d{1,2})(?:st|nd|rd|th)?[,.]?[-/\s]+(\d{4}|\d{2})$", (MONTH_FIRST,),
    ),
    "yyyy-month-dd": (r"^(\d{4})[-/\s]([a-z]{3,})[-/\s](\d{1,2})$", (YEAR_FIRST,)),
}  # fmt: skip
_PLACES: Final = {DAY_FIRST: (2, 1, 0), MONTH_FIRST: (2, 0, 1), YEAR_FIRST: (0, 1, 2)}


@dataclass(frozen=True)
class Forms:
    """What each value of a column may mean.

    Attributes:
        form: the form that most values have, in words.
        days: by order of day, month and year: the days, null where a value cannot be read in that order.
        seconds: seconds after the day's midnight as written; null without a time.
        offset: minutes from UTC in which the time is written; null where no zone is.
    """

    form: str
    days: Mapping[str, pl.Series]
    seconds: pl.Series
    offset: pl.Series


def forms_of(values: pl.Series) -> Forms:
    """What each of a column's values may mean: typed dates and stamps, numbers and text.

    Args:
        values: a column; no value is looked at in the light of another one, but for the form that most have.
    """
    if isinstance(values.dtype, pl.Datetime):
        return _of_stamps(values)
    if values.dtype == pl.Date:
        return Forms("days", {YEAR_FIRST: values}, *_no_times(values))
    text = values.cast(pl.String, strict=False).str.strip_chars().str.to_lowercase()
    text = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "")  # März, août
    text = text.str.replace(r"\.0+$", "").str.replace(_WEEKDAY, "")
    counts = {name: text.str.contains(_number_form(name)).sum() for name in ("Excel's day numbers", *_EPOCHS)}
    form = max(counts, key=lambda name: counts[name])
    if counts[form] * 2 > len(values) - values.null_count():
        return _of_numbers(text, form)
    return _of_text(text)


def _no_times(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    empty = pl.Series([None] * len(values), dtype=pl.Int64)
    return empty, empty


def _number_form(form: str) -> str:
    if form not in _EPOCHS:
        return r"^[345]\d{4}$"
    digits = len(str(_EPOCHS[form])) - 1
    return rf"^-?[1-9]\d{{{8 + digits},{9 + digits}}}$"


def _of_stamps(values: pl.Series) -> Forms:
    zone = values.dtype.time_zone if isinstance(values.dtype, pl.Datetime) else None
    wall = values.dt.replace_time_zone(None)
    seconds = wall.dt.hour().cast(pl.Int64) * 3600 + wall.dt.minute().cast(pl.Int64) * 60 + wall.dt.second()
    _, offset = _no_times(values)
    if zone is not None:
        offset = (wall - values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)).dt.total_minutes()
    return Forms("stamps", {YEAR_FIRST: wall.dt.date()}, seconds, offset)


def _of_numbers(text: pl.Series, form: str) -> Forms:
    number = pl.select(
        pl.when(text.str.contains(_number_form(form))).then(text.cast(pl.Int64, strict=False))
    ).to_series()
    if form not in _EPOCHS:
        days = pl.select(_EXCEL_DAY_0 + pl.duration(days=pl.lit(number))).to_series()
        return Forms(form, {YEAR_FIRST: days}, *_no_times(text))
    moment = ((number // _EPOCHS[form]) * 1000).cast(pl.Datetime("ms", "UTC"))
    stamps = _of_stamps(moment)
    return Forms(f"{form} since 1970", stamps.days, stamps.seconds, stamps.offset)


def _of_text(text: pl.Series) -> Forms:
    text = text.str.replace(_WITHOUT_COLONS, "${1} ${2}:${3}:${4}${5}")
    parts = text.str.replace(r"\s*\[.*\]$", "").str.extract_groups(_TIME).struct.unnest()
    day = parts["day"].str.strip_chars(" ,")
    counts = {shape: day.str.contains(pattern).sum() for shape, (pattern, _) in _SHAPES.items()}
    shape = max(counts, key=lambda name: counts[name])
    pattern, orders = _SHAPES[shape]
    groups = day.str.extract_groups(pattern).struct.unnest()
    columns = [groups.to_series(i) for i in range(3)]
    days = {order: _days(columns, order) for order in orders}
    hour, minute, second = (parts[name].cast(pl.Int64) for name in ("hour", "minute", "second"))
    half = parts["half"]
    hour = pl.select(
        pl.when(half.is_null()).then(hour).otherwise(hour % 12 + 12 * (half == "pm").cast(pl.Int64))
    ).to_series()
    seconds = hour * 3600 + minute * 60 + second.fill_null(0)
    offset = _offset(parts["zone"])
    # A time in a zone that is not known may be any.
    unknown = parts["zone"].is_not_null() & offset.is_null()
    days = {order: pl.select(pl.when(~unknown).then(one)).to_series() for order, one in days.items()}
    return Forms(shape, days, seconds, offset)


def _days(parts: list[pl.Series], order: str) -> pl.Series:
    """Days of three parts; null where they make none."""
    year, month, day = (_part(parts[place]) for place in _PLACES[order])
    year = pl.select(
        pl.when(year < 70).then(year + 2000).when(year < 100).then(year + 1900).otherwise(year)
    ).to_series()
    text = pl.select(pl.format("{}-{}-{}", year, month, day)).to_series()
    return text.str.to_date("%Y-%m-%d", strict=False)


def _part(part: pl.Series) -> pl.Series:
    """A year, month or day as a number; a month's name too."""
    named = part.replace_strict(_MONTHS, default=None, return_dtype=pl.Int64)
    return named.fill_null(part.cast(pl.Int64, strict=False))


def _offset(zone: pl.Series) -> pl.Series:
    """Minutes from UTC of ``+02:00``, ``+0200``, ``+02``, ``z``, ``utc``."""
    parts = zone.str.extract_groups(r"^([+-])(\d{2}):?(\d{2})?").struct.unnest()
    sign, hours, minutes = (parts.to_series(i) for i in range(3))
    value = hours.cast(pl.Int64) * 60 + minutes.cast(pl.Int64).fill_null(0)
    numeric = pl.select(pl.when(sign == "-").then(-value).otherwise(value)).to_series()
    return numeric.fill_null(zone.replace_strict(ZONES, default=None, return_dtype=pl.Int64))
