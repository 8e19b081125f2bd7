"""Figures of how good forecasts are: a small panel per model, all on one scale, so that each can be read alone."""

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from alpha_pipeline.digits import number
from alpha_pipeline.evaluation.outcomes import POOLED
from alpha_pipeline.evaluation.scores import WHOLE
from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.sheet import below_panels, blank, dated, dressed, panels
from alpha_pipeline.reports.figures.svg import says
from alpha_pipeline.reports.standing import RIVALS


def reliability(rows: pl.DataFrame, width: int) -> Figure:
    """Frequency over forecast probability, a panel per model; on the diagonal a probability means what it says.

    Args:
        rows: rows of ``evaluation.reliability`` of one ticker, horizon and event.
        width: in pixels.
    """
    models = models_in_order(rows)
    figure, grid = panels(width, models, 150)
    bounds = [*rows["forecast"], *rows["ci_low"].drop_nulls(), *rows["ci_high"].drop_nulls()]
    ends = [min(bounds), max(bounds)]
    for axes, (_, own) in zip(grid, _by_model(rows, models, "bin"), strict=True):
        axes.plot(ends, ends, color=palette.QUIET, linewidth=1, linestyle=(0, (2, 2)))
        words = [
            f"forecast {row['forecast']:.1%}, came {row['frequency']:.1%} of {row['n']:,}"
            for row in own.iter_rows(named=True)
        ]
        _dots(axes, own["forecast"], own.select("frequency", "ci_low", "ci_high"), words, palette.GOOD)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.locator_params(nbins=4)
    below_panels(figure, "forecast")
    return figure


def decay(rows: pl.DataFrame, width: int) -> Figure:
    """The IC of one-session forecasts over their age in sessions, with its interval, a panel per model.

    Args:
        rows: rows of ``evaluation.decay``.
        width: in pixels.
    """
    models = models_in_order(rows)
    figure, grid = panels(width, models, 120)
    for axes, (_, own) in zip(grid, _by_model(rows, models, "lag"), strict=True):
        low, high = (own[name].fill_null(np.nan).to_numpy() for name in ("ci_low", "ci_high"))
        axes.fill_between(own["lag"], low, high, color=palette.LINE, linewidth=0)
        axes.axhline(0, color=palette.INK, linewidth=1, linestyle=(0, (2, 2)))
        axes.plot(own["lag"], own["ic"], color=palette.GOOD, linewidth=1.6)
        (dots,) = axes.plot(own["lag"], own["ic"], "o", color=palette.GOOD, markersize=3)
        words = [
            f"{row['lag']} sessions late: {number(row['ic'], '+.3f')} ({_span(row['ci_low'], row['ci_high'], '+.3f')})"
            for row in own.iter_rows(named=True)
        ]
        says(dots, *words)
        axes.yaxis.set_major_formatter(FuncFormatter(_signed))
        axes.locator_params(axis="y", nbins=4)
    below_panels(figure, "sessions after the one that was forecast")
    return figure


def folds(rows: pl.DataFrame, width: int) -> Figure:
    """The IC of every fold with its interval, a panel per model.

    Args:
        rows: rows of ``evaluation.folds``.
        width: in pixels.
    """
    models = models_in_order(rows)
    figure, grid = panels(width, models, 120)
    for axes, (_, own) in zip(grid, _by_model(rows, models, "first_session"), strict=True):
        axes.axhline(0, color=palette.INK, linewidth=1, linestyle=(0, (2, 2)))
        for colour, part in _coloured(own):
            words = [
                f"{row['first_session']} to {row['last_session']}: {number(row['ic'], '+.3f')} "
                f"({_span(row['ci_low'], row['ci_high'], '+.3f')}), seeds: {row['seeds']}"
                for row in part.iter_rows(named=True)
            ]
            _dots(axes, part["first_session"], part.select("ic", "ci_low", "ci_high"), words, colour)
        axes.yaxis.set_major_formatter(FuncFormatter(_signed))
        axes.locator_params(axis="y", nbins=4)
        dated(axes, 360)
    return figure


