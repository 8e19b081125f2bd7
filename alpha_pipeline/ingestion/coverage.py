"""Which sessions are held, which are missing, and what state a ticker is in."""

import datetime as dt
from collections.abc import Collection
from typing import Final

import polars as pl

from alpha_pipeline import sessions

COVERAGE_SCHEMA: Final = {
    "ticker": pl.String(),
    "first_session": pl.Date(),
    "last_session": pl.Date(),
    "n_sessions": pl.Int64(),
    "n_missing": pl.Int64(),
    "status": pl.String(),
    "detail": pl.String(),
    "n_refused": pl.Int64(),
    "refused_share": pl.Float64(),
    "n_lost": pl.Int64(),
    "said": pl.String(),
    "failed_since": pl.Date(),
    "failed_through": pl.Date(),
    "failure": pl.String(),
}
# Of a refresh that answered, and of whose rows nothing is to be said.
ALL_TAKEN: Final = (0, 0.0, 0, "", None, None, "")


def cover(ticker: str, bars: pl.DataFrame, through: dt.date) -> pl.DataFrame:
    """One row: a ticker's coverage of the XNYS sessions from its first bar to `through`.

    Only final bars count. The status is the worst that applies: ``failed`` (nothing is held), ``stale`` (the
    last bar lies before `through`), ``gaps`` (a session between is missing), ``complete``. The columns that tell of
    the last refresh say that it answered and that all of its rows were taken.

    Args:
        ticker: Yahoo's name.
        bars: the ticker's `raw.bars`.
        through: the last session that should be held.
    """
    is_counted = pl.col("is_final") & (pl.col("session") <= through)
    held: list[dt.date] = bars.filter(is_counted).get_column("session").sort().to_list()
    first, last = (held[0], held[-1]) if held else (None, None)
    missing = missing_sessions(held, through)
    if last is None:
        status = "failed"
    elif last < sessions.at_or_before(through):
        status = "stale"
    else:
        status = "gaps" if missing else "complete"
    detail = in_words(missing) if held else "no final bar is held"
    row = (ticker, first, last, len(held), len(missing), status, detail, *ALL_TAKEN)
    return pl.DataFrame([row], schema=COVERAGE_SCHEMA, orient="row")


def missing_sessions(held: Collection[dt.date], through: dt.date) -> list[dt.date]:
    """The XNYS sessions from the first one held to `through` that are not held, ascending."""
    return sorted(set(sessions.between(min(held), through)) - set(held)) if held else []


def in_words(missing: list[dt.date]) -> str:
    """Every missing session by name; a run of them by its ends."""
    runs: list[list[dt.date]] = []
    for session in missing:
        if runs and sessions.position(session) == sessions.position(runs[-1][-1]) + 1:
            runs[-1].append(session)
        else:
            runs.append([session])
    return "missing " + ", ".join(_run_in_words(run) for run in runs) if runs else ""


def _run_in_words(run: list[dt.date]) -> str:
    return f"{run[0]} to {run[-1]} ({len(run)} sessions)" if len(run) > 2 else ", ".join(map(str, run))
