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

    Held sessions that the answer lacks stay. A bar that is not final never replaces one that is.

    Args:
        held: `raw.bars` of the ticker.
        fresh: trusted bars of the answer, columns of `BARS_SCHEMA`.
        withdrawn: rows of the answer that turned out to be bad prints; a held bar that is one is taken out.
        now: when the held values are superseded.
    """
    held = held.select(*BARS_SCHEMA)
    pairs = held.join(fresh, on="session", suffix="_fresh")
    is_kept = ~_differs() | (pl.col("is_final") & ~pl.col("is_final_fresh"))
    changed = pairs.filter(~is_kept).with_columns(cause=_cause(pairs))
    same_print = pl.all_horizontal(~_moved(name) for name in VALUES)
    retired = held.join(withdrawn, on="session", suffix="_fresh").filter(same_print)
    retired = retired.with_columns(cause=pl.lit("correction"))
    revisions = pl.concat([_revisions(changed, now), _revisions(retired, now)]).sort("session")
    kept = held.join(revisions, on="session", how="anti")
    bars = pl.concat([kept, fresh.select(*BARS_SCHEMA).join(kept, on="session", how="anti")]).sort("session")
    return Comparison(bars, revisions, _needs_full_history(held, pairs, changed))


def _moved(name: str) -> pl.Expr:
    """Whether a value differs by more than noise, relative to the larger of the two."""
    old, new = pl.col(name), pl.col(f"{name}_fresh")
    return (new - old).abs() > SAME * pl.max_horizontal(old.abs(), new.abs())


def _differs() -> pl.Expr:
    is_finalised = ~pl.col("is_final") & pl.col("is_final_fresh")
    return pl.any_horizontal(is_finalised, *(_moved(name) for name in VALUES))


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


def _revisions(changed: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    rows = changed.with_columns(superseded_at=pl.lit(now))
    return rows.select(pl.col(name).cast(dtype) for name, dtype in REVISIONS_SCHEMA.items())


def _needs_full_history(held: pl.DataFrame, pairs: pl.DataFrame, changed: pl.DataFrame) -> bool:
    if pairs.is_empty():
        return False
    earliest = pairs.get_column("session").min()
    rescaled = changed.filter(pl.col("cause").is_in(["split", "dividend"]), pl.col("session") == earliest)
    return not rescaled.is_empty() and not held.filter(pl.col("session") < earliest).is_empty()
