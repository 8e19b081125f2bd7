"""Days that Python can hold: what a damaged object says can be of the year 2,900,000, of which Polars dies."""

import datetime as dt
from typing import Final

import polars as pl

_EPOCH: Final = dt.date(1970, 1, 1)
_FIRST: Final = (dt.date.min - _EPOCH).days
_LAST: Final = (dt.date.max - _EPOCH).days
_A_DAY: Final = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def impossible(rows: pl.DataFrame) -> str | None:
    """The first column with a day before the year 1 or after the year 9999, or None."""
    return next((name for name, dtype in rows.schema.items() if not _is_possible(rows.get_column(name), dtype)), None)


def _is_possible(values: pl.Series, dtype: pl.DataType) -> bool:
    if not isinstance(dtype, pl.Date | pl.Datetime):
        return True
    a_day = 1 if isinstance(dtype, pl.Date) else _A_DAY[dtype.time_unit]
    low, high = values.to_physical().min(), values.to_physical().max()
    if not isinstance(low, int) or not isinstance(high, int):  # no value at all
        return True
    return _FIRST * a_day <= low and high < (_LAST + 1) * a_day
