"""One file as a table whose columns are named by what they mean."""

import ast
import csv
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl
from polars.exceptions import PolarsError

from alpha_pipeline.errors import TickerNameError
from alpha_pipeline.sources.files.columns import OHLC, meaning, rank
from alpha_pipeline.sources.files.delimited import read_text
from alpha_pipeline.sources.files.found import FoundFile, is_parquet
from alpha_pipeline.sources.files.names import ticker
from alpha_pipeline.sources.files.refusal import EXPECTED, FileRefusedError
from alpha_pipeline.sources.regular import MOST_TIMES, read_regular

MOST_CELLS: Final = 2**31
MANY_CELLS: Final = 50_000_000
# A column that a program wrote without a name of its own: the index of pandas.
_UNNAMED: Final = re.compile(r"|unnamed: ?\d+(_level_\d+)?|__index_level_\d+__|index|level_\d+")


@dataclass(frozen=True)
class Table:
    """A file's rows.

    Attributes:
        rows: columns named by their meaning, text or as a Parquet has them.
        names: the file's own name of each meaning.
        columns: (the file's name, what it is read as) in the file's order.
        unused: the file's names of columns that are not read.
        delimiter: of a text; empty for a Parquet.
        too_long: whether a line has more fields than the header, so that its values are null; None where none has.
    """

    rows: pl.DataFrame
    names: dict[str, str]
    columns: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    delimiter: str = ""
    too_long: pl.Series | None = None


def read_table(found: FoundFile) -> Table:
    """The rows of a file.

    Raises:
        FileRefusedError: the file cannot be read, or names a column twice.
    """
    try:
        # Whole and at once: Polars opens a path more than once, a file may be replaced in between, and a name with
        # brackets would be a pattern to it.
        data = read_regular(found.file, is_packed=found.file.suffix.lower() == ".gz")
        if is_parquet(found.file):
            frame = _parquet(data)
            return _meant(frame, [_parts(name) for name in frame.columns])
        text = read_text(data)
        named = _meant(text.rows, [_level_parts(level) for level in zip(*text.levels, strict=True)])
        named = replace(named, delimiter=text.delimiter)
        return _without_shifted(named, text.too_long) if text.too_long.any() else named
    except (PolarsError, OSError, zlib.error, csv.Error) as error:
        cause = (getattr(error, "strerror", None) or str(error)).partition("\n")[0]
        raise FileRefusedError(f"cannot be read: {cause}. Expected columns: {EXPECTED}") from error


def _parquet(data: bytes) -> pl.DataFrame:
    """The frame in a Parquet, unless it has more cells than so few bytes can mean.

    By pyarrow: Polars believes what a damaged page says of its length, asks for that much memory, and the process ends.
    """
    # It takes a tenth of a second to import; text need not wait for it.
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pa.parquet.ParquetFile(pa.BufferReader(data))
        cells = file.metadata.num_rows * file.metadata.num_columns
        if cells > MOST_CELLS or (cells > MANY_CELLS and cells > MOST_TIMES * len(data)):
            raise FileRefusedError(f"has {cells:,} cells in {len(data):,} bytes, which no table of daily bars has")
        read = file.read(use_threads=False)
        read.validate(full=True)
        frame = pl.from_arrow(read)
    except pa.ArrowException as error:
        raise FileRefusedError(
            f"cannot be read: {str(error).partition(chr(10))[0]}. Expected columns: {EXPECTED}"
        ) from error
    return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()


def _without_shifted(table: Table, too_long: pl.Series) -> Table:
    """The table, without the values of lines with too many fields: from the first number on they may be another's."""
    if len(too_long) != table.rows.height:
        raise FileRefusedError("has lines with more fields than its header names. Write marks within numbers in quotes")
    order = [means for _, means in table.columns]
    first = next((place for place, means in enumerate(order) if means not in {"ticker", "date", "time"}), len(order))
    shifted = [means for means in table.rows.columns if means not in order or order.index(means) >= first]
    return replace(table, rows=table.rows.with_columns(pl.when(~too_long).then(pl.col(shifted))), too_long=too_long)


def _parts(name: str) -> list[str]:
    """The levels of a Parquet's column: pandas writes those of a MultiIndex as the text of a tuple."""
    if name.startswith("('") and name.endswith(")"):
        try:
            return [str(part) for part in ast.literal_eval(name) if str(part)]
        except (ValueError, SyntaxError):
            return [name]
    return [name]


def _level_parts(level: Iterable[str]) -> list[str]:
    """The levels of a text's column, without those that say nothing."""
    parts = [part.strip() for part in level]
    kept = [part for part in parts if part and part.lower() not in {"ticker", "price"}]
    if len(parts) > 1:
        return [piece for part in kept for piece in _parts(part)]
    return _parts(parts[0])


def _meant(frame: pl.DataFrame, parts: Sequence[Sequence[str]]) -> Table:
    """The frame with columns named by what they mean; one block of columns for each ticker becomes rows."""
    level = _level_of_fields(parts)
    split = [_field_and_ticker(part, level) for part in parts]
    blocks = Counter(of for field, of in split if field in OHLC and of)
    if not blocks:
        flattened = [_flattened(part) for part in parts]
        if not any(meaning(" ".join(part)) in OHLC for part in parts):
            split = [flat or one for flat, one in zip(flattened, split, strict=True)]
            blocks = Counter(of for field, of in split if field in OHLC and of)
    if not blocks:
        return _of_one_block(frame, [" ".join(part) for part in parts])
    return _of_blocks(frame, split, [" ".join(part) for part in parts])


