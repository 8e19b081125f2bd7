"""Bars from a user's own Parquet or CSV: one file, or a folder of them.

Columns (any case): ticker, date or session, open, high, low, close, volume, and optionally adj_close; other
columns are ignored. OHLC are split-adjusted, adj_close is split- and dividend-adjusted; where it is missing,
close stands for it. A value that cannot be read becomes null and its row goes to quarantine, so one bad cell
never stops a file.
"""

import datetime as dt
import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import polars as pl
from polars.exceptions import PolarsError

from alpha_pipeline.errors import SourceError, TickerNameError, UnknownTickerError
from alpha_pipeline.settings import SourceKind
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer
from alpha_pipeline.universe import among, checked

PRICES = ("open", "high", "low", "close")
EXPECTED = "ticker, date (or session), open, high, low, close, volume, and optionally adj_close"
SUFFIXES = (".parquet", ".csv")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FilesSource:
    """Bars from Parquet or CSV files.

    The files are read on the first question and kept for the life of the process, until one of them changes.

    Args:
        path: a file, or a folder whose ``*.parquet`` and ``*.csv`` are read. In a folder, a file without a
            ticker column holds the ticker of its name (``BRK-B.csv``, ``^VIX.parquet``, ``%5EVIX.csv``).
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

    def tickers(self) -> frozenset[str]:
        """The tickers that the files hold.

        Raises:
            SourceError: nothing to read at the path, or a file that cannot be read or lacks a column.
        """
        return frozenset(_load(_stamps(self.path)))

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """The rows of one ticker from `first` to `last`, and those whose date cannot be read.

        Files carry no corporate actions, and their bars count as final.

        Raises:
            UnknownTickerError: no file holds the ticker.
            SourceError: nothing to read at the path, or a file that cannot be read or lacks a column.
        """
        held = _load(_stamps(self.path))
        name = among(ticker, held)
        if name is None:
            near = difflib.get_close_matches(ticker, held, n=3, cutoff=0.3)
            detail = f"it holds {len(held)} tickers" + (f"; nearest: {', '.join(near)}" if near else "")
            raise UnknownTickerError(ticker, str(self.path), detail)
        session = pl.col("session")
        bars = (
            held[name].filter(session.is_null() | session.is_between(first, last)).with_columns(ticker=pl.lit(ticker))
        )
        return Answer(ticker, bars, pl.DataFrame(schema=ACTION_SCHEMA), self.kind)


@dataclass(frozen=True)
class _Stamp:
    """One version of one file; another modification time or size is another version."""

    file: Path
    modified_ns: int
    size: int
    in_folder: bool


def _stamps(path: Path) -> tuple[_Stamp, ...]:
    """The versions of the files at a path.

    Raises:
        SourceError: there is no such path, or no Parquet or CSV file in the folder.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist. Give a Parquet or CSV file, or a folder of them.")
    is_folder = path.is_dir()
    found = sorted(path.iterdir()) if is_folder else [path]
    files = [file for file in found if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")]
    if not files:
        what = "holds no" if is_folder else "is no"
        raise SourceError(f"{path} {what} *.parquet or *.csv file. Expected columns: {EXPECTED}.")
    return tuple(_Stamp(file, file.stat().st_mtime_ns, file.stat().st_size, is_folder) for file in files)


@lru_cache(maxsize=4)
def _load(stamps: tuple[_Stamp, ...]) -> Mapping[str, pl.DataFrame]:
    """Every file's rows by ticker, in the order of the files and of their rows."""
    rows = pl.concat([_read(stamp) for stamp in stamps])
    groups = rows.partition_by("ticker", as_dict=True, maintain_order=True)
    return {str(ticker): bars for (ticker,), bars in groups.items()}


def _read(stamp: _Stamp) -> pl.DataFrame:
    """One file in the columns of `ANSWER_SCHEMA`.

    Raises:
        SourceError: the file cannot be read, or lacks a column.
    """
    raw = _named(stamp.file, _parsed(stamp.file))
    day = next((name for name in ("session", "date") if name in raw.columns), None)
    if "ticker" not in raw.columns and stamp.in_folder:
        raw = raw.with_columns(ticker=pl.lit(_ticker_of_name(stamp.file)))
    missing = [name for name in ("ticker", *PRICES, "volume") if name not in raw.columns]
    if day is None:
        missing.insert(0, "date (or session)")
    if day is None or missing:
        raise SourceError(f"{stamp.file} lacks the column(s) {', '.join(missing)}. Expected columns: {EXPECTED}.")
    return _answer(stamp.file, raw, day)


def _parsed(file: Path) -> pl.DataFrame:
    """The file as it is; every column of a CSV as text, so that no value can stop the reading."""
    try:
        if file.suffix.lower() == ".parquet":
            # Whole and at once: Polars opens a path more than once, and a file may be replaced in between.
            return pl.read_parquet(file.read_bytes())
        return pl.read_csv(file, infer_schema=False, truncate_ragged_lines=True, encoding="utf8-lossy")
    except (PolarsError, OSError) as error:
        cause = str(error).partition("\n")[0]
        raise SourceError(f"{file} cannot be read: {cause}. Expected columns: {EXPECTED}.") from error


def _named(file: Path, raw: pl.DataFrame) -> pl.DataFrame:
    """The frame with names in lower snake case (``Adj Close`` -> ``adj_close``)."""
    names = [name.strip().lower().replace(" ", "_") for name in raw.columns]
    wanted = {"ticker", "session", "date", *PRICES, "adj_close", "volume"}
    twice = sorted({name for name in names if name in wanted and names.count(name) > 1})
    if twice:
        raise SourceError(f"{file} has the column(s) {', '.join(twice)} more than once. Expected columns: {EXPECTED}.")
    kept = [i for i, name in enumerate(names) if name in wanted]
    return pl.DataFrame([raw.to_series(i).alias(names[i]) for i in kept])


def _ticker_of_name(file: Path) -> str:
    try:
        return checked(unquote(file.stem))
    except TickerNameError as error:
        raise SourceError(
            f"{file} has no ticker column, and its name is no ticker ({error}). Expected columns: {EXPECTED}."
        ) from error


def _answer(file: Path, raw: pl.DataFrame, day: str) -> pl.DataFrame:
    """The columns of `ANSWER_SCHEMA`, with null where a value cannot be read."""
    numbers = [_number(raw, name) for name in (*PRICES, "volume")]
    frame = raw.select(_tickers(raw), _day(raw, day).alias("session"), *numbers, _adj_close(raw))
    nameless = frame.get_column("ticker").null_count()
    if nameless:
        # Quarantine is kept per ticker, so a row that names none can only be reported here.
        logger.warning("%s: ignored %d row(s) without a valid ticker", file, nameless)
    frame = frame.drop_nulls("ticker").with_columns(is_final=pl.lit(value=True))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())


