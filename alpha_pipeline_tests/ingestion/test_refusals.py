"""What is said of refused rows: culprit, value and the form expected, and whether they are missed."""

import datetime as dt

import polars as pl
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.ingest import ingest
from alpha_pipeline.ingestion.refusals import Refusals, refusals
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline.warehouse.tables import raw

DAYS = sessions.between(dt.date(2024, 1, 2), dt.date(2024, 1, 31))
SUNDAY = dt.date(2024, 1, 7)


def judged(notes: tuple[str, ...] = (), place: str = "", **wrong: tuple[dt.date, object]) -> Refusals:
    """What is said of a month of bars at 10 in which the given columns are wrong on the given days."""
    rows = pl.DataFrame({"session": DAYS}).with_columns(
        *(pl.lit(10.0).alias(name) for name in ("open", "high", "low", "close", "adj_close")),
        ticker=pl.lit("QQQ"),
        volume=pl.lit(5.0),
        is_final=pl.lit(value=True),
    )
    for name, (day, value) in wrong.items():
        there = pl.col("session") == day
        rows = rows.with_columns(pl.when(there).then(pl.lit(value)).otherwise(name).cast(rows.schema[name]).alias(name))
    bars = rows.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())
    answer = Answer("QQQ", bars, pl.DataFrame(schema=ACTION_SCHEMA), "files", notes)
    now = sessions.close_time(DAYS[-1]) + dt.timedelta(hours=2)
    made = ingest(answer, raw.BARS.empty(), raw.QUARANTINE.empty(), now=now, through=DAYS[-1])
    return refusals(answer, made.refused, made.bars, DAYS[-1], made.notes, place)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("close", None, "price_missing 1 (2024-01-04 close empty, expected a number)"),
        ("close", float("inf"), "price_infinite 1 (2024-01-04 close inf, expected a finite number)"),
        ("low", -3.0, "price_not_positive 1 (2024-01-04 low -3, expected a price above 0)"),
        ("high", 1.5, "high_below_low 1 (2024-01-04 high 1.5 low 10, expected a high of at least the low)"),
        ("open", 99.0, "open_outside_range 1 (2024-01-04 open 99 low 10 high 10, expected an open between"),
        ("volume", -1.0, "volume_negative 1 (2024-01-04 volume -1, expected 0 shares or more)"),
    ],
)
def test_a_refused_row_is_told_with_its_session_column_value_and_the_form(
    name: str, value: float | None, words: str
) -> None:
    told = judged(place="bars.csv", **{name: (DAYS[2], value)})
    assert told.words.startswith("1 of 21 rows of bars.csv refused: ")
    assert words in told.words
    assert (told.n_refused, told.n_lost, told.share) == (1, 1, pytest.approx(1 / 21))


def test_nothing_is_said_of_sound_rows_and_a_day_without_trading_is_not_missed() -> None:
    assert judged() == Refusals(21, 0, 0, "")
    told = judged(session=(DAYS[3], SUNDAY))
    assert told.words == ("1 of 21 rows refused: not_a_session 1 (2024-01-07, expected a day on which XNYS trades).")
    assert (told.n_refused, told.n_lost) == (1, 0)


def test_rows_that_contradict_each_other_are_refused_and_their_session_is_missed() -> None:
    told = judged(volume=(DAYS[3], 6.0), session=(DAYS[3], DAYS[2]))
    assert (told.n_refused, told.n_lost) == (2, 1)
    assert "expected one row a session" in told.words


def test_what_the_source_said_of_a_value_that_it_could_not_read_is_not_said_twice() -> None:
    note = "bars.csv, column Close: 1 value(s) cannot be read, the first is 'n/a' at 2024-01-04."
    told = judged((note,), "bars.csv", close=(DAYS[2], None), low=(DAYS[3], -3.0))
    assert told.words == (
        "2 of 21 rows of bars.csv refused: price_missing 1, "
        f"price_not_positive 1 (2024-01-05 low -3, expected a price above 0). {note}"
    )
