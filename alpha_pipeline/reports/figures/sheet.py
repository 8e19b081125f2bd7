"""What every figure has in common: its size, its axes, and its two widths on a page."""

import itertools
import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import numpy as np
import polars as pl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.svg import DPI, inline

Drawn = Callable[[int], Figure]  # of a width in pixels

WIDE: Final = 980
NARROW: Final = 370  # a telephone's
TEXT: Final = 12.0
SMALL: Final = 11.0
_PANEL: Final = 180
_SHORT: Final = 60  # days: below, ticks would be hours
_BESIDE_PANELS: Final = 46  # pixels for the labels on the left
_UNDER_PANELS: Final = 40  # and below
_LABELS: Final = 60  # pixels of a figure's width that are no axes


def fragment(drawn: Drawn, label: str) -> str:
    """A figure as HTML: drawn for a wide page and for a narrow one, of which the page shows the one that fits.

    Args:
        drawn: the figure of a width.
        label: what it shows, for those who cannot see it.
    """
    wide, narrow = inline(drawn(WIDE), label), inline(drawn(NARROW), label, is_spoken=False)
    return f'<figure class="on-wide">{wide}</figure><figure class="on-narrow">{narrow}</figure>'


def blank(width: int, height: float) -> Figure:
    """An empty figure of so many pixels."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")
    figure.patch.set_visible(False)
    figure.get_layout_engine().set(w_pad=3 / DPI, h_pad=3 / DPI, wspace=0.02, hspace=0.02)  # type: ignore[union-attr,call-arg]
    return figure


def is_narrow(width: int) -> bool:
    """Whether the figure is for a telephone."""
    return width < (WIDE + NARROW) / 2


def dressed(axes: Axes, grid: str = "y") -> Axes:
    """The axes in the style of every figure; changed in place.

    Args:
        axes: what is dressed.
        grid: ``x``, ``y``, or nothing: the axis whose ticks have lines.
    """
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom" and grid == "y")
        spine.set_color(palette.ZERO)
    axes.tick_params(color=palette.ZERO, labelcolor=palette.QUIET, labelsize=SMALL, length=3, width=1)
    axes.tick_params(axis="x", pad=6)  # clear of the lowest label beside the axes
    if grid:
        axes.grid(axis=grid, color=palette.LINE, linewidth=1)  # type: ignore[arg-type]
        axes.tick_params(axis=grid, length=0)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    return axes


def dated(axes: Axes, width: int) -> None:
    """As many dates under the axes as there is room for, whole sessions also where there are few."""
    most = max(4, width // 90)
    first, last = axes.get_xlim()
    if last - first < _SHORT:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=min(most, 6), integer=True))
        axes.xaxis.set_major_formatter(DateFormatter("%d %b %y"))
        return
    locator = AutoDateLocator(minticks=3, maxticks=most)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def log_scaled(axes: Axes, values: pl.Series) -> None:
    """A log scale with ticks at round values, labelled in full."""
    span = values.drop_nulls()
    low, high = (float(bound) for bound in (span.min(), span.max())) if len(span) else (1.0, 1.0)  # type: ignore[arg-type]
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        shown = [tick for tick in ticks if low <= tick <= high]
        if len(shown) > 2:
            break
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.set_yticks(shown, [f"{tick:g}" for tick in shown])


def keyed(figure: Figure, handles: Sequence[Artist], width: int) -> None:
    """A legend above the figure, in as many columns as there is room for."""
    columns = min(len(handles), max(2, width // 190))
    figure.legend(
        handles=list(handles),
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        fontsize=TEXT if not is_narrow(width) else SMALL,
        labelcolor=palette.INK,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0,
        borderpad=0.2,
    )


def panels(width: int, names: Sequence[str], height: float) -> tuple[Figure, list[Axes]]:
    """A figure with a small panel per name, side by side on one scale.

    Args:
        width: of the figure in pixels.
        names: what stands above each panel.
        height: of a panel in pixels.
    """
    columns = min(len(names), max(2, width // _PANEL))
    rows = math.ceil(len(names) / columns)
    whole = rows * height + _UNDER_PANELS
    figure = Figure(figsize=(width / DPI, whole / DPI), dpi=DPI)  # laid out by hand: many panels take long to fit
    figure.patch.set_visible(False)
    across, down = (width - _BESIDE_PANELS) / columns, height
    grid: list[Axes] = []
    for place, name in enumerate(names):
        row, column = divmod(place, columns)
        left, bottom = _BESIDE_PANELS + column * across, whole - (row + 1) * down + 2
        box = (left / width, bottom / whole, (across - 12) / width, (down - 24) / whole)
        axes = dressed(figure.add_axes(box, sharex=grid[0] if grid else None, sharey=grid[0] if grid else None))
        axes.text(0, 1, name, transform=axes.transAxes, va="bottom", fontsize=SMALL, color=palette.INK)
        axes.tick_params(labelbottom=place + columns >= len(names), labelleft=column == 0)
        grid.append(axes)
    return figure, grid


def below_panels(figure: Figure, words: str) -> None:
    """What the panels' horizontal axis is."""
    height = figure.get_figheight() * DPI
    figure.text(0.5, 4 / height, words, ha="center", va="bottom", fontsize=SMALL, color=palette.QUIET)