def _tickers(raw: pl.DataFrame) -> pl.Series:
    """The tickers as Yahoo spells them; null where a name cannot be one."""
    given = raw.get_column("ticker").cast(pl.String, strict=False)
    spelled: dict[str, str | None] = {}
    for name in given.drop_nulls().unique():
        try:
            spelled[name] = checked(name)
        except TickerNameError:
            spelled[name] = None
    return given.replace_strict(spelled, default=None, return_dtype=pl.String).alias("ticker")


def _day(raw: pl.DataFrame, name: str) -> pl.Expr:
    """Dates, exchange-local midnights or ISO text as Date; a time of day is cut off, not converted."""
    dtype = raw.schema[name]
    if isinstance(dtype, pl.Datetime):
        return pl.col(name).dt.date()
    if dtype == pl.Date:
        return pl.col(name)
    iso = pl.col(name).cast(pl.String, strict=False).str.strip_chars().str.extract(r"^(\d{4}-\d{2}-\d{2})(?:[T ].*)?$")
    return iso.str.to_date("%Y-%m-%d", strict=False)


def _number(raw: pl.DataFrame, name: str) -> pl.Expr:
    value = pl.col(name)
    if raw.schema[name] == pl.String:
        value = value.str.strip_chars()
    return value.cast(pl.Float64, strict=False)


def _adj_close(raw: pl.DataFrame) -> pl.Expr:
    """The adjusted close: close where it is absent, NaN, so that the row is refused, where unreadable."""
    if "adj_close" not in raw.columns:
        return _number(raw, "close").alias("adj_close")
    given = _number(raw, "adj_close")
    value = pl.when(given.is_nan()).then(None).otherwise(given).fill_null(_number(raw, "close"))
    if raw.schema["adj_close"] == pl.String:
        text = pl.col("adj_close").str.strip_chars().str.to_lowercase()
        unreadable = given.is_null() & ~text.is_in(["", "null", "none", "na", "n/a"])
        value = pl.when(unreadable).then(float("nan")).otherwise(value)
    return value.alias("adj_close")
