"""The one contract of every source of bars."""

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol

import polars as pl

from alpha_pipeline.settings import SourceKind
from alpha_pipeline.sources.waits import Waits
from alpha_pipeline.words import shown

# The file at the top of a warehouse that names its market: what lies below it came from a source, and is none.
MARKET_FILE = "market.json"
ANSWER_SCHEMA = {
    "ticker": pl.String,
    "session": pl.Date,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "adj_close": pl.Float64,
    "volume": pl.Float64,
    "is_final": pl.Boolean,
}
# Characters of one sentence about a file or a ticker's rows.
LONGEST_NOTE: Final = 1_000
ACTION_SCHEMA = {"ticker": pl.String, "session": pl.Date, "kind": pl.String, "value": pl.Float64}


@dataclass(frozen=True)
class Answer:
    """What a source said about one ticker, untrusted: values may be null, impossible or repeated.

    Attributes:
        ticker: Yahoo's name.
        bars: columns of `ANSWER_SCHEMA`; OHLC split-adjusted, adj_close split- and dividend-adjusted.
        actions: columns of `ACTION_SCHEMA`; kind is dividend, split or capital_gain.
        source: who said it, for the ``source`` column.
        notes: what of the ticker's rows could not be read, one sentence each: file, column, a value, the form expected.
    """

    ticker: str
    bars: pl.DataFrame
    actions: pl.DataFrame
    source: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Whatever a file or a server says is printable and short from here on."""
        object.__setattr__(self, "notes", _fit(self.notes))


@dataclass(frozen=True)
class Reading:
    """What one file is read as.

    Attributes:
        file: its path.
        tickers: the tickers that it holds, ascending; none where it is refused.
        n_rows: rows that name a ticker.
        first: first session; None where no row has one.
        last: last session.
        columns: (column of the file, what it is read as), in the file's order.
        dates: how its dates are read, in words.
        scale: the basis of its prices and what was done to them, in words; empty where they are taken as they are.
        ignored: what is not used, one sentence each, with the fix.
        refused: why the file is left out, with the fix, as what follows "it"; empty where it is read.
    """

    file: str
    tickers: tuple[str, ...] = ()
    n_rows: int = 0
    first: dt.date | None = None
    last: dt.date | None = None
    columns: tuple[tuple[str, str], ...] = ()
    dates: str = ""
    scale: str = ""
    ignored: tuple[str, ...] = ()
    refused: str = ""

    def __post_init__(self) -> None:
        """Names of files and columns, and values, are printable and short from here on."""
        for field in fields(self):
            object.__setattr__(self, field.name, _fit(getattr(self, field.name)))


def _fit(told: Any) -> Any:  # noqa: ANN401 - texts, and tuples of them, come back as such
    if isinstance(told, str):
        return shown(told, LONGEST_NOTE)
    return tuple(_fit(one) for one in told) if isinstance(told, tuple) else told


class PriceSource(Protocol):
    """A source of daily bars."""

    @property
    def kind(self) -> SourceKind:
        """The kind that settings name."""
        ...

    @property
    def market(self) -> str:
        """The market these bars belong to; a warehouse holds one market only."""
        ...

    @property
    def overlap(self) -> int | None:
        """Sessions before the last held bar that a refresh asks for again; None: the whole history each time."""
        ...

    @property
    def concurrency(self) -> int:
        """How many tickers may be asked for at once, from several threads."""
        ...

    @property
    def waits(self) -> Waits | None:
        """What is waited for while it is asked; None: nothing."""
        ...

    def tickers(self) -> frozenset[str] | None:
        """The tickers it holds, or None when it cannot list them."""
        ...

    def readings(self) -> tuple[Reading, ...]:
        """What each of its files is read as, those that are left out too; none where it has no files.

        Raises:
            SourceError: there is nothing to read.
        """
        ...

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """The bars and actions of one ticker from `first` to `last`, both included.

        Raises:
            UnknownTickerError: the source does not know the ticker.
            SourceError: the source could not answer.
        """
        ...
