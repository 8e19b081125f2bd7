"""Figures of one explained forecast: what moved it, where its model looked, and how its members learned."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from alpha_pipeline.digits import number
from alpha_pipeline.forecasting.explain import Edge, Explanation
from alpha_pipeline.forecasting.importance import Importance
from alpha_pipeline.forecasting.occlusion import Effect
from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.sheet import SMALL, bars, blank, dressed, is_narrow, keyed
from alpha_pipeline.reports.figures.svg import says
from alpha_pipeline.training.artifact import Card

_LEARNING: Final = {"validation": palette.strategy_colour("qqq_position"), "training": palette.GOOD}
_EDGE_TITLE: Final = 26  # characters of an input's name that have room above a panel


def effects(found: Sequence[Effect], width: int, *, on_event: bool = False) -> Figure:
    """A bar per effect, the strongest on top: to the right where it raised the forecast."""
    values = [one.on_event or 0.0 if on_event else one.on_return for one in found]
    colours = [palette.GOOD if value >= 0 else palette.BAD for value in values]
    figure, axes = bars(width, [one.name for one in found], values, colours)
    for bar, one, value in zip(axes.patches, found, values, strict=True):
        says(bar, f"{one.name}: {number(value, '+.3%')}")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:+.3g}%" if x else "0"))
    return figure


def importance(found: Sequence[Importance], width: int) -> Figure:
    """A bar per group with its standard error, the largest on top."""
    values = [one.increase for one in found]
    colours = [palette.GOOD if value >= 0 else palette.BAD for value in values]
    figure, axes = bars(width, [one.group for one in found], values, colours)
    for place, (bar, one) in enumerate(zip(list(axes.patches), found, strict=True)):
        says(bar, f"{one.group}: {number(one.increase, '+.4f')} ± {number(one.standard_error, '.4f')} nats")
        ends = [one.increase - one.standard_error, one.increase + one.standard_error]
        axes.plot(ends, [place, place], color=palette.INK, linewidth=1.4)
    axes.xaxis.set_major_formatter(FuncFormatter(_signed))
    return figure


def attention(found: Explanation, closes: pl.DataFrame, width: int) -> Figure:
    """The adjusted close over the window above the attention on each of its sessions; dotted: spread evenly."""
    weights = [] if found.attention is None else found.attention.tolist()
    figure = blank(width, 340)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
    # Sessions side by side: on a scale of dates a week-end would be a hole in the window.
    places = {session: place for place, session in enumerate(found.window)}
    rows = closes.filter(pl.col("session").is_in(list(places)))
    above.plot([places[day] for day in rows["session"]], rows["adj_close"].to_list(), color=palette.INK, linewidth=1.6)
    drawn = below.bar(range(len(weights)), weights, width=0.8, color=palette.GOOD, linewidth=0)
    for bar, session, weight in zip(drawn, found.window, weights, strict=True):
        says(bar, f"{session}: {weight:.1%}")
    below.axhline(1 / len(weights), color=palette.INK, linewidth=1, linestyle=(0, (2, 2)))
    for axes in (dressed(above), dressed(below)):
        axes.margins(x=0.01)
    below.yaxis.set_major_formatter(PercentFormatter(1.0))
    below.locator_params(axis="y", nbins=4)
    shown = np.unique(np.linspace(0, len(weights) - 1, 4 if is_narrow(width) else 8).round().astype(int)).tolist()
    below.set_xticks(shown, [f"{found.window[place]:%d %b %y}" for place in shown])
    return figure


def looked_at(found: Sequence[tuple[str, float]], width: int) -> Figure:
    """A bar per ticker, the most looked at on top; the dotted line is attention spread evenly."""
    tickers, weights = [ticker for ticker, _ in found], [weight for _, weight in found]
    figure, axes = bars(width, tickers, weights, [palette.GOOD] * len(found))
    figure.set_figheight(figure.get_figheight() * 0.7)
    for bar, (ticker, weight) in zip(axes.patches, found, strict=True):
        says(bar, f"{ticker}: {weight:.1%}")
    axes.axvline(1 / len(found), color=palette.INK, linewidth=1, linestyle=(0, (2, 2)))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def edges(found: Sequence[Edge], width: int) -> Figure:
    """A small picture per edge function, all on one scale, so that a strong edge looks strong."""
    columns = 2 if is_narrow(width) else 3
    rows = math.ceil(len(found) / columns)
    figure = blank(width, 160 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(found) :]:
        axes.set_visible(False)
    for axes, edge in zip(grid.flat, found, strict=False):
        dressed(axes)
        (line,) = axes.plot(edge.x, edge.y, color=palette.GOOD, linewidth=1.8)
        says(line, f"{edge.input}, unit {edge.unit}, seed {edge.seed}")
        named = edge.input if len(edge.input) <= _EDGE_TITLE else f"{edge.input[: _EDGE_TITLE - 1]}…"
        axes.set_title(f"{named}\nunit {edge.unit}, seed {edge.seed}", loc="left", fontsize=SMALL, color=palette.INK)
        axes.locator_params(nbins=4)
    return figure


def learning(cards: Sequence[Card], width: int) -> Figure:
    """The loss of each member by pass: validation with a mark on the pass that was kept, training dotted.

    The dashed line is the loss of the training slice's unconditional distribution, where only the return is forecast.
    """
    figure = blank(width, 300)
    axes = dressed(figure.subplots())
    for card in cards:
        judged = card.validation_curve
        kept = judged.index(min(judged))
        axes.plot(judged, color=_LEARNING["validation"], linewidth=1.6)
        (dot,) = axes.plot(kept, judged[kept], "o", color=_LEARNING["validation"], markersize=7)
        says(dot, f"seed {card.seed}: kept after pass {kept}, {judged[kept]:.4f} nats")
        passes = range(1, len(card.training_curve) + 1)
        axes.plot(passes, card.training_curve, ":", color=_LEARNING["training"], linewidth=1.6)
    if is_of_return_alone(cards):
        axes.axhline(cards[0].baseline_loss, color=palette.ZERO, linewidth=1, linestyle=(0, (5, 3)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.set_xlabel("pass", fontsize=11, color=palette.QUIET)
    axes.set_ylabel("loss, nats", fontsize=11, color=palette.QUIET, rotation="horizontal", ha="left", y=1.02)
    lines = [
        Line2D([], [], color=_LEARNING["validation"], label="validation"),
        Line2D([], [], color=_LEARNING["training"], linestyle=":", label="training"),
    ]
    keyed(figure, lines, width)
    return figure


def is_of_return_alone(cards: Sequence[Card]) -> bool:
    """Whether the losses are of the return, and so can stand beside that of a forecast without inputs."""
    return all(card.event is None for card in cards)


def _signed(value: float, _: int) -> str:
    return f"{value:+.3g}" if value else "0"
