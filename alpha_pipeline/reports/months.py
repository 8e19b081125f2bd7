"""Month by month as an HTML table, which a telephone and a reader of screens read too."""

import itertools
from html import escape
from typing import Final

import polars as pl

from alpha_pipeline.reports import cells
from alpha_pipeline.reports.figures.palette import STEPS

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Where one colour ends and the next begins; a year's steps are wider, as returns grow with the root of time.
_ENDS: Final = (-0.06, -0.03, -0.01, 0.01, 0.03, 0.06)
_YEAR: Final = 12**0.5


def monthly_returns(ledger: pl.DataFrame) -> pl.DataFrame:
    """Columns year, month and monthly_return (simple, after costs) of one strategy's ledger rows, in order."""
    by_month = ledger.sort("session").group_by(
        year=pl.col("session").dt.year(), month=pl.col("session").dt.month(), maintain_order=True
    )
    return by_month.agg(monthly_return=(1 + pl.col("net_return")).product() - 1)


def months_table(ledger: pl.DataFrame) -> str:
    """A year per row and a month per column in percent, coloured by the return; the last column is the year's.

    Args:
        ledger: one strategy's rows of ``portfolio.ledger``.
    """
    if ledger.is_empty():
        return cells.NOTHING_YET
    head = "".join(f"<th>{name}</th>" for name in ("", *MONTHS, "year"))
    body = ""
    for year, rows in itertools.groupby(monthly_returns(ledger).iter_rows(), key=lambda row: row[0]):
        earned = {month: value for _, month, value in rows}
        whole = 1.0
        for value in earned.values():
            whole *= 1 + value
        columns = "".join(_cell(earned.get(month)) for month in range(1, 13))
        body += f"<tr><td>{year}</td>{columns}{_cell(whole - 1, _YEAR)}</tr>"
    return f'<table class="months"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def step_of(value: float, width: float = 1.0) -> int:
    """Which step of the palette a return has: the middle one is about nothing."""
    step = sum(value >= end * width for end in _ENDS)
    return min(step, len(STEPS) - 1)


def _cell(value: float | None, width: float = 1.0) -> str:
    if value is None:
        return "<td></td>"
    return f'<td class="step-{step_of(value, width)}">{escape(cells.number(100 * value, ".1f"))}</td>'
