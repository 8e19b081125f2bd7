"""What a fresh answer changes in the bars already held.

Yahoo rewrites the past: a split rescales every earlier row, a dividend every earlier adjusted close, and a
bar fetched during the session was not final. The fresh values win, the replaced ones are kept as revisions,
and a row that says the same keeps the time at which it was first fetched, so that a repeated run changes
nothing.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl

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

# Two downloads of one price differ by float32 noise of up to 1.2e-7; a cent on 1000 is 1e-5.
SAME: Final = 1e-6
# Rescaled prices are rounded again, so the ratios of one split agree less closely than equal prices do.
SAME_RATIO: Final = 1e-4


@dataclass(frozen=True)
class Comparison:
    """The held bars after an answer.

    Attributes:
        bars: columns of `BARS_SCHEMA`, ascending.
        revisions: columns of `REVISIONS_SCHEMA`: what was replaced or withdrawn.
        needs_full_history: a split or dividend moved the earliest row that the answer shares with the held
            bars, and earlier rows are held: those are still on the old basis.
    """

    bars: pl.DataFrame
    revisions: pl.DataFrame
    needs_full_history: bool


def compare(held: pl.DataFrame, fresh: pl.DataFrame, withdrawn: pl.DataFrame, now: dt.datetime) -> Comparison:
    """Merge fresh bars into the held ones.

    Held sessions that the answer lacks stay, on the basis of the answer: where the bars around one were rescaled
    by a split or dividend it is rescaled alike, and where they disagree it is withdrawn, because either basis would
    make a false return. A bar that is not final never replaces one that is.

    Args:
        held: `raw.bars` of the ticker.
        fresh: trusted bars of the answer, columns of `BARS_SCHEMA`.
        withdrawn: rows of the answer that turned out to be bad prints; a held bar that is one is taken out.
        now: when the held values are superseded.
    """
    held = held.select(*BARS_SCHEMA)
    pairs = held.join(fresh, on="session", suffix="_fresh")
    is_newer = pl.col("fetched_at") > pl.col("fetched_at_fresh")  # another process asked later and wrote first
    is_kept = ~_differs() | is_newer | (pl.col("is_final") & ~pl.col("is_final_fresh"))
    changed = pairs.filter(~is_kept).with_columns(cause=_cause(pairs))
    same_print = pl.all_horizontal(~_moved(name) for name in VALUES)
    retired = held.join(withdrawn, on="session", suffix="_fresh").filter(same_print)
    retired = retired.with_columns(cause=pl.lit("correction"))
    lacking = held.join(fresh, on="session", how="anti").join(retired, on="session", how="anti")
    inside = pl.col("session") > pl.lit(pairs.get_column("session").min(), dtype=pl.Date)
    stranded = _stranded(lacking.filter(inside), pairs, changed)
    revisions = pl.concat([_revisions(rows, now) for rows in (changed, retired, stranded)]).sort("session")
    kept = held.join(revisions, on="session", how="anti")
    added = fresh.select(*BARS_SCHEMA).join(kept, on="session", how="anti")
    bars = pl.concat([kept, added, _rescaled(stranded, now)]).sort("session")
    return Comparison(bars, revisions, _needs_full_history(held, pairs, changed))


def _moved(name: str) -> pl.Expr:
    """Whether a value differs by more than noise, relative to the larger of the two."""
    old, new = pl.col(name), pl.col(f"{name}_fresh")
    return (new - old).abs() > SAME * pl.max_horizontal(old.abs(), new.abs())


def _differs() -> pl.Expr:
    is_finalised = ~pl.col("is_final") & pl.col("is_final_fresh")
    # A bar that another source filled in gives way to the source's own.
    is_filled_in = pl.col("source") != pl.col("source_fresh")
    return pl.any_horizontal(is_finalised, is_filled_in, *(_moved(name) for name in VALUES))


def _cause(pairs: pl.DataFrame) -> pl.Expr:
    """Why a row changed, judged from all rows that both answers hold."""
    only_adj_close = _moved("adj_close") & ~pl.any_horizontal(_moved(n) for n in VALUES if n != "adj_close")
    rescaling, ratio = _rescaling(pairs)
    is_rescaled = _moved("close") & ((pl.col("close_fresh") / pl.col("close") / ratio - 1).abs() < SAME_RATIO)
    return (
        pl.when(~pl.col("is_final")).then(pl.lit("finalised"))
        .when(is_rescaled).then(pl.lit(rescaling))
        .when(only_adj_close).then(pl.lit("dividend"))
        .otherwise(pl.lit("correction"))
    )  # fmt: skip


def _rescaling(pairs: pl.DataFrame) -> tuple[str, float]:
    """The one ratio by which most moved closes moved, and what it means; NaN where they moved apart.

    A split moves every earlier close by one ratio. So does a dividend where the source adjusts OHLC too;
    there the volume stays, and close equals adj_close. A single row proves nothing.
    """
    ratio = (pl.col("close_fresh") / pl.col("close")).alias("ratio")
    moved = pairs.filter(_moved("close"), pl.col("is_final")).select(ratio, _moved("volume").alias("volume"))
    common = float(moved.select(pl.col("ratio").median().fill_null(float("nan"))).item())
    n_agreeing = moved.filter((pl.col("ratio") / common - 1).abs() < SAME_RATIO).height
    is_adjusted = pairs.filter(pl.col("close") != pl.col("adj_close")).is_empty()
    meaning = "dividend" if is_adjusted and not moved.get_column("volume").any() else "split"
    return meaning, common if n_agreeing >= max(2, moved.height / 2) else float("nan")


def _stranded(lacking: pl.DataFrame, pairs: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """Held bars that the answer lacks between bars that it rescaled, with the ratios of the bars around them.

    Columns of `BARS_SCHEMA`, the ratios ``close_ratio`` and ``adj_ratio`` (null where the bars before and after were
    not rescaled alike), and ``cause``.
    """
    rescaled = changed.filter(pl.col("cause").is_in(["split", "dividend"])).select("session", "cause")
    close_ratio, adj_ratio = (pl.col(f"{name}_fresh") / pl.col(name) for name in ("close", "adj_close"))
    ratios = pairs.join(rescaled, on="session", how="left").select(
        "session",
        "cause",
        close_ratio=pl.when(_moved("close"), pl.col("cause").is_not_null()).then(close_ratio).otherwise(1.0),
        adj_ratio=pl.when(pl.col("cause").is_not_null()).then(adj_ratio).otherwise(1.0),
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
