"""Prices, volumes, splits and payments of files on one basis: OHLC split-adjusted, adj_close for dividends too.

Vendors give raw prices beside adjusted ones, or beside a split factor. Whether a listed split is in the prices already
is told from the prices: where an adjusted close is there, by its ratio to the close, else by the close itself.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

# Ratios at which companies split or merge shares; without a listed split only such a jump is taken for one. 3:2 is left
# out: a spin-off may be worth a third (MDLZ, 2012-10-02).
RATIOS: Final = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
NEAR_RATIO: Final = 0.01
# How far the close may move beside a split on the same day.
NEAR_MOVE: Final = 0.25
# A payment is in the adjusted close when that steps by it so closely.
AGREES: Final = 1e-3
PRICES: Final = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Scaled:
    """A file's bars and actions on one basis.

    Attributes:
        bars: the same rows in the same order; the very same where no raw price stands beside a split.
        actions: those that can be relied on.
        words: what was done, in words.
        divided: the tickers whose raw prices were divided by later splits.
    """

    bars: pl.DataFrame
    actions: pl.DataFrame
    words: tuple[str, ...] = ()
    divided: frozenset[str] = frozenset()


def on_one_basis(bars: pl.DataFrame, actions: pl.DataFrame, *, has_adjusted: bool) -> Scaled:
    """Bars and actions on the basis of the last row.

    Args:
        bars: columns ticker, session, open, high, low, close, adj_close, volume; adj_close null where there is none.
        actions: columns of `ACTION_SCHEMA` as the file says them.
        has_adjusted: whether the file has an adjusted close.
    """
    if not has_adjusted and actions.is_empty():
        return Scaled(bars, actions)
    splits = actions.filter(pl.col("kind") == "split", pl.col("value") != 1)
    payments = actions.filter(pl.col("kind") != "split")
    steps, words = _steps(_in_question(bars, actions)), list[str]()
    if steps.is_empty():
        return Scaled(bars, actions)
    events = pl.concat([_listed(steps, splits), _unlisted(steps, splits, has_adjusted=has_adjusted)])
    if events.height:
        bars = _carried(_carried(bars, events, PRICES, -1), events, ("volume",), 1)
        payments = _carried(payments, events, ("value",), -1)
        steps = _steps(_in_question(bars, actions))
        words.append(_in_words(events))
    followed = _followed(payments, steps)
    if left := payments.height - followed.height:
        words.append(
            f"{left} payments are not used: no adjusted close steps by them, so the prices may hold them already"
        )
    told = pl.concat([splits, followed]).sort("ticker", "session", "kind")
    return Scaled(bars, told, tuple(words), frozenset(events["ticker"]))


def _in_question(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The rows of tickers that have actions, or whose adjusted close's share of the close ranges as far as a split."""
    kept = pl.col("adj_close") / pl.col("close")
    told = bars.group_by("ticker").agg(reach=kept.max() / kept.min())
    far = told.filter(pl.col("reach") > min(RATIOS) * (1 - NEAR_RATIO)).get_column("ticker")
    of = pl.concat([far, actions.get_column("ticker")]).unique()
    return bars.filter(pl.col("ticker").is_in(of.implode())) if len(of) < len(told) else bars


def _steps(bars: pl.DataFrame) -> pl.DataFrame:
    """For each bar the close before over the close (``gap``), and how the adjusted close's share of it steps."""
    rows = bars.drop_nulls(["session", "close"]).unique(["ticker", "session"], keep="last").sort("ticker", "session")
    kept = pl.col("adj_close") / pl.col("close")
    return rows.select(
        "ticker",
        "session",
        before=pl.col("close").shift(1).over("ticker"),
        gap=(pl.col("close").shift(1) / pl.col("close")).over("ticker"),
        step=(kept / kept.shift(1)).over("ticker"),
        is_adjusted=(pl.col("adj_close") != pl.col("close")).any().over("ticker"),
    )


def _listed(steps: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """The listed splits that the prices do not hold yet: columns ticker, session, ratio."""
    events = (
        splits.unique(["ticker", "session"], keep="last").select("ticker", "session", ratio="value").sort("session")
    )
    at = steps.with_columns(at="session").sort("session")
    known = events.join_asof(at, on="session", by="ticker", strategy="forward", check_sortedness=False)
    told = pl.when("is_adjusted").then("step").otherwise("gap")
    near = pl.when("is_adjusted").then(0.15).otherwise(NEAR_MOVE)
    # Without an adjusted close a small stock dividend cannot be told from a move.
    is_told = pl.col("is_adjusted") | ~pl.col("ratio").is_between(0.8, NEAR_MOVE + 1)
    is_raw = (
        is_told
        & ((told / pl.col("ratio") - 1).abs() < near)
        & ((told / pl.col("ratio")).log().abs() < told.log().abs())
    )
    return known.filter(is_raw).select("ticker", session="at", ratio="ratio")


def _unlisted(steps: pl.DataFrame, splits: pl.DataFrame, *, has_adjusted: bool) -> pl.DataFrame:
    """Jumps of the close alone, at a ratio of splits, that the adjusted close does not show."""
    ratios = [float(ratio) for whole in RATIOS for ratio in (whole, 1 / whole)]
    nearest = pl.coalesce(pl.when((pl.col("step") / ratio - 1).abs() < NEAR_RATIO).then(ratio) for ratio in ratios)
    jumps = steps.with_columns(ratio=nearest).filter((pl.col("gap") / pl.col("ratio") - 1).abs() < NEAR_MOVE)
    jumps = jumps.join(splits, on=["ticker", "session"], how="anti").select("ticker", "session", "ratio")
    return jumps if has_adjusted else jumps.clear()


def _carried(rows: pl.DataFrame, events: pl.DataFrame, names: tuple[str, ...], power: int) -> pl.DataFrame:
    """The values times the product of all later splits to a power."""
    later = events.sort("ticker", "session", descending=[False, True]).select(
        "ticker", "session", factor=pl.col("ratio").cum_prod().over("ticker") ** power
    )
    factors = (
        rows.with_row_index("row")
        .drop_nulls("session")
        .sort("session")
        .join_asof(
            later.sort("session"),
            on="session",
            by="ticker",
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .select("row", "factor")
    )
    joined = rows.with_row_index("row").join(factors, on="row", how="left", maintain_order="left")
    return joined.with_columns(pl.col(names) * pl.col("factor").fill_null(1.0)).drop("row", "factor")


def _followed(payments: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """The payments of tickers whose adjusted close steps by most of them.

    Prices without an adjusted close may hold the dividends already, as yfinance's do; they must not be taken off twice.
    """
    paid = payments.group_by("ticker", "session").agg(pl.col("value").max()).sort("session")
    known = paid.join_asof(steps.sort("session"), on="session", by="ticker", strategy="forward", check_sortedness=False)
    kept, expected = 1 / pl.col("step"), 1 - pl.col("value") / pl.col("before")
    agrees = ((kept / expected - 1).abs() < AGREES) & ((kept - expected).abs() < (kept - 1).abs())
    share = known.drop_nulls("step").group_by("ticker").agg(agrees.mean().alias("share"))
    return payments.join(share.filter(pl.col("share") >= 0.5), on="ticker", how="semi")


def _in_words(events: pl.DataFrame) -> str:
    rows = events.sort("session").rows()
    listed = ", ".join(f"{ticker} {ratio:g}:1 of {session}" for ticker, session, ratio in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"raw prices divided by later splits, volumes multiplied: {listed}{more}"
