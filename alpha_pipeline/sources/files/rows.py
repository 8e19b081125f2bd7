"""A file's table as rows of bars, and what of them could not be read."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from alpha_pipeline.errors import TickerNameError
from alpha_pipeline.sources.files import names
from alpha_pipeline.sources.files.actions import is_action_line
from alpha_pipeline.sources.files.amounts import Numbers
from alpha_pipeline.sources.files.columns import OHLC, spelled
from alpha_pipeline.sources.files.dates import FIX, Sessions
from alpha_pipeline.sources.files.found import FoundFile
from alpha_pipeline.sources.files.refusal import EXPECTED, FileRefusedError
from alpha_pipeline.sources.files.table import Table
from alpha_pipeline.universe import VIX, is_index
from alpha_pipeline.words import quoted

VALUES: Final = (*OHLC, "adj_close", "volume")
NUMBER_FIX: Final = "Write it as a plain number such as 370.29"


def completed(table: Table, found: FoundFile) -> Table:
    """The table with a ticker in each row and, where it has adjusted prices only, these as its prices.

    Raises:
        FileRefusedError: a column is missing that nothing stands for.
    """
    held, named = table.rows, dict(table.names)
    if not set(OHLC) & set(held.columns) and {f"adj_{name}" for name in OHLC} <= set(held.columns):
        for name in ("open", "high", "low"):
            held, named[name] = held.with_columns(held[f"adj_{name}"].alias(name)), named[f"adj_{name}"]
        held, named["close"] = held.with_columns(held["adj_close"].alias("close")), named["adj_close"]
    if "volume" not in held.columns and "adj_volume" in held.columns:
        held, named["volume"] = held.rename({"adj_volume": "volume"}), named["adj_volume"]
    missing = [name for name in OHLC if name not in held.columns]
    if "date" not in held.columns:
        missing.insert(0, "date (or session)")
    ticker = _tickers(held, named, found, missing)
    if "volume" not in held.columns and not all(is_index(name) for name in ticker.drop_nulls().unique()):
        missing.append("volume")
        if len(missing) == 1 and ticker.n_unique() > 1:
            missing = []  # each ticker is told on its own: an index has none
    if missing:
        needs = " An index, whose name begins with ^, needs no volume." if missing == ["volume"] else ""
        raise FileRefusedError(
            f"lacks the column(s) {', '.join(missing)}. Expected columns: {EXPECTED}.{needs}".removesuffix(".")
        )
    return Table(
        held.with_columns(ticker.alias("ticker")), named, table.columns, table.unused, table.delimiter, table.too_long
    )


def _tickers(held: pl.DataFrame, named: Mapping[str, str], found: FoundFile, missing: list[str]) -> pl.Series:
    """The ticker of each row, as Yahoo spells it; null where a name cannot be one."""
    if "ticker" in held.columns:
        column = named.get("ticker", "ticker")
        dtype = held.schema["ticker"]
        if not (dtype in {pl.String, pl.Categorical, pl.Enum, pl.Null} or dtype.is_integer()):
            raise FileRefusedError(f"has no texts in its column {column} but {dtype}. Use Yahoo's names: BRK-B, ^VIX")
        given = held.get_column("ticker").cast(pl.String, strict=False)
        every = given.drop_nulls().unique()
        # A column Name may hold the companies'; then the file's name tells.
        may_be_names = spelled(column) in {"name", "security", "stock", "asset"}
        if not may_be_names or all(bare == bare.upper() for bare in map(names.bare, every)):
            told = given.replace_strict({name: _ticker(name) for name in every}, default=None, return_dtype=pl.String)
            if len(told) and told.null_count() == len(told):
                raise FileRefusedError(
                    f"has no ticker in its column {column}: {quoted(given[0])} is none. Use Yahoo's names: BRK-B, ^VIX"
                )
            return told
    try:
        name = names.ticker_of_file(found.file, found.root)
    except TickerNameError as error:
        if found.file == found.root or missing:
            missing.insert(min(len(missing), 1), "ticker")
            return pl.Series([None] * held.height, dtype=pl.String)
        raise FileRefusedError(
            f"has no ticker column, and its name is no ticker ({error}). Name it as the ticker (QQQ.csv), or add the "
            f"column. Expected columns: {EXPECTED}"
        ) from error
    if name == VIX.removeprefix("^") and "volume" not in held.columns:  # CBOE's own file
        name = VIX
    return pl.repeat(name, n=held.height, eager=True, dtype=pl.String)


def _ticker(name: str) -> str | None:
    try:
        return names.ticker(name)
    except TickerNameError:
        return None


def assembled(table: Table, numbers: Numbers, dates: Sessions) -> pl.DataFrame:
    """Every row in the file's order.

    Returns:
        Columns ticker, session, clock and the values, null where there is none; for the session and each value
        ``unread_...``, whether something is there that cannot be read; is_action and is_line, whether the row is a
        line that tells of an action, and one without a date and a number, such as a footer; too_long.
    """
    n = table.rows.height
    nothing = pl.Series([None] * n, dtype=pl.Float64)
    no = pl.repeat(value=False, n=n, eager=True)
    is_action = is_action_line(table.rows, numbers.values["open"])
    too_long = no if table.too_long is None else table.too_long
    # A row of a Parquet is a row, whatever it holds.
    is_text = pl.lit(bool(table.delimiter))
    rows = pl.DataFrame(
        [
            table.rows["ticker"],
            dates.days.alias("session"),
            dates.clock.alias("clock"),
            *(numbers.values.get(name, nothing).alias(name) for name in VALUES),
            is_action.alias("is_action"),
            too_long.alias("too_long"),
        ]
    )
    no_number = pl.all_horizontal(pl.col(name).is_null() for name in VALUES)
    rows = rows.with_columns(is_line=is_text & no_number & pl.col("session").is_null() & ~pl.col("too_long"))
    is_bar = ~(rows["is_action"] | rows["is_line"])
    given = table.rows["date"].is_not_null()
    if table.rows.schema["date"] == pl.String:
        given &= (table.rows["date"].str.strip_chars() != "").fill_null(value=False)
    return rows.with_columns(
        (given & dates.days.is_null() & is_bar).alias("unread_session"),
        *((numbers.unreadable.get(name, no) & is_bar).alias(f"unread_{name}") for name in VALUES),
    )


def notes_on(rows: pl.DataFrame, table: Table, file: str, words: str) -> dict[str, tuple[str, ...]]:
    """By ticker: what could not be read, one sentence for a column.

    Args:
        rows: as `assembled` makes them, all of them.
        table: the file's table, with the values as they stand there.
        file: the file's path.
        words: how its dates are read.
    """
    notes: dict[str, list[str]] = {}
    sources = {"session": "date", **{name: name for name in VALUES}}
    for name, source in sources.items():
        of = (
            rows.with_columns(cell=table.rows[source].cast(pl.String, strict=False))
            if source in table.rows.columns
            else rows
        )
        unread = of.filter(pl.col(f"unread_{name}") & pl.col("ticker").is_not_null())
        if unread.is_empty():
            continue
        fix = f"{FIX}; the others are read as {words}" if name == "session" else NUMBER_FIX
        first = unread.group_by("ticker", maintain_order=True).agg(
            n=pl.len(), cell=pl.first("cell"), day=pl.first("session")
        )
        for ticker, n, cell, day in first.iter_rows():
            when = f" at {day}" if day is not None else ""
            notes.setdefault(ticker, []).append(
                f"{file}, column {table.names[source]}: {n} value(s) cannot be read, the first {quoted(cell)}{when}. "
                f"{fix}."
            )
    long = rows.filter(pl.col("too_long") & pl.col("ticker").is_not_null())
    for ticker, n, day in long.group_by("ticker", maintain_order=True).agg(pl.len(), pl.first("session")).iter_rows():
        notes.setdefault(ticker, []).append(
            f"{file}: {n} line(s) have more fields than the header, the first at {day}. Write numbers that hold "
            "marks in quotes."
        )
    return {ticker: tuple(lines) for ticker, lines in notes.items()}
