"""Adjusted prices: one basis, whichever convention a source has."""

import polars as pl


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
