"""What one file is read as."""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl
from polars.exceptions import PanicException, PolarsError

from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Reading
from alpha_pipeline.sources.files.actions import actions_in
from alpha_pipeline.sources.files.adjusted import not_of_the_close
from alpha_pipeline.sources.files.amounts import read_numbers
from alpha_pipeline.sources.files.columns import OHLC
from alpha_pipeline.sources.files.dates import Sessions, read_dates
from alpha_pipeline.sources.files.found import FoundFile
from alpha_pipeline.sources.files.frequency import DAILY, FIX, not_daily
from alpha_pipeline.sources.files.refusal import EXPECTED, FileRefusedError
from alpha_pipeline.sources.files.rows import assembled, completed, notes_on
from alpha_pipeline.sources.files.scale import on_one_basis
from alpha_pipeline.sources.files.table import Table, read_table
from alpha_pipeline.universe import is_index
from alpha_pipeline.words import quoted

NUMBERS: Final = (*OHLC, "adj_close", "volume", "dividend", "capital_gain")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileBars:
    """One file, read.

    Attributes:
        reading: what it is read as, and why it is not where it is refused.
        bars: columns of `ANSWER_SCHEMA`.
        actions: columns of `ACTION_SCHEMA`.
        notes: by ticker, what of its rows could not be read.
        broken: by ticker, why its rows are not used.
        divided: tickers whose raw prices were divided by the splits that the file knows of.
    """

    reading: Reading
    bars: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ANSWER_SCHEMA))
    actions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ACTION_SCHEMA))
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    divided: frozenset[str] = frozenset()


def read_file(found: FoundFile) -> FileBars:
    """A file's bars; one that cannot be read is told with its reason and stops no other."""
    why = found.refused
    if not why:
        try:
            return _read(found)
        except FileRefusedError as error:
            why = str(error)
        except MemoryError:
            why = "cannot be read: there is not enough memory for it. Give it in parts"
        # One odd file is left out by name and stops no other, whatever is odd about it.
        except (Exception, PanicException) as error:
            logger.debug("%s cannot be read", found.file, exc_info=True)
            told = str(error) if isinstance(error, PolarsError) else f"{type(error).__name__}: {error}"
            why = f"cannot be read: {told.partition(chr(10))[0]}. Expected columns: {EXPECTED}"
    return FileBars(Reading(str(found.file), refused=why))


def _read(found: FoundFile) -> FileBars:
    table = completed(read_table(found), found)
    if table.rows.is_empty():
        raise FileRefusedError("holds no row below its header. Remove it, or put its rows back")
    _require_daily_period(table)
    columns: dict[str, pl.Series] = {name: table.rows[name] for name in NUMBERS if name in table.rows.columns}
    numbers = read_numbers(columns, table.names, table.delimiter)
    dates = _dates(table)
    told = assembled(table, numbers, dates)
    actions = actions_in(table.rows, told, numbers.values)
    rows, ignored = _bars(found, table, told)
    broken = not_of_the_close(rows, table.names.get("adj_close", "")) | not_daily(rows) | _without_volume(table, rows)
    tickers = tuple(sorted(rows["ticker"].unique()))
    if broken.keys() >= set(tickers):
        raise FileRefusedError(f"holds no daily bars that can be used: {next(iter(broken.values()))}")
    rows = rows.filter(~pl.col("ticker").is_in(list(broken)))
    has_adjusted = "adj_close" in table.rows.columns and rows["adj_close"].null_count() < rows.height
    actions = actions.filter(~pl.col("ticker").is_in(list(broken)))
    scaled = on_one_basis(rows, actions, has_adjusted=has_adjusted)
    scale = (*scaled.words, *([] if has_adjusted else ["close stands for adj_close, which the file has not"]))
    notes = notes_on(told, table, str(found.file), dates.words) if _has_unread(told) else {}
    sessions: list[dt.date] = sorted(rows["session"].unique().drop_nulls())
    reading = Reading(
        file=str(found.file),
        tickers=tickers,
        n_rows=rows.height,
        first=sessions[0] if sessions else None,
        last=sessions[-1] if sessions else None,
        columns=table.columns,
        dates=dates.words,
        scale="; ".join(scale),
        ignored=(*ignored, *(f"{found.file}: {why}." for why in broken.values())),
    )
    bars = _answered(scaled.bars, has_adjusted=has_adjusted)
    return FileBars(reading, bars, scaled.actions, notes, broken, scaled.divided)


