"""Splits and payments that come with a file's bars: in columns, or as lines of Yahoo's web table."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from alpha_pipeline.sources.base import ACTION_SCHEMA

_PAYMENTS: Final = ("dividend", "capital_gain")
# 10:1, 10/1, 10-for-1, and what Yahoo's web table has in the line: "10:1 Stock Splits", "0.59 Dividend".
_RATIO: Final = r"(?i)^\s*([\d.]+)\s*(?::|/|-?for-?|\sfor\s)\s*([\d.]+)(?:\s*stock)?(?:\s*splits?)?\s*$"
_PAYMENT: Final = r"(?i)^\s*([\d.]+)\s*(dividend|capital gains?)\s*$"


def actions_in(table: pl.DataFrame, rows: pl.DataFrame, numbers: Mapping[str, pl.Series]) -> pl.DataFrame:
    """The actions that a file tells of, in the columns of `ACTION_SCHEMA`, as the file says them.

    Args:
        table: the file's columns by meaning.
        rows: columns ticker and session of the same rows.
        numbers: the opens and payments that could be read, by meaning.
    """
    found = [pl.DataFrame(schema=ACTION_SCHEMA)]
    found += [_of(rows, kind, numbers[kind]) for kind in _PAYMENTS if kind in numbers]
    if "split" in table.columns:
        found.append(_of(rows, "split", _ratios(table["split"])))
    cell = table["open"]
    if is_action_line(table, numbers["open"]).any():
        found.append(_of(rows, "split", _of_fraction(cell)))
        amounts = cell.str.extract_groups(_PAYMENT).struct.unnest()
        amount, what = amounts.to_series(0).cast(pl.Float64), amounts.to_series(1).str.to_lowercase()
        for kind in _PAYMENTS:
            of_kind = what.str.starts_with(kind.partition("_")[0])
            found.append(_of(rows, kind, pl.select(pl.when(of_kind).then(amount)).to_series()))
    return pl.concat(found)


def is_action_line(table: pl.DataFrame, opened: pl.Series) -> pl.Series:
    """Whether a line is one of Yahoo's web table that tells of an action and holds no bar.

    Args:
        table: the file's columns by meaning.
        opened: the opens that could be read.
    """
    if table.schema["open"] != pl.String or not opened.null_count():
        return pl.repeat(value=False, n=table.height, eager=True)
    return (table["open"].str.contains(_RATIO) | table["open"].str.contains(_PAYMENT)).fill_null(value=False)


def _of(rows: pl.DataFrame, kind: str, value: pl.Series) -> pl.DataFrame:
    told = rows.select("ticker", "session", pl.lit(kind).alias("kind"), value.alias("value"))
    return told.drop_nulls().filter(pl.col("value") > 0, pl.col("value").is_finite())


def _ratios(column: pl.Series) -> pl.Series:
    """Shares after a split for each before it; null where there is none (vendors write 0 or 1)."""
    value = column.cast(pl.Float64, strict=False)
    if column.dtype == pl.String:
        value = value.fill_null(_of_fraction(column))
    return pl.select(pl.when(value != 1).then(value)).to_series()


def _of_fraction(cell: pl.Series) -> pl.Series:
    parts = cell.str.extract_groups(_RATIO).struct.unnest()
    return parts.to_series(0).cast(pl.Float64, strict=False) / parts.to_series(1).cast(pl.Float64, strict=False)
