"""Delimited text as people's programs write it: the encoding, the delimiter, and where the header is."""

import codecs
import csv
import io
import itertools
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import polars as pl

from alpha_pipeline.sources.files.columns import meaning
from alpha_pipeline.sources.files.refusal import EXPECTED, FileRefusedError

DELIMITERS: Final = (",", ";", "\t", "|")
# Title lines stand above a header; nobody writes more of them.
LOOK_FOR_HEADER: Final = 40
# A line counts as the header from so many known names on: a date and a close alone are no bars, but are named as such.
KNOWN_NAMES: Final = 2
# Fields beyond the header's, in which a line that is too long ends.
SPARE: Final = 8
# A last cell is cut off if it is shorter than all of so many before it, and no end of line follows.
FEWEST_BEFORE: Final = 20
CUT_OFF: Final = " (the file ends here)"


@dataclass(frozen=True)
class Text:
    """A table of text.

    Attributes:
        levels: the lines of the header, each a name for every column; more than one where pandas wrote two levels.
        rows: columns ``0``, ``1``, ...: the cells, null where empty.
        delimiter: what stands between two cells.
        too_long: whether a line has more fields than the header, so that its values are not where they belong.
    """

    levels: tuple[tuple[str, ...], ...]
    rows: pl.DataFrame
    delimiter: str
    too_long: pl.Series


def decoded(data: bytes) -> str:
    r"""The text in the encoding that its bytes tell of, with ``\\n`` at the ends of lines."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    elif data.startswith(codecs.BOM_UTF8):
        text = data.decode("utf-8-sig", errors="replace")
    elif b"\0" in data[:200]:  # UTF-16 without its mark: every other byte of ASCII is zero
        text = data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace")
    else:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def read_text(data: bytes) -> Text:
    """The table in a text.

    Raises:
        FileRefusedError: no line names columns, or most lines do not fit the header.
        PolarsError: the text is no table.
    """
    text = decoded(data)
    if not text.strip():
        raise FileRefusedError(f"cannot be read: it is empty. Expected columns: {EXPECTED}")
    lines = list(itertools.islice(io.StringIO(text), 2 * LOOK_FOR_HEADER))
    delimiter, records, at = _header(lines)
    start, levels = _levels(records, at)
    width = max(len(level) for level in levels)
    names = tuple((*level, *[""] * (width - len(level))) for level in levels)
    skipped = sum(len(line) for line in lines[: records[start - 1][0]])
    rows = _cells(text[skipped:], delimiter, width + SPARE)
    rows = rows.filter(~pl.all_horizontal(pl.all().is_null()))
    spare = pl.any_horizontal(
        pl.col(str(i)).str.strip_chars(" \n").fill_null("") != "" for i in range(width, width + SPARE)
    )
    too_long = rows.select(spare).to_series()
    if too_long.sum() * 2 > rows.height:
        first = delimiter.join(cell or "" for cell in rows.filter(too_long).row(0)).rstrip(delimiter)
        raise FileRefusedError(
            f"has lines with more fields than its header names ({too_long.sum()}, the first {first!r}): a decimal or "
            f"thousands mark is the delimiter {delimiter!r} too. Write it with ; between the fields, or in quotes"
        )
    rows = rows.select(str(i) for i in range(width))
    return Text(names, rows if text.endswith("\n") else _without_cut_off(rows), delimiter, too_long)


def _without_cut_off(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows; a last cell that was cut off with the rest of the file is no number any more.

    29,117,000 shares of which 2911 were written before the disk was full look like a number.
    """
    last = rows.columns[-1]
    lengths = rows[last].str.len_chars().to_list()
    if len(lengths) <= FEWEST_BEFORE or None in lengths or lengths[-1] >= min(lengths[:-1]):
        return rows
    is_last = pl.int_range(pl.len()) == pl.len() - 1
    return rows.with_columns(pl.when(is_last).then(pl.col(last) + CUT_OFF).otherwise(last))


def _header(lines: list[str]) -> tuple[str, list[tuple[int, list[str]]], int]:
    """The delimiter, the first records as (lines read up to their end, cells), and the place of the header's record."""
    best, found = 0, (",", list[tuple[int, list[str]]](), 0)
    for delimiter in DELIMITERS:
        reader = csv.reader(iter(lines), delimiter=delimiter)
        records = list(itertools.islice(((reader.line_num, cells) for cells in reader), LOOK_FOR_HEADER))
        for place, (_, cells) in enumerate(records):
            known = len({_known(cell) for cell in cells} - {None})
            if known > best:
                best, found = known, (delimiter, records, place)
    if best < KNOWN_NAMES:
        begins = lines[0].strip()[:60]
        raise FileRefusedError(
            f"names no columns that are known; it begins with {begins!r}. Expected columns: {EXPECTED}"
        )
    return found


@lru_cache(maxsize=10_000)
def _known(cell: str) -> str | None:
    """What a name means, be it whole or beside a ticker: ``Close_QQQ``, ``('Close', 'QQQ')``."""
    if not any(char.isalpha() for char in cell):
        return None
    pieces = re.split(r"[^A-Za-z ]+|(?<=[a-z]) (?=[A-Z^])", cell)
    return meaning(cell) or next((means for piece in pieces if (means := meaning(piece))), None)


def _levels(records: list[tuple[int, list[str]]], at: int) -> tuple[int, list[list[str]]]:
    """Where the rows begin, and the lines of the header.

    pandas writes a header of two levels, fields and tickers in either order, and a third line with the index's name.
    """
    cells = [record for _, record in records]
    levels = [cells[at]]
    above = [cell.strip() for cell in cells[at - 1]] if at else []
    is_of_tickers = len(above) == len(cells[at]) and all(above[1:]) and cells[at][0].strip().lower() in {"", "price"}
    if is_of_tickers and not any(_is_number(cell) for cell in above):
        levels.insert(0, cells[at - 1])
    start = at + 1
    while start < len(cells) and start <= at + 2 and len(cells[start]) == len(cells[at]):
        first, *rest = (cell.strip() for cell in cells[start])
        is_index_name = bool(first) and not any(rest)
        is_of_tickers = first.lower() in {"ticker", "price", ""} and all(not _is_number(cell) for cell in rest)
        if not rest or not (is_index_name or is_of_tickers):
            break
        levels.append(cells[start])
        start += 1
    return start, levels


def _is_number(cell: str) -> bool:
    return any(char.isdigit() for char in cell) and not any(char.isalpha() for char in cell)


def _cells(body: str, delimiter: str, width: int) -> pl.DataFrame:
    schema = {str(i): pl.String for i in range(width)}
    if not body.strip():
        return pl.DataFrame(schema=schema)
    return pl.read_csv(
        io.BytesIO(body.encode()),
        has_header=False,
        schema=schema,
        separator=delimiter,
        infer_schema=False,
        truncate_ragged_lines=True,
        missing_columns="insert",
    )
