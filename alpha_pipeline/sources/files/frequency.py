"""Whether bars are daily: one for a session, one session after the other."""

from typing import Final

import polars as pl

# More of a ticker's sessions than these with several bars are no slip: one download may end in two rows of a day.
SEVERAL_BARS: Final = 0.05
SEVERAL_ROWS: Final = 0.1
# Sessions are a day apart, over a weekend three, over a long one four.
LARGEST_STEP_DAYS: Final = 5
DAILY: Final = frozenset({"d", "1d", "day", "1day", "daily", "1440", "24h"})
FIX: Final = "Give daily bars"


def not_daily(rows: pl.DataFrame) -> dict[str, str]:
    """Why the bars of a ticker are not daily, by ticker.

    Args:
        rows: columns ticker, session, open, high, low, close and clock (seconds after midnight, null without a time).
    """
    dated = rows.drop_nulls("session")
    steps = pl.col("session").unique().sort().diff().dt.total_days()
    told = dated.group_by("ticker").agg(
        n=pl.len(), n_sessions=pl.col("session").n_unique(), step=steps.median(), first=pl.col("session").min()
    )
    undated = set(rows.get_column("ticker").unique()) - set(told.get_column("ticker"))
    reasons = {ticker: f"{ticker} has no row with a date. Give its rows dates, or remove them" for ticker in undated}
    for ticker in told.filter(pl.col("n_sessions") < pl.col("n")).get_column("ticker"):
        if reason := _several(dated.filter(ticker=ticker)):
            reasons[ticker] = reason
    for ticker, _, n_sessions, step, first in told.filter(pl.col("step") >= LARGEST_STEP_DAYS).iter_rows():
        if n_sessions > 2 and ticker not in reasons:
            every = "weekly" if step <= 10 else "monthly" if 25 <= step <= 35 else f"of every {step:.0f} days"
            reasons[ticker] = f"the bars of {ticker} are {every}: from {first} on they are {step:.0f} days apart. {FIX}"
    return reasons


def _several(rows: pl.DataFrame) -> str:
    """Why a ticker's sessions have several bars; empty where only a few have."""
    days = rows.group_by("session", maintain_order=True).agg(
        n=pl.len(),
        n_clocks=pl.col("clock").n_unique(),
        n_bars=pl.struct("open", "high", "low", "close").n_unique(),
        begin=pl.col("clock").min(),
        end=pl.col("clock").max(),
    )
    ticker = rows["ticker"][0]
    within = days.filter(pl.col("n_clocks") > 1)
    if within.height > SEVERAL_BARS * days.height:
        session, n, begin, end = within.select("session", "n", "begin", "end").row(0)
        hours = f" ({_clock(begin)} to {_clock(end)})" if begin is not None else ""
        return f"the bars of {ticker} are intraday: {session} has {n}{hours}. {FIX}"
    repeated = days.filter(pl.col("n_bars") > 1)
    if repeated.height > max(1.0, SEVERAL_ROWS * days.height):
        session, n = repeated.select("session", "n").row(0)
        return (
            f"{ticker} has several rows that differ for a session: {n} for {session}, and so for {repeated.height} of "
            f"{days.height} sessions. They are of several tickers (name the column that tells them ticker) or within "
            f"the day. {FIX}"
        )
    return ""


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
