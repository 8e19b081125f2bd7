"""The health of the data: which sessions are held, what was revised, what was refused."""

from html import escape
from typing import Final

import plotly.graph_objects as go
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.reports.figures import dressed
from alpha_pipeline.reports.page import table

NEWEST: Final = 10  # rows of a list that could be long


def completeness(held: pl.DataFrame) -> pl.DataFrame:
    """The share of the XNYS sessions of each quarter that a ticker holds, from its first bar to the last of any.

    Args:
        held: columns ticker and session, a row per final bar.

    Returns:
        Columns ticker, quarter (its first day) and share, 0 to 1; quarters before a ticker's first bar are left out.
    """
    if held.is_empty():
        return pl.DataFrame(schema={"ticker": pl.String, "quarter": pl.Date, "share": pl.Float64})
    firsts = held.group_by("ticker").agg(first=pl.col("session").min())
    first, last = held["session"].min(), held["session"].max()
    days = pl.DataFrame({"session": calendar.between(first, last)})  # type: ignore[arg-type]
    wanted = firsts.join_where(days, pl.col("session") >= pl.col("first"))
    found = wanted.join(held.select("ticker", "session", has=True), on=["ticker", "session"], how="left")
    return (
        found.group_by("ticker", quarter=pl.col("session").dt.truncate("1q"))
        .agg(share=pl.col("has").fill_null(value=False).mean())
        .sort("ticker", "quarter")
    )


def completeness_grid(held: pl.DataFrame) -> go.Figure:
    """A ticker per row and a quarter per column: green where every session is held, red where any is missing.

    Args:
        held: columns ticker and session, a row per final bar.
    """
    shares = completeness(held)
    quarters = shares["quarter"].unique().sort().to_list()
    tickers = shares["ticker"].unique().sort().to_list()
    of = {(ticker, quarter): share for ticker, quarter, share in shares.iter_rows()}
    cells = [[of.get((ticker, quarter)) for quarter in quarters] for ticker in tickers]
    heat = go.Heatmap(
        z=cells,
        x=[quarter.isoformat() for quarter in quarters],
        y=tickers,
        # One missing session of 63 has to be seen.
        colorscale=[[0, "#d1495b"], [0.985, "#d9a62e"], [0.9999, "#d9a62e"], [1, "#2a9d8f"]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="%{y}, quarter from %{x}: %{z:.1%} of its sessions<extra></extra>",
    )
    figure = go.Figure(heat)
    figure.update_xaxes(type="date")
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False, dtick=1, tickfont={"size": 9})
    return dressed(figure, height=60 + 12 * len(tickers)).update_layout(hovermode="closest", margin={"l": 64})


def coverage_words(coverage: pl.DataFrame) -> str:
    """How many tickers are whole, and each that is not, as HTML."""
    whole = coverage.filter(status="complete").height
    words = f"<p>{whole} of {coverage.height} tickers hold every session since their first.</p>"
    others = coverage.filter(pl.col("status") != "complete").sort("ticker")
    # Mostly they lack the same: a source that is late is late for all.
    alike = others.group_by("status", "n_missing", "detail", maintain_order=True).agg(pl.col("ticker").str.join(", "))
    rows = [
        [escape(tickers), escape(status), str(missing), escape(detail or "")]
        for status, missing, detail, tickers in alike.iter_rows()
    ]
    return words + (table(["tickers", "state", "missing each", "detail"], rows, words=("tickers",)) if rows else "")


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


def _counted(rows: pl.DataFrame, column: str) -> str:
    counts = rows.group_by(column).len().sort("len", column, descending=[True, False])
    return ", ".join(f"{escape(name)} {count:,}" for name, count in counts.iter_rows())