def bars(width: int, names: Sequence[str], values: Sequence[float], colours: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure of one bar per name, the first on top."""
    narrow = is_narrow(width)
    figure = blank(width, 40 + (22 if narrow else 26) * len(names))
    axes = dressed(figure.subplots(), grid="x")
    axes.barh(range(len(names)), values, height=0.62, color=colours, linewidth=0)
    axes.axvline(0, color=palette.ZERO, linewidth=1)
    axes.set_yticks(range(len(names)), [_short(name, 20 if narrow else 44) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=palette.INK)
    axes.locator_params(axis="x", nbins=4 if narrow else 7)
    return figure, axes


def thinned(values: NDArray[np.float64], width: int) -> NDArray[np.int64]:
    """The places of a series that a figure has to draw.

    Of each pixel column the lowest and the highest value, and the ends: extremes are exact. Where a column has no value
    one gap stays.

    Args:
        values: (n,) evenly spaced; NaN where there is none.
        width: of the figure in pixels.

    Returns:
        Ascending places, at most two per column and the ends.
    """
    n, columns = len(values), width - _LABELS
    if n <= 2 * columns:
        return np.arange(n)
    edges = np.linspace(0, n, columns + 1).astype(np.int64)
    kept = {0, n - 1}
    for first, last in itertools.pairwise(edges):
        own = values[first:last]
        if np.isnan(own).all():
            kept.add(int(first))
        else:
            kept |= {int(first + np.nanargmin(own)), int(first + np.nanargmax(own))}
    return np.array(sorted(kept))


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def dot_and_bar(value: float, low: float, high: float, reach: tuple[float, float], bar: float, words: str) -> str:
    """A small picture of a figure with its interval beside what no skill gets, as inline SVG.

    Args:
        value: the figure.
        low: of its interval.
        high: likewise.
        reach: of the scale that pictures below each other share.
        bar: what no skill gets.
        words: the same for those who cannot see it.
    """
    width, height = 150, 16

    def at(x: float) -> str:
        return f"{4 + (width - 8) * (x - reach[0]) / (reach[1] - reach[0]):.1f}"

    role = "good" if low > bar else "bad" if high < bar else "zero"
    return (
        f'<svg class="interval-bar" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(words)}">'
        f"<title>{escape(words)}</title>"
        f'<path class="s-ink" stroke-dasharray="2 2" d="M{at(bar)} 0v{height}"/>'
        f'<path class="s-{role}" stroke-width="3" d="M{at(low)} 8H{at(high)}"/>'
        f'<circle class="f-{role}" cx="{at(value)}" cy="8" r="4"/></svg>'
    )
