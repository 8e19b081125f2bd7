"""What a fresh answer changes in the bars already held.

Yahoo rewrites the past: a split rescales every earlier row, a dividend every earlier adjusted close, and a
bar fetched during the session was not final. The fresh values win, the replaced ones are kept as revisions,
and a row that says the same keeps the time at which it was first fetched, so that a repeated run changes
nothing. An answer that corrects many final bars without a split or dividend is of another zone, vendor or scale: it is
set aside.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl

from alpha_pipeline.ingestion.basis import SAME_RATIO, Basis, explained, most_corrections, moved
from alpha_pipeline.ingestion.quality import PRICES, VALUES

BARS_SCHEMA: Final = {
    "ticker": pl.String(),
    "session": pl.Date(),
    **{name: pl.Float64() for name in PRICES},
    "volume": pl.Int64(),
    "source": pl.String(),
    "fetched_at": pl.Datetime("us", "UTC"),
    "is_final": pl.Boolean(),
}
REVISIONS_SCHEMA: Final = {
    "ticker": pl.String(),
    "session": pl.Date(),
    "superseded_at": pl.Datetime("us", "UTC"),
    **{name: pl.Float64() for name in PRICES},
    "volume": pl.Int64(),
    "source": pl.String(),
    "fetched_at": pl.Datetime("us", "UTC"),
    "cause": pl.String(),
}

# So many of the bars next to the new ones have to be the held ones, for the new ones to be of the same series.
AGREEING: Final = 5


@dataclass(frozen=True)
class Comparison:
    """The held bars after an answer.

    Attributes:
        bars: columns of `BARS_SCHEMA`, ascending.
        revisions: columns of `REVISIONS_SCHEMA`: what was replaced or withdrawn.
        needs_full_history: a split or dividend moved the earliest row that the answer shares with the held
            bars, and earlier rows are held: those are still on the old basis.
        set_aside: bars of the answer that would rewrite the history, columns of `BARS_SCHEMA`; none of them was taken.
        n_compared: final bars that both hold.
        n_ahead: held bars whose time lies after this machine's clock, of those that both hold.
    """

    bars: pl.DataFrame
    revisions: pl.DataFrame
    needs_full_history: bool
    set_aside: pl.DataFrame
    n_compared: int
    n_ahead: int


def compare(
    held: pl.DataFrame,
    fresh: pl.DataFrame,
    withdrawn: pl.DataFrame,
    now: dt.datetime,
    *,
    basis: Basis | None = None,
    take_corrections: bool = False,
    clock: dt.datetime | None = None,
) -> Comparison:
    """Merge fresh bars into the held ones.

    Held sessions that the answer lacks stay, on the basis of the answer: where the bars around one were rescaled
    by a split or dividend it is rescaled alike, and where they disagree it is withdrawn, because either basis would
    make a false return. A bar that is not final never replaces one that is. A held bar that was fetched later than the
    answer stays, unless its time lies after this machine's clock: then the clock was ahead when it was fetched, nobody
    knows when that was, and it gets the answer's time, whether it says the same or not.

    More than `most_corrections` of final bars at once are not taken: what differs is set aside, and so are new bars
    unless those held next to them are confirmed.

    Args:
        held: `raw.bars` of the ticker.
        fresh: trusted bars of the answer, columns of `BARS_SCHEMA`.
        withdrawn: rows of the answer that turned out to be bad prints; a held bar that is one is taken out.
        now: when the held values are superseded.
        basis: which splits and payments are listed.
        take_corrections: take corrections, however many.
        clock: this machine's time, whatever time is replayed; `now` when None.
    """
    clock = clock or now
    held, basis = held.select(*BARS_SCHEMA), basis or Basis({})
    aside = fresh.clear() if take_corrections else _would_rewrite(held, fresh, basis, clock)
    if aside.height:
        fresh, withdrawn = fresh.join(aside, on="session", how="anti"), withdrawn.clear()
    pairs = _pairs(held, fresh, basis, clock)
    changed = pairs.filter("is_changed")
    same_print = pl.all_horizontal(~moved(name) for name in VALUES)
    retired = held.join(withdrawn, on="session", suffix="_fresh").filter(same_print)
    retired = retired.with_columns(cause=pl.lit("correction"))
    lacking = held.join(fresh, on="session", how="anti").join(retired, on="session", how="anti")
    inside = pl.col("session") > pl.lit(pairs.get_column("session").min(), dtype=pl.Date)
    stranded = _stranded(lacking.filter(inside), pairs, changed)
    revisions = pl.concat([_revisions(rows, now) for rows in (changed, retired, stranded)]).sort("session")
    kept = _restamped(held.join(revisions, on="session", how="anti"), fresh, clock)
    added = fresh.select(*BARS_SCHEMA).join(kept, on="session", how="anti")
    bars = pl.concat([kept, added, _rescaled(stranded, now)]).sort("session")
    n_compared = pairs.filter("is_final").height + aside.join(held.filter("is_final"), on="session").height
    n_ahead = pairs.filter(pl.col("fetched_at") > clock).height
    return Comparison(bars, revisions, _needs_full_history(held, pairs, changed), aside, n_compared, n_ahead)


def _restamped(kept: pl.DataFrame, fresh: pl.DataFrame, clock: dt.datetime) -> pl.DataFrame:
    """The bars that stay; those of a time to come that the answer confirms have the answer's time."""
    confirmed = kept.filter(pl.col("fetched_at") > clock).join(fresh, on="session", suffix="_fresh")
    same = pl.all_horizontal(~moved(name) for name in VALUES)
    times = confirmed.filter(same, pl.col("fetched_at_fresh") <= clock).select("session", pl.col("fetched_at_fresh"))
    if times.is_empty():
        return kept
    stamped = kept.join(times, on="session", how="left", maintain_order="left")
    return stamped.with_columns(fetched_at=pl.coalesce("fetched_at_fresh", "fetched_at")).select(*kept.columns)


