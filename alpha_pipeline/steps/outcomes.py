"""What became of a ticker in a refresh, and what is noted of it in the warehouse."""

import datetime as dt
import re
from dataclasses import dataclass
from typing import Final

import polars as pl

from alpha_pipeline.errors import AlphaError, SourceError
from alpha_pipeline.ingestion.ingest import Ingested
from alpha_pipeline.ingestion.refusals import Refusals
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import followed

LONGEST_REASON: Final = 1_000  # characters


@dataclass(frozen=True)
class IngestReport:
    """What one ingestion did, or would do.

    Attributes:
        ticker: Yahoo's name.
        status: complete, gaps or stale.
        detail: which sessions are missing, in words.
        n_sessions: sessions held now.
        n_quarantined: rows set aside, ever.
        n_revised: rows replaced this time.
        last_session: last session held.
        changed: whether a bar changed.
        first_session: first session held.
        n_new: sessions that were not held before.
        n_refused: rows of this answer that were refused.
        notes: what was not read, left out, mended or set aside, one sentence each.
        said: how many rows of this answer were refused and why, and the notes.
    """

    ticker: str
    status: str
    detail: str
    n_sessions: int
    n_quarantined: int
    n_revised: int
    last_session: dt.date | None
    changed: bool
    first_session: dt.date | None = None
    n_new: int = 0
    n_refused: int = 0
    notes: tuple[str, ...] = ()
    said: str = ""


Outcome = IngestReport | AlphaError


class NothingTakenError(AlphaError):
    """No row of an answer could be taken, and no bar is held either. Nothing was written.

    Args:
        ticker: Yahoo's name.
        refused: what was refused.
        made: what the answer came to; None where it had no row.
    """

    def __init__(self, ticker: str, refused: Refusals, made: Ingested | None) -> None:
        self.made, self.refused = made, refused
        self._brief = f"nothing could be taken. {refused.words}" if refused.words else "the source has no row of it"
        super().__init__(f"{ticker}: {self._brief}")

    @property
    def brief(self) -> str:
        """The reason without the ticker."""
        return self._brief


def coverage_row(made: Ingested, refused: Refusals) -> pl.DataFrame:
    """A ticker's row of `raw.coverage` with what was refused."""
    return made.coverage.with_columns(
        n_refused=pl.lit(refused.n_refused),
        refused_share=pl.lit(refused.share),
        n_lost=pl.lit(refused.n_lost),
        said=pl.lit(refused.words),
    )


def record_failure(warehouse: Warehouse, ticker: str, why: AlphaError, through: dt.date) -> None:
    """Note in `raw.coverage` that a ticker could not be brought up to date; its bars stay.

    A name that is not followed and has no bars is most likely a mistyped one, and leaves no trace; nor does a failure
    in a warehouse that holds nothing yet.

    Args:
        warehouse: where.
        ticker: Yahoo's name.
        why: what went wrong.
        through: the last session that was wanted.
    """
    if read_market(warehouse) is None:
        return
    if ticker not in followed(warehouse) and not warehouse.height(raw.BARS, ticker):
        return
    if isinstance(why, NothingTakenError) and why.made is not None:
        warehouse.write(raw.QUARANTINE, ticker, why.made.quarantine)
        held = coverage_row(why.made, why.refused)
    else:
        held = warehouse.read(raw.COVERAGE, [ticker])
    before = warehouse.read(raw.COVERAGE, [ticker], columns=["failed_since"]).get_column("failed_since").to_list()
    if held.is_empty():
        nothing = {"ticker": [ticker], "n_sessions": [0], "n_missing": [0], "n_refused": [0], "n_lost": [0]}
        held = pl.concat([raw.COVERAGE.empty(), pl.DataFrame(nothing)], how="diagonal_relaxed")
    failed = held.with_columns(
        status=pl.lit("failed"),
        detail=pl.lit(str(why)),
        # A failure that a clock ahead of time noted in the future began no later than now.
        failed_since=pl.lit(min(next(iter(before), None) or through, through)),
        failed_through=pl.lit(through),
        failure=pl.lit(reason(ticker, why)),
    )
    warehouse.write(raw.COVERAGE, ticker, failed)


def reason(ticker: str, why: AlphaError) -> str:
    """Why a ticker failed, in one line that is the same for every ticker that failed so."""
    line = " ".join(why.brief.split()).rstrip(".").removeprefix(f"{ticker}: ")
    if isinstance(why, SourceError):
        line = re.sub(rf"(?<![\w^./=-]){re.escape(ticker)}(?![\w./=-])", "it", line)
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"
