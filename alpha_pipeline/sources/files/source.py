"""Bars from a user's own files: one, or a folder of them, in the forms in which people have them.

Each file is read as a whole, in one reading of its columns, dates and numbers (`reading`), or left out with the reason.
A value that cannot be read becomes null and its row goes to quarantine, so one bad cell never stops a file.
"""

import datetime as dt
import difflib
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import polars as pl

from alpha_pipeline.errors import SourceError, UnknownTickerError
from alpha_pipeline.settings import SourceKind
from alpha_pipeline.sources.base import ACTION_SCHEMA, Answer, Reading
from alpha_pipeline.sources.files.found import FoundFile, found_files
from alpha_pipeline.sources.files.joining import Held, joined
from alpha_pipeline.sources.files.reading import read_file
from alpha_pipeline.universe import among

# So many reasons are named where no file can be read.
NAMED: Final = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FilesSource:
    """Bars from Parquet and CSV files.

    The files are read on the first question and kept for the life of the process, until one of them changes.

    Args:
        path: a file, or a folder whose files and sub-folders are read. A file without a ticker column holds the
            ticker of its name (``BRK-B.csv``, ``^VIX.parquet``, ``%5EVIX.csv.gz``).
    """

    path: Path

    @property
    def kind(self) -> SourceKind:
        """The kind that settings name."""
        return "files"

    @property
    def market(self) -> str:
        """The market these bars belong to."""
        return "files"

    @property
    def overlap(self) -> None:
        """None: the files are read whole anyway, so a change anywhere in the history is seen."""
        return None

    @property
    def concurrency(self) -> int:
        """One: there is nothing to wait for."""
        return 1

    @property
    def waits(self) -> None:
        """None: it answers from this machine."""
        return

    def tickers(self) -> frozenset[str]:
        """The tickers that the files hold.

        Raises:
            SourceError: nothing to read at the path, or no file there can be read.
        """
        return frozenset(_load(self.path, found_files(self.path)).tickers)

    def readings(self) -> tuple[Reading, ...]:
        """What each file is read as, by name; those that are left out too.

        Raises:
            SourceError: nothing to read at the path, or no file there can be read.
        """
        return _load(self.path, found_files(self.path)).readings

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """The rows of one ticker from `first` to `last`, and those whose date cannot be read.

        Bars of files count as final; actions are those that the files tell of and that their prices agree with.

        Raises:
            UnknownTickerError: no file holds the ticker.
            SourceError: nothing to read at the path, no file there can be read, or the ticker's rows are no daily bars.
        """
        held = _load(self.path, found_files(self.path))
        name = among(ticker, held.tickers)
        if name is None:
            near = difflib.get_close_matches(ticker, held.tickers, n=3, cutoff=0.3)
            detail = f"it holds {len(held.tickers)} tickers" + (f"; nearest: {', '.join(near)}" if near else "")
            raise UnknownTickerError(ticker, str(self.path), detail)
        if name in held.broken:
            raise SourceError(f"{held.broken[name]}.")
        session, of = pl.col("session"), pl.lit(ticker).alias("ticker")
        bars = held.bars[name].filter(session.is_null() | session.is_between(first, last)).with_columns(of)
        actions = held.actions.get(name, pl.DataFrame(schema=ACTION_SCHEMA)).with_columns(of)
        within = actions.filter(session.is_between(first, last))
        return Answer(ticker, bars, within, self.kind, held.notes.get(name, ()))


@lru_cache(maxsize=4)
def _load(path: Path, files: tuple[FoundFile, ...]) -> Held:
    """Every file's rows by ticker.

    Raises:
        SourceError: no file can be read.
    """
    read = [read_file(file) for file in files]
    never_meant = {str(file.file) for file in files if file.refused}  # they have no form of bars: named last
    refused = sorted((one.reading for one in read if one.reading.refused), key=lambda one: one.file in never_meant)
    if len(refused) == len(read):
        named = [f"{reading.file} {reading.refused}" for reading in refused[:NAMED]]
        more = f"; and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
        raise SourceError(
            f"{named[0]}." if not path.is_dir() else f"no file of {path} can be read: {'; '.join(named)}{more}."
        )
    if refused:
        more = f" and {len(refused) - 1} other file(s)" if len(refused) > 1 else ""
        logger.warning("%s%s left out: it %s.", refused[0].file, more, refused[0].refused)
    return joined(read)
