"""Raw layer: bars as a source gave them, and the record of what was refused, replaced or is missing."""

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table
from alpha_pipeline.warehouse.tables import columns
from alpha_pipeline.warehouse.tables.columns import UtcTime


class Bars(pa.DataFrameModel):
    """One row per (ticker, session), published after that session's close.

    OHLC are split-adjusted, adj_close is split- and dividend-adjusted; the unit is the instrument's.
    """

    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(description=columns.SESSION)
    open: float = pa.Field(
        gt=0, description="First price of the session, split-adjusted, in the instrument's unit (an index: points)"
    )
    high: float = pa.Field(gt=0, description="Highest price of the session, split-adjusted")
    low: float = pa.Field(gt=0, description="Lowest price of the session, split-adjusted")
    close: float = pa.Field(
        gt=0, description="Last price of the session, split-adjusted; of ^VIX that of 16:15 New York"
    )
    adj_close: float = pa.Field(
        gt=0, description="Close, split- and dividend-adjusted: changes when a later dividend or split does"
    )
    volume: int = pa.Field(ge=0, description="Shares, split-adjusted; zero for an index")
    source: str = pa.Field(description=columns.SOURCE)
    fetched_at: UtcTime = pa.Field(description=columns.FETCHED_AT)
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

    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(
        description="First session that trades without the dividend or gain, or at the new number of shares"
    )
    kind: str = pa.Field(
        isin=["dividend", "split", "capital_gain"],
        description="dividend, split, or capital_gain (a fund's distribution)",
    )
    value: float = pa.Field(
        gt=0, description="In the instrument's unit per share, split-adjusted; of a split the new shares per old one"
    )

    class Config:
        strict = True
        unique = ["ticker", "session", "kind"]


class Revisions(pa.DataFrameModel):
    """One row per (ticker, session, superseded_at): the values that a later answer of the source replaced."""

    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(description="XNYS session of the bar that was replaced")
    superseded_at: UtcTime = pa.Field(
        description="UTC time at which the values were replaced: until then they were what was known"
    )
    open: float = pa.Field(description="Open that was replaced, on the basis of its time")
    high: float = pa.Field(description="High that was replaced")
    low: float = pa.Field(description="Low that was replaced")
    close: float = pa.Field(description="Close that was replaced")
    adj_close: float = pa.Field(description="Adjusted close that was replaced")
    volume: int = pa.Field(description="Volume that was replaced, in shares")
    source: str = pa.Field(description=columns.SOURCE)
    fetched_at: UtcTime = pa.Field(
        description="UTC time at which the replaced values had been fetched: from then on they were what was known"
    )
    cause: str = pa.Field(
        isin=["split", "dividend", "correction", "finalised"],
        description="split, dividend, correction, or finalised: the session was still trading when it was fetched",
    )

    class Config:
        strict = True
        unique = ["ticker", "session", "superseded_at"]


class Quarantine(pa.DataFrameModel):
    """One row per (ticker, session, reason): a row that could not be trusted, as it came, with the reason."""

    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(nullable=True, description="XNYS session that the row claims; null where it names none")
    reason: str = pa.Field(
        description="The first rule that the row breaks; #2 and on tell further rows of the same session and rule"
    )
    open: float = pa.Field(nullable=True, description="Open as it came; null where it came so")
    high: float = pa.Field(nullable=True, description="High as it came; null where it came so")
    low: float = pa.Field(nullable=True, description="Low as it came; null where it came so")
    close: float = pa.Field(nullable=True, description="Close as it came; null where it came so")
    adj_close: float = pa.Field(nullable=True, description="Adjusted close as it came; null where it came so")
    volume: float = pa.Field(nullable=True, description="Volume as it came, in shares; null where it came so")
    source: str = pa.Field(description=columns.SOURCE)
    fetched_at: UtcTime = pa.Field(description=columns.FETCHED_AT)

    class Config:
        strict = True