def spreads(rows: pl.DataFrame, width: int) -> Figure:
    """How far the seeds of each fold were apart, in units of the forecast's volatility, a panel per model.

    Args:
        rows: rows of ``evaluation.folds``; one with a single seed has nothing to show.
        width: in pixels.
    """
    several = rows.filter(pl.col("seeds") > 1)
    models = models_in_order(several)
    figure, grid = panels(width, models, 90)
    for axes, (_, own) in zip(grid, _by_model(several, models, "first_session"), strict=True):
        axes.plot(own["first_session"], own["spread"], "o-", color=palette.GOOD, linewidth=1.3, markersize=3)
        axes.locator_params(axis="y", nbins=3)
        dated(axes, 360)
    grid[0].set_ylim(0, 1.08 * float(several["spread"].to_numpy().max()) or 1)
    return figure


def information_coefficients(scores: pl.DataFrame, width: int) -> Figure:
    """The pooled information coefficient of every model with its interval; one that holds 0 is no edge.

    Args:
        scores: rows of ``evaluation.scores``.
        width: in pixels.
    """
    rows = scores.filter(ticker=POOLED, horizon=1, window=WHOLE, metric="ic").sort("value")
    figure = blank(width, 60 + 26 * rows.height)
    axes = dressed(figure.subplots(), grid="x")
    for colour, part in _coloured(rows.with_row_index("place")):
        axes.hlines(
            part["place"], part["ci_low"].fill_null(0), part["ci_high"].fill_null(0), color=colour, linewidth=2.5
        )
        axes.plot(part["value"], part["place"], "o", color=colour, markersize=7)
    axes.axvline(0, color=palette.INK, linewidth=1, linestyle=(0, (2, 2)))
    axes.set_yticks(range(rows.height), rows["model"].to_list())
    axes.tick_params(axis="y", length=0, labelcolor=palette.INK)
    axes.set_xlabel("information coefficient, one session, pooled", fontsize=11, color=palette.QUIET)
    return figure


def shown_pool(rows: pl.DataFrame, event: str, horizon: int) -> pl.DataFrame:
    """The pooled rows of ``evaluation.reliability`` of one event and horizon."""
    return rows.filter(ticker=POOLED, event=event, horizon=horizon)


def models_in_order(rows: pl.DataFrame) -> list[str]:
    """The models by name, rivals and ablations last."""
    return sorted(rows["model"].unique(), key=lambda model: (model in RIVALS, model))


def _by_model(rows: pl.DataFrame, models: list[str], order: str) -> Iterator[tuple[str, pl.DataFrame]]:
    for model in models:
        yield model, rows.filter(model=model).sort(order)


def _dots(axes: Axes, x: pl.Series, bounded: pl.DataFrame, words: Sequence[str], colour: str) -> None:
    """Values with their intervals.

    Args:
        axes: where they are drawn.
        x: where on its horizontal axis.
        bounded: columns value, lower end and upper end; ends may be null.
        words: what is said of each.
        colour: of all.
    """
    value, low, high = (bounded[name] for name in bounded.columns)
    axes.vlines(x, low.fill_null(value), high.fill_null(value), color=colour, linewidth=1.4)
    (dots,) = axes.plot(x, value, "o", color=colour, markersize=4)
    says(dots, *words)


def _coloured(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """(colour, rows) of those above 0 with their whole interval, of those below, and of the others."""
    above, below = (side.fill_null(value=False) for side in (pl.col("ci_low") > 0, pl.col("ci_high") < 0))
    for colour, chosen in ((palette.GOOD, above), (palette.BAD, below), (palette.ZERO, ~above & ~below)):
        part = rows.filter(chosen)
        if part.height:
            yield colour, part


def _span(low: float | None, high: float | None, form: str) -> str:
    return f"{number(low, form)} to {number(high, form)}"


def _signed(value: float, _: int) -> str:
    return f"{value:+.3g}" if value else "0"
