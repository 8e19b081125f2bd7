"""Which sessions are held, which are missing, and what state a ticker is in."""

import datetime as dt
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
}
NAMED_SESSIONS: Final = 10


def cover(ticker: str, bars: pl.DataFrame, through: dt.date) -> pl.DataFrame:
    """One row: a ticker's coverage of the XNYS sessions from its first bar to `through`.

    Only final bars count. The status is the worst that applies: ``failed`` (nothing is held), ``stale`` (the
    last bar lies before `through`), ``gaps`` (a session between is missing), ``complete``.

    Args:
        ticker: Yahoo's name.
        bars: the ticker's `raw.bars`.
        through: the last session that should be held.
    """
    is_counted = pl.col("is_final") & (pl.col("session") <= through)
    held: list[dt.date] = bars.filter(is_counted).get_column("session").sort().to_list()
    first, last = (held[0], held[-1]) if held else (None, None)
    missing = sorted(set(sessions.between(first, through)) - set(held)) if first else []
    if last is None:
        status = "failed"
    elif last < sessions.at_or_before(through):
        status = "stale"
    else:
        status = "gaps" if missing else "complete"
    detail = _in_words(missing) if held else "no final bar is held"
    row = (ticker, first, last, len(held), len(missing), status, detail)
    return pl.DataFrame([row], schema=COVERAGE_SCHEMA, orient="row")


def _in_words(missing: list[dt.date]) -> str:
    if not missing:
        return ""
    more = f" and {len(missing) - NAMED_SESSIONS} more" if len(missing) > NAMED_SESSIONS else ""
    return "missing " + ", ".join(str(session) for session in missing[:NAMED_SESSIONS]) + more
