"""Which session each row is of: one reading for a column as a whole, or none.

A stamp of a daily bar may be midnight in any zone, the open or the close; a date may have the day or the month first.
The exchange decides: its sessions leave out weekends and holidays, and a wrong reading puts rows there.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.sources.files.date_forms import Forms, forms_of
from alpha_pipeline.sources.files.refusal import FileRefusedError

FIX: Final = "Write dates as yyyy-mm-dd, the exchange's"
# So many of a reading's rows may lie on no session: a holiday on which an index is printed, a bad line.
STRAY: Final = 0.02
# Fewer dates do not prove that they are a day off.
PROVES: Final = 5
# So many values in another form are slips; more of them, from a tenth on, are a second form.
SLIPS: Final = 2
# A reading that puts fewer rows onto sessions is doubted.
DOUBTFUL: Final = 0.9
# Zones at whose midnight people's programs stamp a day.
MIDNIGHTS: Final = (
    "America/New_York", "America/Chicago", "UTC", "Europe/London", "Europe/Berlin", "Europe/Athens", "Asia/Kolkata",
    "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
NEW_YORK: Final = "America/New_York"
OPEN, CLOSE, EARLY_CLOSE = 34_200, 57_600, 46_800


@dataclass(frozen=True)
class Sessions:
    """A column of dates, read.

    Attributes:
        days: the session of each row; null where the value cannot be read.
        clock: seconds after midnight at the exchange (or as written, without a zone); null without a time.
        words: the reading, in words.
    """

    days: pl.Series
    clock: pl.Series
    words: str


@dataclass(frozen=True)
class _Reading:
    words: str
    days: pl.Series
    is_natural: bool = True


class _AmbiguousError(Exception):
    """Several readings are left, and they differ.

    Attributes:
        place: the first value that they read as different days.
        meant: these days, in words.
    """

    def __init__(self, readings: Sequence[_Reading]) -> None:
        days = pl.DataFrame([one.days.alias(str(i)) for i, one in enumerate(readings)])
        differs = days.select(pl.any_horizontal(pl.col("0").ne_missing(pl.col(name)) for name in days.columns))
        self.place = int(differs.to_series().arg_max() or 0)
        several = {str(one.days[self.place]): one.words for one in reversed(readings)}
        self.meant = " or ".join(f"{day} ({words})" for day, words in reversed(several.items()))
        super().__init__(self.meant)


def read_dates(column: pl.Series, name: str) -> Sessions:
    """The sessions of a column.

    Args:
        column: dates, stamps, numbers or text.
        name: the file's own name of the column.

    Raises:
        FileRefusedError: no reading fits, or several do and differ.
    """
    if column.dtype == pl.Date:
        _require_not_shifted(column.unique().drop_nulls(), name)
        return Sessions(column, pl.Series([None] * len(column), dtype=pl.Int64), "days")
    if column.dtype.is_nested() or column.dtype in {pl.Binary, pl.Boolean, pl.Duration}:
        raise FileRefusedError(f"has no dates in its column {name} but {column.dtype}. {FIX}")
    if column.dtype.is_float():
        column = column.fill_nan(None).cast(pl.Int64, strict=False)
    elif not (column.dtype.is_integer() or column.dtype.is_temporal()):
        column = column.cast(pl.String, strict=False)
    # A date stands in the file once for each of its tickers.
    values = column.unique(maintain_order=True).drop_nulls()
    if values.dtype == pl.String:
        values = values.filter(values.str.strip_chars() != "")
    if values.dtype == pl.String and values.len():
        plain = column.str.to_date("%Y-%m-%d", strict=False)  # by far the usual form
        if plain.null_count() == column.null_count():
            _require_not_shifted(plain.unique().drop_nulls(), name)
            return Sessions(plain, pl.Series([None] * len(column), dtype=pl.Int64), "yyyy-mm-dd")
    forms = forms_of(values)
    readings = list(_readings(forms))
    try:
        chosen = _chosen(readings, values, name, forms)
    except _AmbiguousError as error:
        odd = values[error.place]
        row = int((column == odd).arg_max() or 0) + 1
        what = f"column {name}: {str(odd)!r} in row {row} may be {error.meant}, and every row fits each"
        raise FileRefusedError(f"cannot be read: {what}. {FIX}") from error
    if len(readings) == 1 or chosen.is_natural:
        _require_not_shifted(chosen.days, name)
    clock = _clock(forms)
    told = pl.DataFrame({"value": values, "day": chosen.days, "clock": clock})
    rows = pl.DataFrame({"value": column}).join(told, on="value", how="left", maintain_order="left")
    return Sessions(rows["day"], rows["clock"], chosen.words)


def _readings(forms: Forms) -> Iterator[_Reading]:
    """Every reading of the column, without those that say the same."""
    seen: list[pl.Series] = []
    for order, days in forms.days.items():
        words = forms.form if len(forms.days) == 1 else f"{forms.form}, {order}"
        for reading in _moved(forms, days, words) if _has_times(forms) else [_Reading(words, days)]:
            if not any(reading.days.equals(other) for other in seen):
                seen.append(reading.days)
                yield reading


def _has_times(forms: Forms) -> bool:
    """Whether the stamps say more than a day. One that is the moment of the download, on the newest row, is no rule."""
    seconds = forms.seconds.fill_null(0)
    return bool((seconds != 0).sum() > max(1.0, 0.05 * len(seconds)) or (len(seconds) == 1 and seconds[0]))


def _moved(forms: Forms, days: pl.Series, words: str) -> Iterator[_Reading]:
    """The readings of stamps with a time: the day on which each lies so many hours further east or west.

    Natural are midnight somewhere and the open or close in New York; they come first.
    """
    wall = _plus(days, forms.seconds.fill_null(0), 1000)
    utc = _plus(wall, -forms.offset.fill_null(0), 60_000).dt.replace_time_zone("UTC")
    for place, at in _natural(utc, wall, zoned=forms.offset.null_count() < len(days)):
        yield _Reading(f"{words}, {place}", at)
    for hours in sorted(range(-12, 15), key=abs):
        at = (utc + dt.timedelta(hours=hours)).dt.date()
        yield _Reading(f"{words}, days that begin at {-hours % 24:02d}:00 UTC", at, is_natural=False)


def _natural(utc: pl.Series, wall: pl.Series, *, zoned: bool) -> Iterator[tuple[str, pl.Series]]:
    stated = utc.drop_nulls()
    local = {zone: stated.dt.convert_time_zone(zone) for zone in MIDNIGHTS}
    at_exchange = utc.dt.convert_time_zone(NEW_YORK) if zoned else wall
    if _of_day(at_exchange.drop_nulls()).is_in([OPEN, CLOSE, EARLY_CLOSE]).all():
        yield "the open or close in New York", at_exchange.dt.date()
    for zone, stamps in local.items():
        if (_of_day(stamps) == 0).all():
            yield f"midnight in {zone}", utc.dt.convert_time_zone(zone).dt.date()


def _plus(stamps: pl.Series, counts: pl.Series, milliseconds: int) -> pl.Series:
    return stamps.cast(pl.Datetime("ms")) + (counts * milliseconds).cast(pl.Duration("ms"))


def _of_day(stamps: pl.Series) -> pl.Series:
    return stamps.dt.hour().cast(pl.Int64) * 3600 + stamps.dt.minute().cast(pl.Int64) * 60 + stamps.dt.second()


def _clock(forms: Forms) -> pl.Series:
    """Seconds after midnight at the exchange, where the zone is known; as written elsewhere."""
    days = next(iter(forms.days.values()))
    utc = _plus(_plus(days, forms.seconds, 1000), -forms.offset, 60_000).dt.replace_time_zone("UTC")
    return _of_day(utc.dt.convert_time_zone(NEW_YORK)).fill_null(forms.seconds)


def _chosen(readings: list[_Reading], values: pl.Series, name: str, forms: Forms) -> _Reading:
    """The one reading that puts the rows onto sessions.

    Raises:
        FileRefusedError: there is none.
        _AmbiguousError: there are several.
    """
    parsed = [reading.days.len() - reading.days.null_count() for reading in readings]
    hits = [_hits(reading.days) for reading in readings]
    if not values.len():
        return readings[0]
    if not any(parsed):
        raise FileRefusedError(
            f"cannot be read: column {name}: {values[0]!r} is no date ({values.len()} such values). {FIX}"
        )
    fitting = [one for one, hit in zip(readings, hits, strict=True) if hit >= values.len() * (1 - STRAY)]
    if len(fitting) > 1:
        fitting = [one for one in fitting if one.is_natural] or fitting
    if len(fitting) == 1:
        return fitting[0]
    _require_no_several_a_day(forms, values, name)
    if fitting:
        raise _AmbiguousError(fitting)
    natural = [place for place, one in enumerate(readings) if one.is_natural]
    if not natural:
        raise FileRefusedError(
            f"cannot be read: column {name}: {str(values[0])!r} ({forms.form}) and the others are sessions of the "
            f"exchange in no zone. {FIX}"
        )
    best = max(natural, key=lambda place: (parsed[place], hits[place]))
    rivals = [readings[p] for p in natural if parsed[p] == parsed[best] and hits[p] * 5 > hits[best] * 4 and p != best]
    if rivals:
        raise _AmbiguousError([readings[best], *rivals])
    unread = values.len() - parsed[best]
    is_mixed = unread > max(SLIPS, values.len() * (1 - DOUBTFUL)) or (unread and hits[best] < DOUBTFUL * parsed[best])
    if parsed[best] * 2 <= values.len() or is_mixed:
        odd = values.filter(readings[best].days.is_null())[0]
        raise FileRefusedError(
            f"cannot be read: column {name} mixes forms of dates: {str(odd)!r} is not {readings[best].words} as "
            f"{str(values.filter(readings[best].days.is_not_null())[0])!r} is. {FIX}"
        )
    return readings[best]


def _require_no_several_a_day(forms: Forms, values: pl.Series, name: str) -> None:
    """Refuse stamps of which many lie within one day as written."""
    days = next(iter(forms.days.values())).drop_nulls()
    if _has_times(forms) and days.n_unique() * 1.5 < len(days):
        raise FileRefusedError(
            f"holds no daily bars: column {name} has {len(days)} stamps of {days.n_unique()} days, the first "
            f"{str(values[0])!r}, as intraday bars have. Give daily bars"
        )


@cache
def _all_sessions() -> pl.Series:
    return pl.Series([sessions.all_sessions()], dtype=pl.List(pl.Date)).explode()


def _hits(days: pl.Series) -> int:
    """How many days are sessions; what lies outside the calendar may be one."""
    outside = ~days.is_between(sessions.CALENDAR_FIRST, sessions.CALENDAR_LAST)
    return int((days.is_in(_all_sessions().implode()) | outside).sum())


def _require_not_shifted(days: pl.Series, name: str) -> None:
    """Refuse dates that are no sessions but would be, every one of them, a day later or earlier."""
    known = days.drop_nulls()
    if known.len() < PROVES or _hits(known) >= DOUBTFUL * known.len():
        return
    for step, words in ((1, "later"), (-1, "earlier")):
        if _hits(known.dt.offset_by(f"{step}d")) >= known.len() * (1 - STRAY):
            odd = known.filter(~known.is_in(_all_sessions().implode()))[0]
            raise FileRefusedError(
                f"cannot be read: column {name}: {odd} is no session of the exchange, and a day {words} every "
                f"row is one: the dates are those of another zone. {FIX}"
            )
