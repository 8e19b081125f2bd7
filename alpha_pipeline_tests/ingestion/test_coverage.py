"""Coverage: held sessions against the calendar."""

import datetime as dt

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.coverage import ALL_TAKEN, COVERAGE_SCHEMA, cover

DAYS = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 1, 31))


def held(days: tuple[dt.date, ...], partial: tuple[dt.date, ...] = ()) -> pl.DataFrame:
    rows = {"session": days, "is_final": [day not in partial for day in days]}
    return pl.DataFrame(rows, schema={"session": pl.Date, "is_final": pl.Boolean})


@pytest.mark.parametrize(
    ("days", "status", "n_sessions", "n_missing", "detail"),
    [
        (DAYS, "complete", 21, 0, ""),
        ((*DAYS[:3], *DAYS[4:]), "gaps", 20, 1, "missing 2024-01-05"),
        (DAYS[:-2], "stale", 19, 2, "missing 2024-01-30, 2024-01-31"),
        ((), "failed", 0, 0, "no final bar is held"),
    ],
)
def test_states(days: tuple[dt.date, ...], status: str, n_sessions: int, n_missing: int, detail: str) -> None:
    row = cover("QQQ", held(days), DAYS[-1])
    assert dict(row.schema) == COVERAGE_SCHEMA
    first, last = (days[0], days[-1]) if days else (None, None)
    assert row.rows() == [("QQQ", first, last, n_sessions, n_missing, status, detail, *ALL_TAKEN)]


def test_a_partial_bar_does_not_count() -> None:
    assert cover("QQQ", held(DAYS, partial=DAYS[-1:]), DAYS[-1])["status"].item() == "stale"


def test_every_missing_session_is_named_and_a_run_of_them_by_its_ends() -> None:
    gone = {DAYS[2], *DAYS[5:9], *DAYS[15:17]}
    detail = cover("QQQ", held(tuple(day for day in DAYS if day not in gone)), DAYS[-1])["detail"].item()
    assert detail == "missing 2024-01-04, 2024-01-09 to 2024-01-12 (4 sessions), 2024-01-24, 2024-01-25"


def test_a_late_start_is_no_gap() -> None:
    assert cover("QQQ", held(DAYS[10:]), DAYS[-1])["status"].item() == "complete"


def test_bars_after_through_do_not_count() -> None:
    assert cover("QQQ", held(DAYS), DAYS[4])["n_sessions"].item() == 5


def test_through_a_weekend() -> None:
    assert cover("QQQ", held(DAYS[:4]), dt.date(2024, 1, 7))["status"].item() == "complete"
