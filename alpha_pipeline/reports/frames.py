"""Writes a frame where and how a person asked for it."""

import sys
from pathlib import Path

import polars as pl

from alpha_pipeline.errors import UsageError


def write_frame(frame: pl.DataFrame, output_format: str, out: Path | None) -> None:
    """Write a frame as table, csv, json or parquet to a file, or to standard output.

    Raises:
        UsageError: Parquet is asked for without a file.
    """
    if output_format == "parquet":
        if out is None:
            raise UsageError("Parquet is not for a terminal: name a file with --out.")
        frame.write_parquet(out)
    elif output_format == "csv":
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
        out.write_text(text)
