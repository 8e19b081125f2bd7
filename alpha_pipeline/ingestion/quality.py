"""Which rows of an answer can be trusted, and why the others cannot.

Every row is accepted, or refused under one named rule: the first that it breaks, in the order of this file.
True extremes are no errors: a fund that loses 83 % in a day and stays there is accepted.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.ingestion.jumps import split_ratios
from alpha_pipeline.ingestion.scale import is_held, other_scale
from alpha_pipeline.ingestion.unsplit import CONFIRMING_SESSIONS, broken, mended
from alpha_pipeline.ingestion.whole_answer import of_mixed_columns, of_other_calendar
from alpha_pipeline.ingestion.words import in_words
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.universe import is_index

PRICES: Final = ("open", "high", "low", "close", "adj_close")
VALUES: Final = (*PRICES, "volume")
QUARANTINE_SCHEMA: Final = {
    "ticker": pl.String(),
    "session": pl.Date(),
    "reason": pl.String(),
    **{name: pl.Float64() for name in VALUES},
    "source": pl.String(),
    "fetched_at": pl.Datetime("us", "UTC"),
}

# Adjusted prices carry float32 precision: an open equal to the low may differ from it in the last bits.
TOLERANCE: Final = 1e-6
# A print this many times off the prices before and after it is an error of unit or a bad tick. The
# largest true move in a day is SVXY's fall by a factor of 5.9 in February 2018, which did not revert.
SPIKE_FACTOR: Final = 5.0
# At either end of an answer one side is unknown, so a spike cannot be told from a move. Only what no market
# does is refused, until the next answer confirms it.
EDGE_SPIKE_FACTOR: Final = 20.0
LARGEST_VOLUME: Final = 9e18  # what an Int64 holds
# A bar that moves has traded. Where most bars of a ticker have a volume, one of none that moves lost it, unless so many
# reverse splits lie ahead of it that its few shares round to none (UVXY to 2014, above 2e8).
MOSTLY: Final = 0.5
LARGEST_ROUNDED: Final = 1e6
# A bar is now and then that of the session before, to the last share (BIL in 2014). Two in a row were filled in.
REPEATS: Final = 2


@dataclass(frozen=True)
class Judgement:
    """An answer's rows, split.

    Attributes:
        accepted: columns of the answer's bars, one row per session, ascending, values as they came, or mended.
        refused: the same columns and ``reason``.
        notes: what was mended or refused for more than a row's own sake, one sentence each.
    """

    accepted: pl.DataFrame
    refused: pl.DataFrame
    notes: tuple[str, ...] = ()


def judge(
    answer: Answer, through: dt.date, held: pl.DataFrame | None = None, splits: Mapping[dt.date, float] | None = None
) -> Judgement:
    """Split an answer's rows into accepted and refused.

    Of sound rows of one session that differ, the one that is held is kept; of the newest session the last, for it may
    have been under way at the first; else none. Those that say the same are one. A row without any value is an absence
    and neither accepted nor refused.

    Args:
        answer: what a source said.
        through: the last session wanted; later rows are refused.
        held: the ticker's `raw.bars`; which of two scales is right is told by them.
        splits: new shares per old one by session, where more are known than the answer names.
    """
    held = pl.DataFrame(schema={"session": pl.Date, **dict.fromkeys(VALUES, pl.Float64)}) if held is None else held
    splits = {**(splits or {}), **split_ratios(answer.actions)}
    rows = answer.bars.filter(~_is_empty())
    if is_index(answer.ticker):
        rows = rows.with_columns(pl.col("volume").fill_nan(None).fill_null(0.0))
    rows = rows.with_columns(reason=pl.coalesce(of_other_calendar(rows), _first_broken(through)))
    rows = rows.with_columns(reason=pl.coalesce("reason", of_mixed_columns(rows.get_column("reason"))))
    sound = rows.filter(pl.col("reason").is_null())
    sound = sound.unique(["session", *VALUES], keep="last", maintain_order=True)
    sound = sound.with_columns(reason=pl.when(_is_contradicted(sound, held)).then(pl.lit("duplicate")))
    single = sound.filter(pl.col("reason").is_null()).sort("session")
    single = single.with_columns(reason=_between_rows(single, held, splits, answer.ticker))
    on_one_scale = single.filter(pl.col("reason").is_null())
    even, mending = mended(on_one_scale, splits)
    even = even.with_columns(reason=broken(even, splits, is_held(even, held), _first_of(held)))
    is_refused = pl.col("reason").is_not_null()
    # What is refused is kept as it came, not as it was mended.
    parted = on_one_scale.with_columns(even.get_column("reason"))
    refused = pl.concat([frame.filter(is_refused) for frame in (rows, sound, single, parted)])
    return Judgement(
        accepted=even.filter(~is_refused).drop("reason"),
        refused=refused.sort("session", "reason", *VALUES),
        notes=(*mending, *in_words(refused, single)),
    )


def _first_of(held: pl.DataFrame) -> dt.date | None:
    days: list[dt.date] = held.get_column("session").to_list()
    return min(days, default=None)


def _between_rows(rows: pl.DataFrame, held: pl.DataFrame, splits: Mapping[dt.date, float], ticker: str) -> pl.Series:
    """Why a row cannot stand beside the others, single rows of each session, ascending; null where it can."""
    prices, adjusted = other_scale(rows, splits, is_held(rows, held), n_recent=CONFIRMING_SESSIONS)
    single = rows.with_row_index().filter(~pl.Series(prices))
    prints = single.filter(_is_suspicious()).get_column("index")
    is_print = rows.with_row_index().get_column("index").is_in(prints.implode())
    lost = _lost_volume(rows, held) if not is_index(ticker) else pl.lit(value=False)
    repeated = [_is_repeated(n) for n in range(REPEATS)]
    rules = (
        ("other_scale", pl.Series(prices)),
        ("suspicious_print", is_print),
        ("adj_close_other_scale", pl.Series(adjusted)),
        ("volume_lost", lost),
        ("repeated", pl.any_horizontal(repeated)),
    )
    return rows.select(reason=pl.coalesce(pl.when(broken).then(pl.lit(name)) for name, broken in rules)).to_series()


def _is_repeated(n_before: int) -> pl.Expr:
    """Whether a bar that moves is one of `REPEATS` in a row that repeat the one before, with `n_before` ahead of it."""
    moved = pl.col("high") > pl.col("low") * (1 + TOLERANCE)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in VALUES) & moved
    run = pl.all_horizontal(same.shift(n_before - at) for at in range(REPEATS))
    return run.fill_null(value=False)


def _is_contradicted(sound: pl.DataFrame, held: pl.DataFrame) -> pl.Series:
    """Whether a row is one of several that differ for a session, and not the one that is to be believed.

    Args:
        sound: rows that are sound each by itself and differ from one another.
        held: the ticker's `raw.bars`.
    """
    day, known = pl.col("session"), pl.col("known")
    last_known = known & (known.cum_sum().over(day) == known.sum().over(day))
    newest = day.is_last_distinct() & (day == day.max())
    believed = pl.when(known.any().over(day)).then(last_known).otherwise(newest)
    rows = sound.select("session", known=pl.Series(is_held(sound, held), dtype=pl.Boolean))
    return rows.select(contradicted=day.is_duplicated() & ~believed).to_series()


def _lost_volume(rows: pl.DataFrame, held: pl.DataFrame) -> pl.Expr:
    """Whether a bar moved without volume, of a ticker whose bars mostly have one."""
    volumes = pl.concat([rows.get_column("volume"), held.get_column("volume").cast(pl.Float64)])
    is_traded = len(volumes) > 0 and (volumes > 0).sum() >= MOSTLY * len(volumes)
    moved = pl.col("high") > pl.col("low") * (1 + TOLERANCE)
    return (pl.col("volume") == 0) & moved & (pl.col("close") < LARGEST_ROUNDED) & pl.lit(is_traded)


def quarantined(held: pl.DataFrame, refused: pl.DataFrame, source: str, now: dt.datetime) -> pl.DataFrame:
    """The held quarantine and what was refused now, in the columns of `QUARANTINE_SCHEMA`.

    A row refused before, with the same values under the same rule, keeps its time. Several rows refused under
    one rule in one session (or without a session) are numbered: ``duplicate``, ``duplicate #2``.
    """
    rule = pl.col("reason").str.replace(r" #\d+$", "").alias("rule")
    fresh = refused.with_columns(source=pl.lit(source), fetched_at=pl.lit(now))
    fresh = fresh.select(pl.col(name).cast(dtype) for name, dtype in QUARANTINE_SCHEMA.items())
    # As text #10 comes before #2; the numbers given before must come out again.
    held = held.sort(pl.col("reason").str.extract(r" #(\d+)$").cast(pl.Int64), nulls_last=False, maintain_order=True)
    merged = pl.concat([held.select(*QUARANTINE_SCHEMA), fresh]).with_columns(rule)
    merged = merged.unique(["session", "rule", *VALUES], keep="first", maintain_order=True)
    number = pl.int_range(1, pl.len() + 1).over("session", "rule")
    numbered = pl.when(number == 1).then(pl.col("rule")).otherwise(pl.format("{} #{}", "rule", number))
    return merged.with_columns(reason=numbered).select(*QUARANTINE_SCHEMA).sort("session", "reason")


def _is_empty() -> pl.Expr:
    """Whether a dated row holds no price and no volume: a hole, or the mark of an ex-date before its open."""
    no_price = [pl.col(name).fill_nan(None).is_null() for name in PRICES]
    no_volume = pl.col("volume").fill_nan(None).fill_null(0.0) == 0
    return pl.all_horizontal(pl.col("session").is_not_null(), no_volume, *no_price)


def _first_broken(through: dt.date) -> pl.Expr:
    """The name of the first rule that a row breaks by itself; null where it breaks none."""
    session, volume = pl.col("session"), pl.col("volume")
    low, high = pl.col("low") * (1 - TOLERANCE), pl.col("high") * (1 + TOLERANCE)
    rules = (
        ("session_missing", session.is_null()),
        ("outside_calendar", ~session.is_between(sessions.CALENDAR_FIRST, sessions.CALENDAR_LAST)),
        ("not_a_session", ~session.is_in(_sessions())),
        ("after_through", session > through),
        ("price_missing", pl.any_horizontal(pl.col(PRICES).is_null() | pl.col(PRICES).is_nan())),
        ("price_infinite", pl.any_horizontal(pl.col(PRICES).is_infinite())),
        ("price_not_positive", pl.any_horizontal(pl.col(PRICES) <= 0)),
        ("high_below_low", high < low),
        ("open_outside_range", ~pl.col("open").is_between(low, high)),
        ("close_outside_range", ~pl.col("close").is_between(low, high)),
        ("volume_missing", volume.is_null() | volume.is_nan()),
        ("volume_negative", volume < 0),
        ("volume_too_large", volume > LARGEST_VOLUME),
    )
    return pl.coalesce(pl.when(broken).then(pl.lit(name)) for name, broken in rules)


@cache
def _sessions() -> pl.Series:
    return pl.Series([sessions.all_sessions()], dtype=pl.List(pl.Date))


def _is_suspicious() -> pl.Expr:
    """Whether a price is far off, in the same direction, from the prices on both sides of it.

    The level of a side is the median of up to three neighbours, so that two bad prints in a row are both
    seen. At an end, where one side is missing, three neighbours are needed on the other, and the nearest must
    agree.
    """
    return pl.any_horizontal(_reverts(name) | _stands_alone(name) for name in PRICES)


def _sides(name: str) -> tuple[pl.Expr, pl.Expr]:
    """The levels a price is compared with: those before it, and those after it in reverse order."""
    level = pl.col("adj_close" if name == "adj_close" else "close")
    return level.shift(1), level.reverse().shift(1)


def _reverts(name: str) -> pl.Expr:
    price = pl.col(name)
    past, future = _sides(name)
    before = price / past.rolling_median(3, min_samples=1)
    after = price / future.rolling_median(3, min_samples=1).reverse()
    up = (before > SPIKE_FACTOR) & (after > SPIKE_FACTOR)
    down = (before < 1 / SPIKE_FACTOR) & (after < 1 / SPIKE_FACTOR)
    return (up | down).fill_null(value=False)


def _stands_alone(name: str) -> pl.Expr:
    price = pl.col(name)
    past, future = _sides(name)
    is_last, is_first = future.reverse().is_null(), past.is_null()
    at_end = is_last & _both_far(price / past, price / past.rolling_median(3, min_samples=3))
    nearest, median = future.reverse(), future.rolling_median(3, min_samples=3).reverse()
    at_start = is_first & _both_far(price / nearest, price / median)
    return (at_end | at_start).fill_null(value=False)


def _both_far(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    up = (one > EDGE_SPIKE_FACTOR) & (other > EDGE_SPIKE_FACTOR)
    down = (one < 1 / EDGE_SPIKE_FACTOR) & (other < 1 / EDGE_SPIKE_FACTOR)
    return up | down
