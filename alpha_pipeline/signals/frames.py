"""What every signal does first: take one model's forecasts, and lay them on the sessions asked for."""

import datetime as dt
from collections.abc import Collection, Sequence

import polars as pl


def of_one_model(forecasts: pl.DataFrame, tickers: Collection[str], horizon: int) -> pl.DataFrame:
    """The rows of these tickers at this horizon.

    Args:
        forecasts: rows of ``forecasts.daily``.
        tickers: the tickers wanted; others are left out.
        horizon: sessions.

    Raises:
        ValueError: two forecasts for one (ticker, session): the rows of more than one model were handed over.
    """
    rows = forecasts.filter(pl.col("ticker").is_in(list(tickers)), pl.col("horizon") == horizon)
    if rows.select("ticker", "session").is_duplicated().any():
        listed = ", ".join(rows["model"].unique().sort()) if "model" in rows.columns else "unknown"
        raise ValueError(f"two forecasts for one (ticker, session) at horizon {horizon}; models: {listed}")
    return rows


def session_frame(sessions: Sequence[dt.date]) -> pl.DataFrame:
    """One column, ``session``: the sessions asked for, ascending, each once."""
    return pl.DataFrame({"session": sorted(set(sessions))}, schema={"session": pl.Date})


def grid(sessions: Sequence[dt.date], tickers: Sequence[str]) -> pl.DataFrame:
    """Every (session, ticker), sessions ascending, tickers in the order given."""
    named = pl.DataFrame({"ticker": list(tickers)}, schema={"ticker": pl.String})
    return session_frame(sessions).join(named, how="cross", maintain_order="left_right")
