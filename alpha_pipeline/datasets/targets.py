"""Targets: the adjusted log returns that follow a session's close.

``t + h`` counts XNYS sessions, not a ticker's bars: a horizon of 5 is a week on the calendar even where a
bar is missing. A return whose price is missing is not known, and has no row.
"""

from collections.abc import Sequence

import polars as pl

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.features.panel import usable
from alpha_pipeline.sessions import CALENDAR_FIRST, CALENDAR_LAST, all_sessions
from alpha_pipeline.warehouse.tables.forecasts import FORWARD

HORIZONS = (1, 5)


def forward(bars: pl.DataFrame, horizons: Sequence[int] = HORIZONS) -> pl.DataFrame:
    """The returns that are known by the last bar. Later bars add rows and change none.

    Args:
        bars: raw bars of any number of tickers, each (ticker, session) once.
        horizons: sessions ahead, each at least 1.

    Returns:
        The columns of `targets.forward`, sorted by ticker, session, horizon. ``close_log_return`` runs from
        the close of t to the close of t+h, ``open_log_return`` from the open of t+1 to the open of t+1+h;
        ``known_at`` is t+1+h.

    Raises:
        ValueError: a horizon below 1.
        NotEnoughDataError: a bar on a day that is no XNYS session.
    """
    if min(horizons) < 1:
        raise ValueError(f"horizons must be at least 1, were {tuple(horizons)}")
    grid = _on_calendar(bars)
    frames = [_forward(grid, horizon) for horizon in horizons]
    return FORWARD.conform(pl.concat(frames))


def _on_calendar(bars: pl.DataFrame) -> pl.DataFrame:
    """Every session between a ticker's first and last bar, with null prices where the bar is missing."""
    sessions = pl.DataFrame({"session": all_sessions()}).with_row_index("place")
    prices = adjusted(bars.filter(usable())).select("ticker", "session", "open", "close")
    placed = prices.join(sessions, on="session", how="left")
    if placed["place"].null_count():
        stray = placed.filter(pl.col("place").is_null()).select("ticker", "session").row(0)
        raise NotEnoughDataError(
            f"{stray[0]} has a bar on {stray[1]}, which is no XNYS session between {CALENDAR_FIRST} and {CALENDAR_LAST}"
        )
    place = pl.col("place")
    every = placed.group_by("ticker").agg(pl.int_range(place.min(), place.max() + 1, dtype=pl.UInt32).alias("place"))
    return (
        every.explode("place")
        .join(sessions, on="place", how="left")
        .join(placed.select("ticker", "place", "open", "close"), on=("ticker", "place"), how="left")
        .sort("ticker", "place")
    )


def _forward(grid: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """The known returns of one horizon."""
    opened, close = pl.col("open"), pl.col("close")
    entry, leave = opened.shift(-1), opened.shift(-1 - horizon)
    return grid.select(
        "ticker",
        "session",
        pl.lit(horizon).alias("horizon"),
        (close.shift(-horizon) / close).log().over("ticker").alias("close_log_return"),
        (leave / entry).log().over("ticker").alias("open_log_return"),
        pl.col("session").shift(-1 - horizon).over("ticker").alias("known_at"),
    ).drop_nulls()