class Coverage(pa.DataFrameModel):
    """One row per ticker: which sessions are held and missing, its state, and what its last refresh came to."""

    ticker: str = pa.Field(description=columns.TICKER)
    first_session: pl.Date = pa.Field(
        nullable=True, description="First session with a final bar; null while none is held"
    )
    last_session: pl.Date = pa.Field(
        nullable=True, description="Last session with a final bar; null while none is held"
    )
    n_sessions: int = pa.Field(ge=0, description="Sessions with a final bar")
    n_missing: int = pa.Field(ge=0, description="XNYS sessions between the first and the last one without a final bar")
    status: str = pa.Field(
        isin=["complete", "gaps", "stale", "failed"],
        description="complete, gaps (before the last), stale (behind the last session), or failed (at the source)",
    )
    detail: str = pa.Field(
        description="The missing sessions by name, or why the source failed; empty where nothing is missing"
    )
    # A warehouse written before these columns were lacks them: null until its next refresh.
    n_refused: int = pa.Field(
        ge=0, nullable=True, description="Rows that were refused of the last answer; null before this was recorded"
    )
    refused_share: float = pa.Field(
        ge=0, le=1, nullable=True, description="Share of the last answer's rows that were refused; null like n_refused"
    )
    n_lost: int = pa.Field(
        ge=0,
        nullable=True,
        description="Sessions that a refused row of it names and of which no final bar is held; null like n_refused",
    )
    said: str = pa.Field(
        nullable=True,
        description="What is to be said of its rows: file, column, a value, the form expected; null like n_refused",
    )
    failed_since: pl.Date = pa.Field(
        nullable=True,
        description="Session of the first refresh since which all have failed; null where the last did not",
    )
    failed_through: pl.Date = pa.Field(
        nullable=True, description="Session of the last refresh, where it failed; null where it did not"
    )
    failure: str = pa.Field(
        nullable=True,
        description="Why the last refresh failed, in few words and without the ticker; null like n_refused",
    )

    class Config:
        strict = True
        unique = ["ticker"]


class SecondOpinion(pa.DataFrameModel):
    """One row per (ticker, session): what a second source says about a ticker whose bars come from another.

    Published after that session's close; of ^VIX alone, by CBOE. Compared with `raw.bars`, used only where they
    miss a session.
    """

    ticker: str = pa.Field(description=columns.TICKER)
    session: pl.Date = pa.Field(description=columns.SESSION)
    open: float = pa.Field(gt=0, description="Open by the second source, in points")
    high: float = pa.Field(gt=0, description="High by the second source, in points")
    low: float = pa.Field(gt=0, description="Low by the second source, in points")
    close: float = pa.Field(gt=0, description="Close by the second source, in points")
    source: str = pa.Field(description=columns.SOURCE)
    fetched_at: UtcTime = pa.Field(description="UTC time at which the second source was asked")

    class Config:
        strict = True
        unique = ["ticker", "session"]


BARS = table(
    "raw.bars",
    Bars,
    key=("ticker", "session"),
    unit="ticker",
    volatile=("fetched_at",),
    regained="asks the source for the whole history again",
)
ACTIONS = table(
    "raw.actions",
    Actions,
    key=("ticker", "session", "kind"),
    unit="ticker",
    regained="asks the source for the whole history again",
)
REVISIONS = table(
    "raw.revisions",
    Revisions,
    key=("ticker", "session", "superseded_at"),
    unit="ticker",
    lost="what a source said before it revised it",
    regained="begins a new one",
)
QUARANTINE = table(
    "raw.quarantine",
    Quarantine,
    key=("ticker", "session", "reason"),
    unit="ticker",
    volatile=("fetched_at",),
    lost="what was refused of earlier answers",
    regained="begins a new one",
)
COVERAGE = table("raw.coverage", Coverage, key=("ticker",), unit="ticker")
SECOND_OPINION = table(
    "raw.second_opinion",
    SecondOpinion,
    key=("ticker", "session"),
    unit="ticker",
    volatile=("fetched_at",),
    regained="asks for it again",
)
