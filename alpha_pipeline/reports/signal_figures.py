"""Figures of the signals: who voted what, and which sector stood where."""

import math
from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go
import polars as pl

from alpha_pipeline.reports.figures import VOTE_SESSIONS, dressed
from alpha_pipeline.reports.record_figures import DIVERGING
from alpha_pipeline.universe import MAG7, SECTORS

RANKED_WEEKS: Final = 26


def ballots(ballots: pl.DataFrame) -> go.Figure:
    """A stock per row and a session per column: green where it voted bull, grey where not, empty without a ballot.

    Args:
        ballots: rows of ``signals.mag7_ballots``; the last `VOTE_SESSIONS` sessions are shown.
    """
    days = ballots["session"].unique().sort().tail(VOTE_SESSIONS).to_list()
    said = {
        (ticker, session): (prob, is_bull)
        for ticker, session, prob, is_bull in ballots.select(
            "ticker", "session", pl.coalesce("prob_bull", "prob_up"), "is_bull"
        ).iter_rows()
    }
    cells = [[said.get((ticker, day)) for day in days] for ticker in MAG7]
    heat = go.Heatmap(
        z=[[None if cell is None else int(cell[1]) for cell in row] for row in cells],
        x=[day.isoformat() for day in days],
        y=list(MAG7),
        text=[["no ballot" if cell is None else f"P {cell[0]:.0%}" for cell in row] for row in cells],
        colorscale=[[0, "rgba(128,138,150,0.35)"], [1, "#2a9d8f"]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=2,
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    figure = go.Figure(heat)
    _label_some(figure, [day.isoformat() for day in days])
    figure.update_yaxes(autorange="reversed", showgrid=False)
    return dressed(figure, height=240).update_layout(hovermode="closest", margin={"l": 56})


def sector_ranks(ranks: pl.DataFrame, rotation: pl.DataFrame) -> go.Figure:
    """A sector per row and a week per column, coloured by its rank at the week's decision; a dot marks the pick.

    Args:
        ranks: rows of ``signals.sector_ranks``.
        rotation: rows of ``signals.sector_rotation``.
    """
    weeks = rotation.filter("is_rebalance").sort("session").tail(RANKED_WEEKS)
    days = weeks["session"].to_list()
    held = {(t, s): (r, e) for t, s, r, e in ranks.select("ticker", "session", "rank", "expected_return").iter_rows()}
    cells = [[held.get((ticker, day)) for day in days] for ticker in SECTORS]
    heat = go.Heatmap(
        z=[[None if cell is None else 1 + len(SECTORS) - cell[0] for cell in row] for row in cells],
        x=[day.isoformat() for day in days],
        y=list(SECTORS),
        text=[["no forecast" if cell is None else f"rank {cell[0]}, {cell[1]:+.2%}" for cell in row] for row in cells],
        colorscale=[list(step) for step in DIVERGING],
        showscale=False,
        xgap=1,
        ygap=2,
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )
    picked = weeks.drop_nulls("pick")
    dots = go.Scatter(
        x=[day.isoformat() for day in picked["session"].to_list()],
        y=picked["pick"].to_list(),
        mode="markers",
        marker={"symbol": "circle", "size": 7, "color": "#ffffff", "line": {"color": "#1a1f26", "width": 1}},
        hoverinfo="skip",
        showlegend=False,
    )
    figure = go.Figure([heat, dots])
    _label_some(figure, [day.isoformat() for day in days])
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    return dressed(figure, height=240).update_layout(hovermode="closest", margin={"l": 56})


def _label_some(figure: go.Figure, days: Sequence[str]) -> None:
    """As many dates as a telephone has room for."""
    labelled = days[:: max(1, math.ceil(len(days) / 4))]
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=days, tickvals=labelled, tickangle=0)
    figure.update_xaxes(range=[-0.5, len(days) - 0.5])  # marks on it would widen it
