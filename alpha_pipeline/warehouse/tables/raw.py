"""Raw layer: bars as a source gave them, and the record of what was refused, replaced or is missing."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table

UtcTime = Annotated[pl.Datetime, "us", "UTC"]


class Bars(pa.DataFrameModel):
    """One row per (ticker, session), published after that session's close.

    OHLC are split-adjusted, adj_close is split- and dividend-adjusted; the unit is the instrument's.
    """

    ticker: str
    session: pl.Date = pa.Field(description="XNYS session")
    open: float = pa.Field(gt=0)
    high: float = pa.Field(gt=0)
    low: float = pa.Field(gt=0)
    close: float = pa.Field(gt=0)
    adj_close: float = pa.Field(gt=0)
    volume: int = pa.Field(ge=0, description="Shares, split-adjusted; zero for an index")
    source: str
    fetched_at: UtcTime
    is_final: bool = pa.Field(description="False while the session was still trading when it was fetched")

    class Config:
        strict = True
        unique = ["ticker", "session"]

    @pa.dataframe_check(error="low <= open, close <= high < inf")
    @classmethod
    def prices_lie_within_the_bar(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Open and close lie between low and high, and everything is finite."""
        # Adjusted prices carry float32 precision: an open equal to the low may differ in the last bits.
        low, high = pl.col("low") * (1 - 1e-6), pl.col("high") * (1 + 1e-6)
        inside = pl.col("open", "close").is_between(low, high)
        return data.lazyframe.select(pl.all_horizontal(inside, high.is_finite(), pl.col("adj_close").is_finite()))


class Actions(pa.DataFrameModel):
    """One row per (ticker, session, kind): a dividend or capital gain in the instrument's unit, or a split ratio."""

    ticker: str
    session: pl.Date
    kind: str = pa.Field(isin=["dividend", "split", "capital_gain"])
    value: float = pa.Field(gt=0)

    class Config:
        strict = True
        unique = ["ticker", "session", "kind"]


class Revisions(pa.DataFrameModel):
    """One row per (ticker, session, superseded_at): the values that a later answer of the source replaced."""

    ticker: str
    session: pl.Date
    superseded_at: UtcTime
    open: float
    high: float
    low: float
    close: float
    adj_close: float
    volume: int
    source: str
    fetched_at: UtcTime
    cause: str = pa.Field(isin=["split", "dividend", "correction", "finalised"])

    class Config:
        strict = True
        unique = ["ticker", "session", "superseded_at"]


class Quarantine(pa.DataFrameModel):
    """One row per (ticker, session, reason): a row that could not be trusted, as it came, with the reason."""

    ticker: str
    session: pl.Date = pa.Field(nullable=True)
    reason: str
    open: float = pa.Field(nullable=True)
    high: float = pa.Field(nullable=True)
    low: float = pa.Field(nullable=True)
    close: float = pa.Field(nullable=True)
    adj_close: float = pa.Field(nullable=True)
    volume: float = pa.Field(nullable=True)
    source: str
    fetched_at: UtcTime

    class Config:
        strict = True


class Coverage(pa.DataFrameModel):
    """One row per ticker: which sessions are held, how many are missing between first and last, and its state."""

    ticker: str
    first_session: pl.Date = pa.Field(nullable=True)
    last_session: pl.Date = pa.Field(nullable=True)
    n_sessions: int = pa.Field(ge=0)
    n_missing: int = pa.Field(ge=0)
    status: str = pa.Field(isin=["complete", "gaps", "stale", "failed"])
    detail: str

    class Config:
        strict = True
        unique = ["ticker"]


class SecondOpinion(pa.DataFrameModel):
    """One row per (ticker, session): what a second source says about a ticker whose bars come from another.

    Published after that session's close; of ^VIX alone, by CBOE. Compared with `raw.bars`, used only where they
    miss a session.
    """

    ticker: str
    session: pl.Date = pa.Field(description="XNYS session")
    open: float = pa.Field(gt=0)
    high: float = pa.Field(gt=0)
    low: float = pa.Field(gt=0)
    close: float = pa.Field(gt=0)
    source: str
    fetched_at: UtcTime

    class Config:
        strict = True
        unique = ["ticker", "session"]


BARS = table("raw.bars", Bars, key=("ticker", "session"), unit="ticker", volatile=("fetched_at",))
ACTIONS = table("raw.actions", Actions, key=("ticker", "session", "kind"), unit="ticker")
REVISIONS = table("raw.revisions", Revisions, key=("ticker", "session", "superseded_at"), unit="ticker")
QUARANTINE = table(
    "raw.quarantine", Quarantine, key=("ticker", "session", "reason"), unit="ticker", volatile=("fetched_at",)
)
COVERAGE = table("raw.coverage", Coverage, key=("ticker",), unit="ticker")
SECOND_OPINION = table(
    "raw.second_opinion", SecondOpinion, key=("ticker", "session"), unit="ticker", volatile=("fetched_at",)
)
