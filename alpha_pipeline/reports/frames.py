"""Writes a frame or a text where and how a person asked for it."""

import io
import sys
from pathlib import Path

import polars as pl

from alpha_pipeline.errors import UsageError


def write_frame(frame: pl.DataFrame, output_format: str, out: Path | None) -> None:
    """Write a frame as table, csv, json or parquet to a file, or to standard output.

    Raises:
        UsageError: Parquet is asked for without a file, CSV with a nested column, or the file cannot be written.
    """
    if output_format == "parquet":
        if out is None:
            raise UsageError("Parquet is not for a terminal: name a file with --out.")
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        _write(buffer.getvalue(), out)
    elif output_format == "csv":
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
        if nested:
            raise UsageError(f"CSV cannot hold the nested column(s) {', '.join(nested)}: use --format json or parquet.")
        _put(frame.write_csv(), out)
    elif output_format == "json":
        _put(frame.write_json() + "\n", out)
    else:
        with pl.Config(
            tbl_rows=60, tbl_cols=-1, tbl_hide_dataframe_shape=True, fmt_str_lengths=80, tbl_width_chars=200
        ):
            _put(f"{frame}\n", out)


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
