"""What a second source says about a series that is held: where the two disagree, and what it alone knows."""

import datetime as dt
from typing import Final

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.restatement import BARS_SCHEMA

# A cent on a ^VIX of 10. Yahoo's rounding to float32 is four orders below.
TOLERANCE: Final = 1e-3
# Yahoo and CBOE differ on 2 closes of ^VIX in 1000. A source that differs on 1 in 10 speaks of something else.
MOST_DISAGREEING: Final = 0.1


def closes(bars: pl.DataFrame, opinion: pl.DataFrame) -> pl.DataFrame:
    """The closes of every session that both hold: session, close, opinion_close, difference.

    Bars that came from the opinion themselves, and bars that are not final, are not compared.

    Args:
        bars: `raw.bars` of the ticker.
        opinion: columns session, close and source of the other source.

    Returns:
        Ascending; difference is close / opinion_close - 1.
    """
    own = bars.filter("is_final").join(opinion, on=["session", "source"], how="anti").select("session", "close")
    pairs = own.join(opinion.select("session", opinion_close="close"), on="session")
    return pairs.with_columns(difference=pl.col("close") / pl.col("opinion_close") - 1).sort("session")


def disagreements(bars: pl.DataFrame, opinion: pl.DataFrame, tolerance: float = TOLERANCE) -> pl.DataFrame:
    """The rows of `closes` that differ by more than `tolerance`, a share of the opinion's close."""
    return closes(bars, opinion).filter(pl.col("difference").abs() > tolerance)


def is_of_the_same_series(bars: pl.DataFrame, opinion: pl.DataFrame) -> bool:
    """Whether the two agree often enough for one to stand in for the other; never without a session in common."""
    n_compared = closes(bars, opinion).height
    return n_compared > 0 and disagreements(bars, opinion).height <= MOST_DISAGREEING * n_compared


def fill_missing(bars: pl.DataFrame, opinion: pl.DataFrame, through: dt.date) -> pl.DataFrame:
    """The opinion's bars of the sessions after the first held one, up to `through`, that are not held.

    Nothing is filled from an opinion that is not of the same series. A held bar is never replaced.

    Args:
        bars: `raw.bars` of the ticker.
        opinion: trusted bars of the other source, columns of `BARS_SCHEMA`.
        through: the last session wanted.

    Returns:
        Columns of `BARS_SCHEMA`, ascending, final bars only, with the opinion's own source.
    """
    if not is_of_the_same_series(bars, opinion):
        return pl.DataFrame(schema=BARS_SCHEMA)
    held: list[dt.date] = bars.get_column("session").to_list()
    wanted = set(sessions.between(min(held), through)) - set(held)
    missing = opinion.filter("is_final", pl.col("session").is_in(wanted))
    return missing.select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items()).sort("session")
