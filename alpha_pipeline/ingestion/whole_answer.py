"""Rules about an answer as a whole: where so much of it cannot be, the rest of it is not believed either."""

from typing import Final

import polars as pl

from alpha_pipeline import sessions

# Dates of another calendar or zone: more than this share of the days are no sessions, and as many sessions are missing.
# A London or Tokyo calendar differs on up to 4 days in 100, a shift by one day on 20.
OTHER_CALENDAR: Final = 0.1
FEWEST_DAYS: Final = 10
# A column that is shifted by a row, or another ticker's, lies outside the day's range on 30 to 60 days in 100. On the
# others it looks sound and is as wrong. In the real bars no row is outside.
OUTSIDE_RANGE: Final = ("high_below_low", "open_outside_range", "close_outside_range")
MIXED: Final = 0.1
FEWEST_MIXED: Final = 5


def of_other_calendar(rows: pl.DataFrame) -> pl.Expr:
    """The reason for every row of an answer whose days are those of another calendar, or shifted; else null."""
    days = set(rows.get_column("session").drop_nulls())
    none = pl.lit(None, dtype=pl.String)
    if len(days) < FEWEST_DAYS:
        return none
    expected = set(sessions.between(min(days), max(days)))
    outside, missing = len(days - expected), len(expected - days)
    is_other = min(outside, missing) > OTHER_CALENDAR * len(days)
    return pl.when(pl.col("session").is_not_null()).then(pl.lit("other_calendar")) if is_other else none


def of_mixed_columns(reason: pl.Series) -> pl.Expr:
    """The reason for every row that looks sound in an answer of which many rows have a price outside the day's range.

    Args:
        reason: why each row was refused by itself, null where it was not.
    """
    n_outside = int(reason.is_in(OUTSIDE_RANGE).sum())
    is_mixed = n_outside >= FEWEST_MIXED and n_outside > MIXED * len(reason)
    return pl.lit("columns_mixed" if is_mixed else None, dtype=pl.String)
