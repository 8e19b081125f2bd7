"""The answer of `alpha refresh`: 80 columns hold it, and nothing is cut."""

import datetime as dt
import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from alpha_pipeline.reports.refresh_table import Line, Row, readings, table
from alpha_pipeline.sources.base import Reading

WORDS = (
    "2 of 16,123 rows of /home/somebody/prices [12]/A rather long folder/QQQ.csv refused: price_missing 2. "
    "QQQ.csv, column Close: 2 value(s) cannot be read, the first is '$210.3' at 2015-03-04. Write 210.3."
)
ROWS = (
    Row("QQQ", ("16,123", "1999-03-10", "2026-11-27", "16,123", "16,123", "16,123"), WORDS),
    Row("WDAY", (), "404"),
    Row("005930.KS-LONGER", ("1", "2026-11-27", "2026-11-27", "1", "0", "0")),
)
FILES = (
    Reading(
        "/data/prices/QQQ.csv",
        ("QQQ",),
        1025,
        dt.date(2012, 1, 3),
        dt.date(2016, 1, 29),
        columns=(("Date", "date"), ("Close", "adj_close"), ("Adj Close", "adj_close")),
        dates="day first, as in 31/12/2015",
        scale="raw prices, put on the basis of today by the column splitFactor",
        ignored=("QQQ.csv: the column Turnover is not used.",),
    ),
    Reading("/data/prices/notes.csv", refused="holds no row with a date. Take it out of the folder."),
    Reading("/data/all.parquet", tuple(f"T{place}" for place in range(9)), 9),
)


def shown(lines: Sequence[Line], *, is_terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=is_terminal, color_system=None)
    for line in lines:
        console.print(line.render(is_wrapped=is_terminal), highlight=False, soft_wrap=not is_terminal)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("lines", [table(ROWS), readings(FILES)], ids=["table", "readings"])
def test_a_terminal_of_80_columns_shows_every_word(lines: Sequence[Line]) -> None:
    text = shown(lines, is_terminal=True)
    assert max(len(line) for line in text.splitlines()) <= 80
    plain = shown(lines, is_terminal=False)
    assert "".join(text.split()) == "".join(plain.split())
    assert len(plain.splitlines()) == len(lines), "a log keeps what is said of one thing in a line"


def test_a_ticker_that_failed_is_a_row_with_its_reason() -> None:
    lines = shown(table(ROWS), is_terminal=False).splitlines()
    assert lines[0].split() == ["ticker", "sessions", "first", "last", "new", "revised", "refused"]
    assert lines[1].split() == ["QQQ", "16,123", "1999-03-10", "2026-11-27", "16,123", "16,123", "16,123"]
    assert lines[2].strip() == WORDS
    assert lines[4].split() == ["WDAY", "failed:", "404"]
    assert len(table([])) == 1


def test_those_that_failed_for_one_reason_are_named_together() -> None:
    rows = [Row("SPY", (), "not in two.parquet"), Row("WDAY", (), "404"), Row("NVDA", (), "not in two.parquet")]
    assert shown(table(rows), is_terminal=False).splitlines()[1:] == [
        "2 failed, not in two.parquet: SPY, NVDA",
        "WDAY    failed: 404",
    ]


def test_a_file_is_told_with_what_it_is_read_as_and_one_left_out_with_the_reason() -> None:
    lines = [line.strip() for line in shown(readings(FILES), is_terminal=False).splitlines()]
    assert lines == [
        "/data/prices/QQQ.csv",
        "holds: 1,025 rows of QQQ, 2012-01-03 to 2016-01-29",
        "columns: Date, Close as adj_close, Adj Close",
        "dates: day first, as in 31/12/2015",
        "prices: raw prices, put on the basis of today by the column splitFactor",
        "not used: QQQ.csv: the column Turnover is not used.",
        "/data/prices/notes.csv",
        "left out: it holds no row with a date. Take it out of the folder.",
        "/data/all.parquet",
        "holds: 9 rows of T0, T1, T2, T3, T4, T5 and 3 more",
    ]
