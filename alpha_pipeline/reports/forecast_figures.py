"""Figures of how good forecasts are: honest or not, how long of use, and fold by fold."""

from typing import Any, Final

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from alpha_pipeline.evaluation.outcomes import POOLED
from alpha_pipeline.reports.figures import OTHER_COLOUR, dressed

# Drawn when their name is clicked: beside so many models they hide what is looked for.
RIVALS: Final = frozenset({"expanding_mean", "har_x", "last_value", "lightgbm", "ridge", "v17_no_kan", "v17_no_revin"})
# Twelve that can be told apart on white and on near-black.
MODEL_COLOURS: Final = (
    "#e4572e",
    "#3b8ed0",
    "#2a9d8f",
    "#8e6fd8",
    "#d9a62e",
    "#d86fcb",
    "#6aa84f",
    "#b08a2e",
    "#4f7cac",
    "#c06c84",
    "#5fb3b3",
    "#a1674a",
)


def reliability(rows: pl.DataFrame) -> go.Figure:
    """Frequency over forecast probability, a line per model; on the diagonal a probability means what it says.

    Args:
        rows: rows of ``evaluation.reliability`` of one ticker, horizon and event.
    """
    figure = go.Figure()
    for place, ((model,), own) in enumerate(rows.sort("model", "bin").group_by("model", maintain_order=True)):
        above = (own["ci_high"] - own["frequency"]).to_list()
        below = (own["frequency"] - own["ci_low"]).to_list()
        figure.add_trace(
            go.Scatter(
                x=own["forecast"].to_list(),
                y=own["frequency"].to_list(),
                name=str(model),
                visible=_visible(rows, str(model)),
                mode="lines+markers",
                line={"color": _colour(place), "width": 1.4},
                error_y={"type": "data", "symmetric": False, "array": above, "arrayminus": below, "width": 0},
                customdata=own["n"].to_list(),
                hovertemplate=f"{model}: forecast %{{x:.1%}}, came %{{y:.1%}} of %{{customdata:,}}<extra></extra>",
            )
        )
    low = min(_least(rows["forecast"]), _least(rows["ci_low"]))
    high = max(_most(rows["forecast"]), _most(rows["ci_high"]))
    ends = [low, high]
    diagonal = {"color": OTHER_COLOUR, "width": 1, "dash": "dot"}
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=diagonal, hoverinfo="skip", showlegend=False))
    figure.update_xaxes(tickformat=".0%", title="forecast")
    figure.update_yaxes(tickformat=".0%", title="came")
    return dressed(figure, height=340).update_layout(hovermode="closest", margin={"b": 44, "l": 56})


def decay(rows: pl.DataFrame) -> go.Figure:
    """The IC of one-session forecasts over their age in sessions, a line per model.

    Args:
        rows: rows of ``evaluation.decay``.
    """
    figure = go.Figure()
    for place, ((model,), own) in enumerate(rows.sort("model", "lag").group_by("model", maintain_order=True)):
        figure.add_trace(
            go.Scatter(
                x=own["lag"].to_list(),
                y=own["ic"].to_list(),
                name=str(model),
                visible=_visible(rows, str(model)),
                mode="lines",
                line={"color": _colour(place), "width": 1.5},
                customdata=own.select("ci_low", "ci_high").rows(),
                hovertemplate=f"{model}: %{{y:+.3f}} [%{{customdata[0]:+.3f}}, %{{customdata[1]:+.3f}}]<extra></extra>",
            )
        )
    figure.add_hline(y=0, line={"color": OTHER_COLOUR, "width": 1})
    figure.update_xaxes(title="sessions after the one that was forecast", dtick=5)
    figure.update_yaxes(tickformat="+.3f")
    return dressed(figure, height=320).update_layout(hovermode="closest", margin={"b": 44, "l": 56})


def folds(rows: pl.DataFrame) -> go.Figure:
    """The IC of every fold, a line per model, and below it the spread between the seeds that were averaged.

    Args:
        rows: rows of ``evaluation.folds``; with one seed each there is no spread to show.
    """
    has_spread = rows["seeds"].max() != 1
    heights = [0.7, 0.3] if has_spread else [1.0]
    figure = make_subplots(rows=len(heights), cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.06)
    for place, ((model,), own) in enumerate(rows.sort("model", "first_session").group_by("model", maintain_order=True)):
        shared: dict[str, Any] = {
            "x": own["first_session"].to_list(),
            "name": str(model),
            "visible": _visible(rows, str(model)),
            "legendgroup": str(model),
            "mode": "lines+markers",
            "line": {"color": _colour(place), "width": 1.4},
            "customdata": own.select("ci_low", "ci_high", "trained_through", "seeds").rows(),
        }
        said = f"{model}: %{{y:+.3f}} [%{{customdata[0]:+.3f}}, %{{customdata[1]:+.3f}}]"
        words = said + ", trained through %{customdata[2]}, seeds: %{customdata[3]}<extra></extra>"
        figure.add_trace(go.Scatter(y=own["ic"].to_list(), hovertemplate=words, **shared), row=1, col=1)
        if has_spread:
            apart = f"{model}: %{{y:.3f}} of the volatility<extra></extra>"
            spread = go.Scatter(y=own["spread"].to_list(), hovertemplate=apart, showlegend=False, **shared)
            figure.add_trace(spread, row=2, col=1)
    figure.add_hline(y=0, line={"color": OTHER_COLOUR, "width": 1}, row=1, col=1)
    figure.update_yaxes(tickformat="+.2f", row=1, col=1)
    if has_spread:
        figure.update_yaxes(rangemode="tozero", row=2, col=1)
    return dressed(figure, height=420 if has_spread else 320).update_layout(hovermode="closest")


def shown_pool(rows: pl.DataFrame, event: str, horizon: int) -> pl.DataFrame:
    """The pooled rows of ``evaluation.reliability`` of one event and horizon."""
    return rows.filter(ticker=POOLED, event=event, horizon=horizon)


def _visible(rows: pl.DataFrame, model: str) -> bool | str:
    """Whether a model is drawn at once: a rival only where there is nothing else."""
    return "legendonly" if model in RIVALS and not RIVALS.issuperset(rows["model"]) else True


def _colour(place: int) -> str:
    return MODEL_COLOURS[place % len(MODEL_COLOURS)]


def _least(values: pl.Series) -> float:
    found = values.drop_nulls().min()
    return float(found) if found is not None else 0.0  # type: ignore[arg-type]


def _most(values: pl.Series) -> float:
    found = values.drop_nulls().max()
    return float(found) if found is not None else 1.0  # type: ignore[arg-type]
