"""Adjusted prices: one basis, whichever convention a source has."""

from typing import Final

import polars as pl

from alpha_pipeline.ingestion.actions import without_twins

# A dividend in the action table is believed when the source's own adjustment agrees with it this well, or is not
# there yet; and two adjusted closes whose ratio to their closes differs by less than this are of one basis.
AGREES: Final = 1e-3
NOISE: Final = 1e-5


def anchored(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.DataFrame:
    """The bars with ``adj_close`` counted forward from each ticker's first bar.

    A source anchors adjusted closes at the newest bar, so every dividend moves the whole past by a factor, and by
    rounding everything made from it. Counted from the first bar, ``adj_close[t] = close[t] / product of steps up to t``
    with a step of ``1 - dividend / close before`` at each ex-date, a value depends on nothing after its session, has
    the same bits for ever (until a split rescales the closes) and the same returns. A step comes from the action
    table where that agrees with the source's adjustment, or where the source has not adjusted yet, which would
    make a false return at the ex-date; else from the source's adjustment itself.

    Args:
        bars: `raw.bars`, sorted by ticker and session; close split-adjusted.
        actions: `raw.actions` of the same tickers; dividends and capital gains per split-adjusted share.

    Returns:
        The same columns and rows; ``adj_close`` equals ``close`` at each ticker's first bar.
    """
    known = bars.with_columns(paid=_paid(bars, actions))
    before = pl.col("close").shift(1).over("ticker")
    kept = pl.col("adj_close") / pl.col("close")
    observed = (kept.shift(1) / kept).over("ticker").fill_null(1.0)
    expected = (1 - pl.col("paid") / before).fill_null(1.0)
    unseen = (observed - 1).abs() < NOISE
    is_told = (pl.col("paid") > 0) & (expected > 0) & (unseen | ((observed / expected - 1).abs() < AGREES))
    step = pl.when(is_told).then(expected).when(unseen).then(1.0).otherwise(observed)
    return (
        known.with_columns(step=step)
        .with_columns(adj_close=pl.col("close") / pl.col("step").cum_prod().over("ticker"))
        .select(bars.columns)
    )


def _paid(bars: pl.DataFrame, actions: pl.DataFrame) -> pl.Series:
    """What was paid per share since the bar before, for each bar; a payment without a bar counts at the next one."""
    payments = without_twins(actions).filter(pl.col("kind").is_in(["dividend", "capital_gain"])).sort("session")
    places = bars.select("ticker", "session", at="session").sort("session")
    due = payments.join_asof(places, on="session", by="ticker", strategy="forward", check_sortedness=False)
    sums = due.group_by("ticker", session="at").agg(pl.col("value").sum())
    return bars.join(sums, on=["ticker", "session"], how="left", maintain_order="left")["value"].fill_null(0.0)


def adjusted(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars with OHLC multiplied by ``adj_close / close``; everything else is unchanged.

    Bars that are adjusted already stay as they are, so it may be applied twice. The products are rounded,
    so a close that was the high may end up one bit above it: high and low are stretched to hold open and
    close again.

    Args:
        bars: a frame with at least ``open, high, low, close, adj_close``.

    Returns:
        The same columns and rows; ``close`` equals ``adj_close``.
    """
    factor = pl.col("adj_close") / pl.col("close")
    opened, closed = pl.col("open") * factor, pl.col("adj_close")
    return bars.with_columns(
        open=opened,
        high=pl.max_horizontal(pl.col("high") * factor, opened, closed),
        low=pl.min_horizontal(pl.col("low") * factor, opened, closed),
        close=closed,
    )
