"""Answers that contradict the bars held: what was set aside of them, since when, and in which words.

The facts are rows of the quarantine. While a later answer has not settled a row, its reason is one of `OPEN`.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from alpha_pipeline.ingestion.quality import VALUES

WOULD_REWRITE: Final = "would_rewrite_history"
OTHER_CALENDAR: Final = "other_calendar"
OPEN: Final = (WOULD_REWRITE, OTHER_CALENDAR)
SETTLED: Final = "settled"
# Days without a session are refused one by one; so many of them, in so large a share of the bars held, tell of more.
NOT_A_SESSION: Final = "not_a_session"
FEW_DAYS: Final = 5
FEW_DAYS_SHARE: Final = 0.05
FIX: Final = (
    "The held bars stay. `--take-corrections` on the next refresh takes the others, if they are the right ones."
)


@dataclass(frozen=True)
class Dispute:
    """What of one ticker's answers was set aside and is not settled.

    Attributes:
        ticker: Yahoo's name.
        reason: of the quarantine.
        since: the first time at which one of the rows was set aside, ISO.
        words: share and two values side by side, one sentence.
    """

    ticker: str
    reason: str
    since: str
    words: str


def rule() -> pl.Expr:
    """The reason of a quarantined row without its number."""
    return pl.col("reason").str.replace(r" #\d+$", "")


def settled(quarantine: pl.DataFrame, accepted: pl.DataFrame, aside: pl.DataFrame) -> pl.DataFrame:
    """The quarantine after another answer: rows set aside before are settled where it says otherwise.

    Args:
        quarantine: the ticker's `raw.quarantine`.
        accepted: sound bars of the answer.
        aside: those of them that were set aside again.
    """
    agreed = accepted.join(aside, on="session", how="anti").get_column("session")
    over = (rule() == WOULD_REWRITE) & pl.col("session").is_in(agreed.implode())
    over |= (rule() == OTHER_CALENDAR) & pl.lit(accepted.height > 0)
    return quarantine.with_columns(
        reason=pl.when(over).then(pl.format("{}_{}", rule(), pl.lit(SETTLED))).otherwise("reason")
    )


def open_rows(quarantine: pl.DataFrame) -> pl.DataFrame:
    """The rows of a quarantine that no later answer has settled."""
    return quarantine.filter(rule().is_in(OPEN))


def disputes(ticker: str, bars: pl.DataFrame, quarantine: pl.DataFrame) -> list[Dispute]:
    """What a person has to look at: answers that were set aside, and many days without a session.

    Args:
        ticker: Yahoo's name.
        bars: its `raw.bars`.
        quarantine: its `raw.quarantine`.
    """
    found = []
    for reason in OPEN:
        rows = quarantine.filter(rule() == reason)
        if rows.height:
            told = rewriting_in_words(bars, rows, None) if reason == WOULD_REWRITE else []
            words = told[0] if told else f"{_days_in_words(rows)}. {FIX}"
            found.append(Dispute(ticker, reason, str(rows["fetched_at"].min()), f"{ticker}: {words}"))
    strays = quarantine.filter(rule() == NOT_A_SESSION)
    if strays.height > max(FEW_DAYS, FEW_DAYS_SHARE * bars.height) and not found:
        words = f"{ticker}: {_days_in_words(strays)}, beside {bars.height} bars held"
        found.append(Dispute(ticker, NOT_A_SESSION, str(strays["fetched_at"].min()), words))
    return found


def rewriting_in_words(held: pl.DataFrame, aside: pl.DataFrame, n_compared: int | None) -> list[str]:
    """What would be rewritten: the share, and the newest session's value that differs most beside the held one.

    Args:
        held: bars.
        aside: rows that were set aside.
        n_compared: bars that the answer and the held ones share; None: those held from the first such row on.
    """
    rows = aside.drop_nulls("session").unique("session", keep="last").sort("session")
    pairs = held.select("session", *VALUES).join(rows, on="session", suffix="_fresh").sort("session")
    off = [((pl.col(f"{n}_fresh") / pl.col(n)).log().abs()).fill_nan(0.0).fill_null(0.0).alias(n) for n in VALUES]
    away = pairs.select(off)
    apart = pairs.filter(away.max_horizontal() > 0) if pairs.height else pairs
    if apart.is_empty():
        return []
    newest = apart.row(-1, named=True)
    name = max(VALUES, key=lambda one: away.filter(away.max_horizontal() > 0)[one][-1])
    total = n_compared or held.filter(pl.col("session") >= rows["session"][0]).height
    words = (
        f"{apart.height} of {total} held bars ({apart.height / total:.0%}) would be rewritten without a split or "
        f"dividend that says so: {name} of {newest['session']} is {newest[name]:.10g} here and "
        f"{newest[f'{name}_fresh']:.10g} in the answer. {FIX}"
    )
    return [words]


def _days_in_words(rows: pl.DataFrame) -> str:
    days = rows.drop_nulls("session").sort("session")["session"]
    return f"{len(rows)} rows were refused for their days, from {days[0]:%A}, {days[0]} to {days[-1]:%A}, {days[-1]}"