def _pairs(held: pl.DataFrame, fresh: pl.DataFrame, basis: Basis, clock: dt.datetime) -> pl.DataFrame:
    """The held bars beside the answer's, ascending, with is_changed, cause and is_explained."""
    pairs = held.join(fresh, on="session", suffix="_fresh").sort("session")
    # Another process asked later and wrote first; or a clock was ahead, and that says nothing.
    is_newer = pl.col("fetched_at").is_between(pl.col("fetched_at_fresh"), clock, closed="right")
    is_kept = ~_differs() | is_newer | (pl.col("is_final") & ~pl.col("is_final_fresh"))
    pairs = pairs.with_columns(is_changed=~is_kept)
    if not pairs["is_changed"].any():  # as on most evenings: nothing to explain
        return pairs.with_columns(cause=pl.lit("correction"), is_explained=pl.lit(value=False))
    return pairs.hstack(explained(pairs, basis))


def _would_rewrite(held: pl.DataFrame, fresh: pl.DataFrame, basis: Basis, clock: dt.datetime) -> pl.DataFrame:
    """The bars of an answer that are not to be taken, because it corrects too many; none of an answer that does not."""
    pairs = _pairs(held, fresh, basis, clock)
    compared = pairs.filter(pl.col("is_final"), pl.col("source") == pl.col("source_fresh"))
    corrected = compared.filter("is_changed", ~pl.col("is_explained"))
    if corrected.height <= most_corrections(compared.height):
        return fresh.clear()
    first, last = compared["session"][0], compared["session"][-1]
    starts_alike = not compared.head(AGREEING)["is_changed"].any()
    ends_alike = not compared.tail(AGREEING)["is_changed"].any()
    session = pl.col("session")
    is_confirmed = (pl.lit(starts_alike) & (session < first)) | (pl.lit(ends_alike) & (session > last))
    unchanged = pairs.filter(~pl.col("is_changed"))
    return fresh.join(unchanged, on="session", how="anti").filter(~is_confirmed).select(*BARS_SCHEMA)


def _differs() -> pl.Expr:
    is_finalised = ~pl.col("is_final") & pl.col("is_final_fresh")
    # A bar that another source filled in gives way to the source's own.
    is_filled_in = pl.col("source") != pl.col("source_fresh")
    return pl.any_horizontal(is_finalised, is_filled_in, *(moved(name) for name in VALUES))


def _stranded(lacking: pl.DataFrame, pairs: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """Held bars that the answer lacks between bars that it rescaled, with the ratios of the bars around them.

    Columns of `BARS_SCHEMA`, the ratios ``close_ratio`` and ``adj_ratio`` (null where the bars before and after were
    not rescaled alike), and ``cause``.
    """
    rescaled = changed.filter(pl.col("cause").is_in(["split", "dividend"])).select("session", "cause")
    close_ratio, adj_ratio = (pl.col(f"{name}_fresh") / pl.col(name) for name in ("close", "adj_close"))
    ratios = (
        pairs.drop("cause")
        .join(rescaled, on="session", how="left")
        .select(
            "session",
            "cause",
            close_ratio=pl.when(moved("close"), pl.col("cause").is_not_null()).then(close_ratio).otherwise(1.0),
            adj_ratio=pl.when(pl.col("cause").is_not_null()).then(adj_ratio).otherwise(1.0),
        )
    )
    around = lacking.sort("session").join_asof(ratios.sort("session"), on="session", strategy="backward")
    around = around.join_asof(ratios.sort("session"), on="session", strategy="forward", suffix="_after")
    around = around.filter(pl.any_horizontal(pl.col("cause", "cause_after").is_not_null()))
    names = ("close_ratio", "adj_ratio")
    alike = pl.all_horizontal((pl.col(name) / pl.col(f"{name}_after") - 1).abs() < SAME_RATIO for name in names)
    shared = [pl.when(alike).then(pl.col(f"{name}_after")).alias(name) for name in names]
    around = around.with_columns(*shared, cause=pl.coalesce("cause_after", "cause"))
    return around.select(*lacking.columns, *names, "cause")


def _rescaled(stranded: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """The stranded bars on the new basis; those whose basis is uncertain are left out."""
    certain = stranded.drop_nulls(["close_ratio", "adj_ratio"])
    prices = [pl.col(name) * pl.col("close_ratio") for name in PRICES if name != "adj_close"]
    rows = certain.with_columns(
        *prices,
        adj_close=pl.col("adj_close") * pl.col("adj_ratio"),
        volume=(pl.col("volume") / pl.col("close_ratio")).round(),
        fetched_at=pl.lit(now),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in BARS_SCHEMA.items())


def _revisions(changed: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    rows = changed.with_columns(superseded_at=pl.lit(now))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in REVISIONS_SCHEMA.items())


def _needs_full_history(held: pl.DataFrame, pairs: pl.DataFrame, changed: pl.DataFrame) -> bool:
    if pairs.is_empty():
        return False
    earliest = pairs.get_column("session").min()
    rescaled = changed.filter(pl.col("cause").is_in(["split", "dividend"]), pl.col("session") == earliest)
    return not rescaled.is_empty() and not held.filter(pl.col("session") < earliest).is_empty()