def _require_daily_period(table: Table) -> None:
    """Refuse bars that a column says are of another period than a day."""
    if "period" not in table.rows.columns:
        return
    for period in table.rows["period"].cast(pl.String, strict=False).drop_nulls().unique():
        if period.strip().lower() not in DAILY:
            raise FileRefusedError(
                f"holds bars that are not daily: column {table.names['period']} says {quoted(period)}. {FIX}"
            )


def _dates(table: Table) -> Sessions:
    """The sessions; a time in a column of its own belongs to the date."""
    column = table.rows["date"]
    if "time" in table.rows.columns:
        time = table.rows["time"].cast(pl.String).str.strip_chars()
        time = pl.select(pl.when(time.str.contains(r"^\d{1,6}$")).then(time.str.zfill(6)).otherwise(time)).to_series()
        if not time.fill_null("").str.contains(r"^(|0+|00:00(:00)?(\.0+)?)$").all():
            column = pl.select(
                pl.format("{} {}", column.cast(pl.String).str.strip_chars(), time.fill_null(""))
            ).to_series()
    return read_dates(column, table.names["date"])


def _bars(found: FoundFile, table: Table, told: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows that are of a ticker's bars, and what is left out, in words.

    Raises:
        FileRefusedError: none is.
    """
    ignored = [f"Not used: {', '.join(table.unused)}. Expected columns: {EXPECTED}."] if table.unused else []
    rows = told.filter(~pl.col("is_action"))
    if lines := int(rows["is_line"].sum()):
        ignored.append(f"{found.file}: {lines} line(s) without a date and a number. Mend them if they should be bars.")
        rows = rows.filter(~pl.col("is_line"))
    if nameless := rows["ticker"].null_count():
        # Quarantine is kept per ticker, so a row that names none can only be reported here.
        logger.warning("%s: ignored %d row(s) without a valid ticker", found.file, nameless)
        ignored.append(f"{found.file}: {nameless} row(s) without a valid ticker. Use Yahoo's names: BRK-B, ^VIX.")
        rows = rows.drop_nulls("ticker")
    if rows.is_empty():
        raise FileRefusedError(f"holds no row of bars. Expected columns: {EXPECTED}")
    return rows, tuple(ignored)


def _without_volume(table: Table, rows: pl.DataFrame) -> dict[str, str]:
    """The tickers that need a volume where the file has none."""
    if "volume" in table.rows.columns:
        return {}
    return {
        ticker: f"{ticker} lacks the column volume, which only an index, whose name begins with ^, needs not. Add it"
        for ticker in sorted(rows["ticker"].unique())
        if not is_index(ticker)
    }


def _has_unread(told: pl.DataFrame) -> bool:
    return bool(told.select(pl.any_horizontal(pl.col("^unread_.*$", "too_long").any())).item())


def _answered(rows: pl.DataFrame, *, has_adjusted: bool) -> pl.DataFrame:
    """The columns of `ANSWER_SCHEMA`; an index has no dividends, and its close is its adjusted close."""
    is_close = pl.lit(not has_adjusted) | (
        pl.col("ticker").str.starts_with("^") & pl.col("adj_close").is_null().all().over("ticker")
    )
    adj_close = pl.when(is_close).then("close").otherwise("adj_close")
    frame = rows.with_columns(adj_close=adj_close, is_final=pl.lit(value=True))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in ANSWER_SCHEMA.items())
