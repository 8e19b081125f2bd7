"""Figures of what strategies earned: month by month, and how steady it was."""

from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from alpha_pipeline.reports.figures import OTHER_COLOUR, STRATEGY_COLOURS, dressed, in_order
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Red to green through a grey that reads on white and on near-black.
DIVERGING: Final = ((0.0, "#d1495b"), (0.5, "#808a96"), (1.0, "#2a9d8f"))


def monthly_returns(ledger: pl.DataFrame) -> pl.DataFrame:
    """Columns year, month and monthly_return (simple, after costs) of one strategy's ledger rows, in order."""
    by_month = ledger.sort("session").group_by(
        year=pl.col("session").dt.year(), month=pl.col("session").dt.month(), maintain_order=True
    )
    return by_month.agg(monthly_return=(1 + pl.col("net_return")).product() - 1)


def months(ledger: pl.DataFrame) -> go.Figure:
    """A year per row and a month per column, coloured by the return of that month; the last column is the year's.

    Args:
        ledger: one strategy's rows of ``portfolio.ledger``.
    """
    returns = monthly_returns(ledger)
    years = returns["year"].unique().sort().to_list()
    grid = np.full((len(years), 13), np.nan)
    for year, month, value in returns.iter_rows():
        grid[years.index(year), month - 1] = value
    grid[:, 12] = np.nanprod(1 + grid[:, :12], axis=1) - 1
    words = [["" if np.isnan(cell) else f"{100 * cell:.1f}" for cell in row] for row in grid]
    shown = np.clip(grid, -0.1, 0.1)  # one crash would leave every other month grey
    heat = go.Heatmap(
        z=[[None if np.isnan(cell) else float(cell) for cell in row] for row in shown],
        x=[*MONTHS, "year"],
        y=[str(year) for year in years],
        text=words,
        texttemplate="%{text}",
        textfont={"size": 9},
        colorscale=[list(step) for step in DIVERGING],
        zmid=0,
        showscale=False,
        hovertemplate="%{x} %{y}: %{text} %<extra></extra>",
        xgap=1,
        ygap=1,
    )
    figure = go.Figure(heat)
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(side="top", type="category", tickangle=0, tickfont={"size": 9})
    return dressed(figure, height=60 + 26 * len(years)).update_layout(hovermode="closest", margin={"t": 28, "b": 8})


def rolling_sharpe(ledger: pl.DataFrame, window: int = SESSIONS_PER_YEAR) -> go.Figure:
    """The annualised Sharpe ratio of the last `window` sessions of every strategy.

    Args:
        ledger: rows of ``portfolio.ledger``, every strategy.
        window: sessions.
    """
    figure = go.Figure()
    for strategy in in_order(ledger["strategy"]):
        rows = ledger.filter(strategy=strategy).sort("session")
        mean, deviation = (getattr(rows["net_return"], name)(window) for name in ("rolling_mean", "rolling_std"))
        # A year in cash has no deviation, and no ratio.
        ratio = pl.DataFrame({"session": rows["session"], "mean": mean, "deviation": deviation}).select(
            "session",
            sharpe=pl.when(pl.col("deviation") > 1e-9).then(
                pl.col("mean") / pl.col("deviation") * SESSIONS_PER_YEAR**0.5
            ),
        )
        line = {
            "color": STRATEGY_COLOURS.get(strategy, OTHER_COLOUR),
            "width": 2.4 if strategy == "qqq_position" else 1.1,
        }
        figure.add_trace(
            go.Scatter(
                x=ratio["session"].to_list(),
                y=ratio["sharpe"].to_list(),
                name=strategy.replace("_", " "),
                line=line,
                hovertemplate="%{y:.2f}",
            )
        )
    figure.add_hline(y=0, line={"color": OTHER_COLOUR, "width": 1})
    return dressed(figure, height=320)
