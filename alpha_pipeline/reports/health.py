"""The health of the data: which sessions are held, what was revised, what was refused."""

import re
from html import escape
from typing import Final

import polars as pl

from alpha_pipeline.reports.page import table

NEWEST: Final = 10  # rows of a list that could be long


def coverage_words(coverage: pl.DataFrame) -> str:
    """How many tickers are whole, and each that is not, as HTML."""
    whole = coverage.filter(status="complete").height
    words = f"<p>{whole} of {coverage.height} tickers hold every session since their first.</p>"
    others = coverage.filter(pl.col("status") != "complete").sort("ticker")
    # Mostly they lack the same: a source that is late is late for all, and says of each that it has not got it.
    alike: dict[tuple[str, int, str], list[tuple[str, str]]] = {}
    for ticker, status, missing, detail in others.select("ticker", "status", "n_missing", "detail").iter_rows():
        alike.setdefault((status, missing, _nameless(detail or "", ticker)), []).append((ticker, detail or ""))
    rows = [
        [
            escape(", ".join(name for name, _ in own)),
            escape(status),
            str(missing),
            escape(own[0][1] if len(own) == 1 else said),
        ]
        for (status, missing, said), own in alike.items()
    ]
    return words + (table(["tickers", "state", "missing each", "detail"], rows, words=("tickers",)) if rows else "")


def _nameless(detail: str, ticker: str) -> str:
    """What is said of a ticker, without its name."""
    return re.sub(rf"(?<![\w^]){re.escape(ticker)}(?!\w)", "…", detail)


def revisions_words(revisions: pl.DataFrame) -> str:
    """How often held values were replaced and why, and the newest replacements, as HTML."""
    if revisions.is_empty():
        return "<p>No held value was ever replaced.</p>"
    newest = revisions.sort("superseded_at", "ticker", "session", descending=[True, False, False]).head(NEWEST)
    rows = [
        [escape(ticker), str(session), f"{at:%Y-%m-%d %H:%M}", escape(cause), f"{close:.2f}"]
        for ticker, session, at, cause, close in newest.select(
            "ticker", "session", "superseded_at", "cause", "close"
        ).iter_rows()
    ]
    counted = _counted(revisions, "cause")
    return f"<p>Values replaced: {counted}. The newest:</p>" + table(
        ["ticker", "session", "replaced at (UTC)", "cause", "close before"], rows
    )


def quarantine_words(quarantine: pl.DataFrame) -> str:
    """How many rows were refused and why, and the newest of them, as HTML."""
    if quarantine.is_empty():
        return "<p>No row was refused.</p>"
    newest = quarantine.sort("fetched_at", "ticker", "session", descending=[True, False, True], nulls_last=True)
    rows = [
        [escape(ticker), str(session or "no date"), escape(reason)]
        for ticker, session, reason in newest.head(NEWEST).select("ticker", "session", "reason").iter_rows()
    ]
    return f"<p>Rows refused: {quarantine.height:,}. The newest:</p>" + table(
        ["ticker", "session", "reason"], rows, words="reason"
    )


def refused_words(coverage: pl.DataFrame) -> str:
    """What the last refresh refused or mended of each ticker, as HTML; nothing where all was taken as it came."""
    told = coverage.filter(pl.col("said").fill_null("") != "").sort("n_refused", "ticker", descending=[True, False])
    rows = [
        [escape(ticker), f"{refused or 0:,}", escape(said)]
        for ticker, refused, said in told.select("ticker", "n_refused", "said").iter_rows()
    ]
    shown = table(["ticker", "rows refused", "what was said"], rows, words=("what was said",))
    return f"<p>Of the last refresh:</p>{shown}" if rows else ""


def _counted(rows: pl.DataFrame, column: str) -> str:
    counts = rows.group_by(column).len().sort("len", column, descending=[True, False])
    return ", ".join(f"{escape(name)} {count:,}" for name, count in counts.iter_rows())