def _level_of_fields(parts: Sequence[Sequence[str]]) -> int:
    """Which of two levels names the fields; a ticker may be called C, LOW or OPEN."""
    words = [Counter(part[level].lower() in OHLC for part in parts if len(part) == 2)[True] for level in (0, 1)]
    return int(words[1] > words[0])


def _field_and_ticker(parts: Sequence[str], level: int) -> tuple[str | None, str]:
    """(meaning, ticker) of a column with two levels; the ticker is empty for one level."""
    if len(parts) == 2:
        means, of = meaning(parts[level]), parts[1 - level]
        if means not in {None, "ticker", "date"} and _is_ticker(of):
            return means, of
    return meaning(" ".join(parts)), ""


def _flattened(parts: Sequence[str]) -> tuple[str | None, str] | None:
    """(meaning, ticker) of a name that joins both, as in ``Close_QQQ``, ``QQQ Adj Close``; None for another one."""
    name = " ".join(parts)
    for match in re.finditer(r"[_ .|/:-]", name):
        before, after = name[: match.start()], name[match.end() :]
        for field, of in ((before, after), (after, before)):
            means = meaning(field)
            if means not in {None, "ticker", "date", "time", "period"} and of.isupper() and _is_ticker(of):
                return means, of
    return None


def _is_ticker(name: str) -> bool:
    try:
        ticker(name)
    except TickerNameError:
        return False
    return True


def _of_one_block(frame: pl.DataFrame, names: Sequence[str]) -> Table:
    """Each meaning by the column whose name says it best."""
    chosen: dict[str, int] = {}
    for place, name in enumerate(names):
        means = meaning(name)
        if means is None:
            continue
        held = chosen.get(means)
        if held is not None and rank(names[held]) == rank(name):
            raise FileRefusedError(
                f"has the column(s) {means} more than once ({names[held]!r}, {name!r}). Keep one of them"
            )
        if held is None or rank(name) < rank(names[held]):
            chosen[means] = place
    for means, place in _of_index(frame, names, chosen).items():
        chosen.setdefault(means, place)
    if "date" not in chosen and "time" in chosen:
        chosen["date"] = chosen.pop("time")
    of_place = {place: means for means, place in chosen.items()}
    rows = pl.DataFrame([frame.to_series(place).alias(means) for means, place in chosen.items()])
    columns = tuple((name, of_place[place]) for place, name in enumerate(names) if place in of_place)
    unused = tuple(
        name
        for place, name in enumerate(names)
        if place not in of_place and not _UNNAMED.fullmatch(name.strip().lower())
    )
    named = {means: names[place].strip() or "(without a name)" for means, place in chosen.items()}
    return Table(rows, named, columns, unused)


def _of_index(frame: pl.DataFrame, names: Sequence[str], chosen: dict[str, int]) -> dict[str, int]:
    """The date and the ticker in columns without a name, where no column with a name says them."""
    found: dict[str, int] = {}
    for place, name in enumerate(names):
        if not _UNNAMED.fullmatch(name.strip().lower()):
            continue
        column = frame.to_series(place).drop_nulls()
        if column.dtype.is_temporal() or (column.dtype == pl.String and column.str.contains(r"\d.*[-/.: ].*\d").all()):
            found.setdefault("date", place)
        elif column.dtype == pl.String and all(_is_ticker(name) and not name.isdigit() for name in column.unique()):
            found.setdefault("ticker", place)
    return {means: place for means, place in found.items() if means not in chosen and len(frame)}


def _of_blocks(frame: pl.DataFrame, split: Sequence[tuple[str | None, str]], names: Sequence[str]) -> Table:
    """The blocks of columns, one for each ticker, as rows below one another."""
    shared = _of_one_block(
        pl.DataFrame([frame.to_series(i) for i, (_, of) in enumerate(split) if not of]),
        [names[i] for i, (_, of) in enumerate(split) if not of],
    )
    own = {field: field for field, of in split if of and field is not None}
    counts = Counter([one for one in split if one[1]] + [(field, "") for field in own if field in shared.names])
    twice = sorted({str(field) for (field, of), n in counts.items() if n > 1 or not of})
    if twice:
        raise FileRefusedError(f"has the column(s) {', '.join(twice)} more than once for a ticker. Keep one of them")
    parts, columns = list[pl.DataFrame](), list(shared.columns)
    for of in dict.fromkeys(of for _, of in split if of):
        places = {field: i for i, (field, of_column) in enumerate(split) if of_column == of and field is not None}
        columns += [(names[i], f"{field} of {of}") for field, i in places.items()]
        block = pl.DataFrame([frame.to_series(i).alias(field) for field, i in places.items()])
        # A session at which a ticker is not listed is no row of it.
        parts.append(
            pl.concat([shared.rows.select(pl.exclude("ticker")), block], how="horizontal")
            .with_columns(pl.lit(of).alias("ticker"))
            .filter(pl.any_horizontal(_is_given(block[name].dtype, name) for name in block.columns if name in OHLC))
        )
    return Table(pl.concat(parts, how="diagonal_relaxed"), {**shared.names, **own}, tuple(columns), shared.unused)


def _is_given(dtype: pl.DataType, name: str) -> pl.Expr:
    return pl.col(name).is_not_nan().fill_null(value=False) if dtype.is_float() else pl.col(name).is_not_null()
