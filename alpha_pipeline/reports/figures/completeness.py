"""The figure of which sessions are held."""

from collections.abc import Iterator

import polars as pl
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from alpha_pipeline import sessions as calendar
from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.sheet import blank, dated, dressed, keyed
from alpha_pipeline.reports.figures.svg import says

_WHOLE, _FEW, _MANY = "every session", "one or more missing", "more than 1.5 % missing"
_MANY_MISSING = 0.985
COLOURS = {_WHOLE: palette.REGIMES[0], _FEW: palette.STEPS[2].light, _MANY: palette.REGIMES[2]}


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


def stretches(shares: pl.DataFrame) -> Iterator[tuple[str, object, object, float]]:
    """(ticker, first quarter, end, share) of every stretch of quarters of which a ticker holds as much.

    Args:
        shares: what `completeness` gives.
    """
    runs = shares.with_columns(
        end=pl.col("quarter").dt.offset_by("1q"), run=pl.struct("ticker", "share").rle_id()
    ).group_by("run", maintain_order=True)
    yield from (
        runs.agg(
            pl.col("ticker").first(), first=pl.col("quarter").first(), end=pl.col("end").last(), share=pl.first("share")
        )
        .select("ticker", "first", "end", "share")
        .iter_rows()
    )


def completeness_grid(held: pl.DataFrame, width: int) -> Figure:
    """A ticker per row over time: a stretch of quarters that hold every session, or lack some.

    Args:
        held: columns ticker and session, a row per final bar.
        width: in pixels.
    """
    shares = completeness(held)
    tickers = shares["ticker"].unique().sort().to_list()
    figure = blank(width, 60 + 13 * len(tickers))
    axes = dressed(figure.subplots(), grid="")
    for ticker, first, end, share in stretches(shares):
        low, high = date2num([first, end])
        bar = Rectangle((low, tickers.index(ticker) - 0.4), high - low, 0.8, color=COLOURS[_kind(share)], linewidth=0)
        says(bar, f"{ticker}, quarters from {first} to before {end}: {share:.1%} of the sessions")
        axes.add_patch(bar)
    axes.set_xlim(*date2num([shares["quarter"].min(), shares["quarter"].dt.offset_by("1q").max()]))
    axes.set_ylim(len(tickers) - 0.4, -0.6)
    axes.set_yticks(range(len(tickers)), tickers)
    axes.tick_params(axis="y", length=0, labelcolor=palette.INK, labelsize=9)
    dated(axes, width)
    kinds = {_kind(share) for share in shares["share"]}
    keyed(figure, [Patch(color=COLOURS[one], label=one, linewidth=0) for one in COLOURS if one in kinds], width)
    return figure


def _kind(share: float) -> str:
    return _WHOLE if share >= 1 else _FEW if share >= _MANY_MISSING else _MANY
