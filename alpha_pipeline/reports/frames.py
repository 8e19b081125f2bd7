"""Writes a frame or a text where and how a person asked for it."""

import io
import json
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from alpha_pipeline.errors import UsageError

MOST_ROWS: Final = 60  # of a table
_TEXT_OR_NO_NUMBER: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
_UNLIMITED: Final = 10_000
_NARROWEST_PROSE: Final = 24


def write_frame(frame: pl.DataFrame, output_format: str, out: Path | None, width: int = 200) -> None:
    """Write a frame as `write_frames` does."""
    write_frames([(frame, frozenset())], output_format, out, width)


def write_frames(
    frames: Sequence[tuple[pl.DataFrame, frozenset[str]]], output_format: str, out: Path | None, width: int = 200
) -> None:
    """Write frames, one after the other, as table, csv, json or parquet to a file, or to standard output.

    Args:
        frames: what to write, each with its columns whose texts are JSON already; JSON is a line for each frame.
        output_format: how.
        out: where to; standard output when None.
        width: columns that a table may have.

    Raises:
        UsageError: Parquet is asked for without a file or of other than one frame, CSV with a nested column, or the
            file cannot be written.
    """
    if output_format == "parquet":
        if out is None:
            raise UsageError("Parquet is not for a terminal: name a file with --out.")
        if len(frames) != 1:
            raise UsageError(f"A Parquet file holds one result, and there are {len(frames)}: leave one.")
        buffer = io.BytesIO()
        frames[0][0].write_parquet(buffer)
        _write(buffer.getvalue(), out)
    elif output_format == "csv":
        _put("\n".join(_csv(frame) for frame, _ in frames), out)
    elif output_format == "json":
        _put("".join(f"{_json(frame, texts)}\n" for frame, texts in frames), out)
    else:
        _put("\n".join(table(frame, width) for frame, _ in frames), out)


def _csv(frame: pl.DataFrame) -> str:
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if nested:
        raise UsageError(f"CSV cannot hold the nested column(s) {', '.join(nested)}: use --format json or parquet.")
    return frame.write_csv()


def _json(frame: pl.DataFrame, texts: frozenset[str]) -> str:
    """An array of objects; of the columns in `texts` the values are JSON as they are."""
    if not texts:
        return frame.write_json()
    columns = []
    for name in frame.columns:
        if name in texts:
            key = json.dumps(name, ensure_ascii=False)
            columns.append([f"{key}:{'null' if value is None else _finite(value)}" for value in frame[name]])
        else:
            columns.append([line[1:-1] for line in frame.select(name).write_ndjson().split("\n")[:-1]])
    return "[" + ",".join(f"{{{','.join(row)}}}" for row in zip(*columns, strict=True)) + "]"


def _finite(text: str) -> str:
    """A JSON text of DuckDB's with null for the numbers that JSON has none for, as Polars writes them."""
    return _TEXT_OR_NO_NUMBER.sub(lambda found: found[0] if found[0].startswith('"') else "null", text)


def table(frame: pl.DataFrame, width: int) -> str:
    """A frame as a table in which no value is cut: prose wraps; where numbers would, each row is a record of its own.

    Args:
        frame: of which the first and the last rows are shown, `MOST_ROWS` at most.
        width: columns there are.
    """
    whole = _drawn(frame, _UNLIMITED)
    border = whole.partition("\n")[0]
    if len(border) <= width:
        return whole
    widths = [len(part) for part in border.strip("┌┐").split("┬")]
    prose = [one for one in widths if one > _NARROWEST_PROSE]
    room = width - sum(widths) + sum(prose) - len(widths) - 1
    if prose and room >= len(prose) * _NARROWEST_PROSE:
        return _drawn(frame, width)
    return _records(frame, width)


def _drawn(frame: pl.DataFrame, width: int) -> str:
    with pl.Config(
        tbl_rows=MOST_ROWS,
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        fmt_str_lengths=_UNLIMITED,
        fmt_table_cell_list_len=-1,
        tbl_width_chars=width,
    ):
        return f"{frame}\n"


def _records(frame: pl.DataFrame, width: int) -> str:
    """A line for each value, and a rule before each row."""
    names = max(map(len, frame.columns)) + 2
    lines = []
    for number, row in enumerate(frame.head(MOST_ROWS).iter_rows(), start=1):
        lines.append(f"── row {number} ".ljust(width, "─"))
        for name, value in zip(frame.columns, row, strict=True):
            lines += textwrap.wrap(f"{name:<{names}}{value}", width, subsequent_indent=" " * min(names, width // 2))
    left = frame.height - MOST_ROWS
    return "\n".join([*lines, *([f"{left:,} more rows; --format csv writes them all"] if left > 0 else [])]) + "\n"


def _put(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
    else:
        write_text(text, out)


def write_text(text: str, out: Path) -> None:
    """Write a text file as UTF-8.

    Raises:
        UsageError: the file cannot be written; the message says why.
    """
    _write(text.encode(), out)


def _write(data: bytes, out: Path) -> None:
    try:
        out.write_bytes(data)
    except OSError as error:
        raise UsageError(f"Cannot write {out}: {error.strerror}. Name another file with --out.") from None
