"""What of an answer was refused: how much, whether it is missed, and in words that name culprit and form."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.quality import PRICES
from alpha_pipeline.sources.base import Answer

# A refresh that refuses more of a ticker's rows than this is no detail.
MUCH_REFUSED: Final = 0.01

# Rules whose rows hold no value to show: what stood there in a file is in the answer's notes.
_UNREADABLE: Final = frozenset({"session_missing", "price_missing", "volume_missing"})
# The columns that a rule is about, and what is expected of them; of a rule about many rows the notes tell.
_FORMS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "session_missing": ((), "a date such as 2025-06-30"),
    "outside_calendar": ((), f"a date from {sessions.CALENDAR_FIRST} to {sessions.CALENDAR_LAST}"),
    "not_a_session": ((), "a day on which XNYS trades"),
    "after_through": ((), "no session after the last one wanted"),
    "price_missing": (PRICES, "a number"),
    "price_infinite": (PRICES, "a finite number"),
    "price_not_positive": (PRICES, "a price above 0"),
    "high_below_low": (("high", "low"), "a high of at least the low"),
    "open_outside_range": (("open", "low", "high"), "an open between low and high"),
    "close_outside_range": (("close", "low", "high"), "a close between low and high"),
    "volume_missing": (("volume",), "a number of shares"),
    "volume_negative": (("volume",), "0 shares or more"),
    "volume_too_large": (("volume",), "a number of shares that can be"),
    "duplicate": (("close",), "one row a session, or rows that agree"),
    "suspicious_print": (("close",), "a price near those before and after it"),
}


@dataclass(frozen=True)
class Refusals:
    """What was refused of one answer, and what else is to be said of its rows.

    Attributes:
        n_rows: rows of the answer.
        n_refused: those of them that were refused.
        n_lost: XNYS sessions that a refused row names and of which no final bar is held.
        words: how many were refused and why, then the notes; empty where nothing is to be said.
    """

    n_rows: int
    n_refused: int
    n_lost: int
    words: str

    @property
    def share(self) -> float:
        """The share of the rows that was refused, 0 to 1."""
        return min(self.n_refused / max(self.n_rows, 1), 1.0)


def refusals(
    answer: Answer,
    refused: pl.DataFrame,
    bars: pl.DataFrame,
    through: dt.date,
    notes: Sequence[str] = (),
    place: str = "",
) -> Refusals:
    """What was refused of an answer.

    Args:
        answer: what a source said about one ticker.
        refused: its rows that were not taken: columns session, reason, and those of the answer's values.
        bars: the ticker's `raw.bars`, held and fresh.
        through: the last session wanted.
        notes: what was noted of the rows beside the answer's own notes, sentences.
        place: where the rows were read, such as a file; empty where it goes without saying.
    """
    named: set[dt.date] = set(refused.get_column("session").drop_nulls())
    wanted = {day for day in named if day <= through and sessions.is_session(day)}
    held = set(bars.filter("is_final").get_column("session"))
    told = [*answer.notes, *notes]
    counted = [_counted(answer, refused, place, told)] if refused.height else []
    return Refusals(
        n_rows=answer.bars.height,
        n_refused=refused.height,
        n_lost=len(wanted - held),
        words=" ".join(words if words.endswith(".") else f"{words}." for words in [*counted, *told]),
    )


def _counted(answer: Answer, refused: pl.DataFrame, place: str, told: Sequence[str]) -> str:
    """How many rows were refused, by rule, the most frequent first, each with the first of its rows."""
    reasons = []
    by_rule = [(str(rule), rows) for (rule,), rows in refused.group_by("reason", maintain_order=True)]
    for rule, rows in sorted(by_rule, key=lambda one: -one[1].height):
        is_told = (answer.notes and rule in _UNREADABLE) or (told and rule not in _FORMS)
        first = "" if is_told else f" ({_offender(rule, rows.row(0, named=True))})"
        reasons.append(f"{rule} {rows.height:,}{first}")
    where = f" of {place}" if place else ""
    return f"{refused.height:,} of {answer.bars.height:,} rows{where} refused: {', '.join(reasons)}."


def _offender(rule: str, row: Mapping[str, object]) -> str:
    """Session, column and value of a refused row, and the form expected."""
    columns, form = _FORMS.get(rule, (("close",), ""))
    values = [f"{name} {_shown(row[name])}" for name in columns if _is_meant(rule, row[name])]
    place = " ".join([str(row["session"] or "no date"), *values])
    return f"{place}, expected {form}" if form else place


def _is_meant(rule: str, value: object) -> bool:
    """Whether the value of a column breaks a rule that is about any of several columns."""
    number = math.nan if value is None else float(str(value))
    if rule == "price_missing":
        return math.isnan(number)
    if rule == "price_infinite":
        return math.isinf(number)
    return rule != "price_not_positive" or number <= 0


def _shown(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) and not math.isnan(value) else "empty"
