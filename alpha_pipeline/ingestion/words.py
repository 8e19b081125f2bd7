"""What was refused for more than a row's own sake, in sentences with two values side by side."""

from typing import Final

import polars as pl

MEANINGS: Final = {
    "other_scale": "are on another scale than the rows around them",
    "adj_close_other_scale": "have an adjusted close on another scale than the rows around them",
    "unexplained_move": "lie after a jump by a split ratio that no action explains, or that a listed split left",
    "unlisted_split": "lie before a jump that only a split explains: none is listed, so they are on another basis",
    "volume_lost": "move without any volume, while the ticker's other bars have one",
    "repeated": "repeat the bars before them to the last share: they were filled in",
    "columns_mixed": "look sound in an answer that has an open or a close outside the range of many days: a column is "
    "shifted or of something else",
    "other_calendar": "belong to an answer whose days are shifted or of another calendar: many are no sessions, and as "
    "many sessions are missing",
}
# The refused rows are named by the value that shows the reason.
SHOWN: Final = {"adj_close_other_scale": "adj_close", "volume_lost": "volume"}
MANY: Final = 5
NOT_A_SESSION: Final = "not_a_session"


def in_words(refused: pl.DataFrame, rows: pl.DataFrame) -> list[str]:
    """One sentence for each of the `MEANINGS` that rows were refused for, and for many days that are no sessions.

    Args:
        refused: columns of an answer's bars and ``reason``.
        rows: the answer's rows, one per session, ascending; the row before a refused one is put beside it.
    """
    told = [_sentence(refused.filter(reason=name), rows, name) for name in MEANINGS]
    strays = refused.filter(reason=NOT_A_SESSION).sort("session")
    if strays.height > MANY:
        day = strays["session"][0]
        told.append(f"{strays.height} rows are of days without a session, the first {day:%A}, {day} ({NOT_A_SESSION})")
    return [sentence for sentence in told if sentence]


def _sentence(off: pl.DataFrame, rows: pl.DataFrame, name: str) -> str:
    if off.is_empty():
        return ""
    off, value = off.sort("session"), SHOWN.get(name, "close")
    first, last = off["session"][0], off["session"][-1]
    beside = rows.filter(pl.col("session") < first).tail(1)
    if beside.is_empty() or name == "unlisted_split":
        first = last
        beside = rows.filter(pl.col("session") > last).head(1)
    shown = off.filter(session=first)[value][0]
    other = f", {beside[value][0]:g} on {beside['session'][0]}" if beside.height else ""
    return (
        f"{off.height} rows from {off['session'][0]} to {last} {MEANINGS[name]} "
        f"({value} {shown:g} on {first}{other}); refused as {name}"
    )
