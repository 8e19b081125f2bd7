"""Pictures for the web UI, whose metadata shows images but runs no script: PNG, the same bytes for the same values."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from alpha_pipeline.reports.figures import OTHER_COLOUR, STRATEGY_COLOURS, drawdown, in_order
from alpha_pipeline.training.artifact import Card

# Half a second to import, and every process that loads the graph would wait for it.
# ruff: noqa: PLC0415
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES: Final = (9.0, 4.6)
_DPI: Final = 100


def equity(ledger: pl.DataFrame) -> bytes:
    """Equity of every strategy on a log scale, and below it how far each stands under its highest close.

    Args:
        ledger: rows of ``portfolio.ledger``.
    """
    from matplotlib.ticker import PercentFormatter

    figure = _blank(_INCHES)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    for strategy in in_order(ledger["strategy"]):
        rows = ledger.filter(strategy=strategy).sort("session")
        days = rows["session"].to_list()
        look = {
            "color": STRATEGY_COLOURS.get(strategy, OTHER_COLOUR),
            "linewidth": 2.0 if strategy == "qqq_position" else 1.0,
        }
        above.plot(days, rows["equity"].to_list(), label=strategy.replace("_", " "), **look)
        below.plot(days, drawdown(rows)["drawdown"].to_list(), **look)
    above.set_yscale("log")
    above.set_ylabel("equity, log")
    for one in (above.yaxis.set_major_formatter, above.yaxis.set_minor_formatter):
        one("{x:g}")
    above.legend(frameon=False, fontsize=8, ncols=3, loc="upper left")
    below.yaxis.set_major_formatter(PercentFormatter(1.0))
    below.set_ylabel("drawdown")
    return _png(figure, above, below)


def information_coefficients(scores: pl.DataFrame) -> bytes:
    """The pooled information coefficient of every model with its interval; one that holds 0 is no edge.

    Args:
        scores: rows of ``evaluation.scores``.
    """
    rows = scores.filter(ticker="*", horizon=1, window="whole", metric="ic").sort("value")
    figure = _blank((_INCHES[0], 1.2 + 0.3 * rows.height))
    axes = figure.subplots()
    values, low, high = (rows[name].fill_null(strategy="zero").to_numpy() for name in ("value", "ci_low", "ci_high"))
    colours = [STRATEGY_COLOURS["vol_target_15"] if least > 0 else OTHER_COLOUR for least in low]
    for place, colour in enumerate(colours):
        axes.plot([low[place], high[place]], [place, place], color=colour, linewidth=2.0)
        axes.plot(values[place], place, "o", color=colour, markersize=6)
    axes.axvline(0, color=OTHER_COLOUR, linewidth=1)
    axes.set_yticks(range(rows.height), rows["model"].to_list())
    axes.set_xlabel("information coefficient, one session, pooled")
    return _png(figure, axes)


def learning(cards: Sequence[Card]) -> bytes:
    """The loss of some members by pass: validation with a mark on the pass that was kept, training dotted.

    Args:
        cards: of members that were trained by gradient descent, a seed each.
    """
    figure = _blank((6.0, 2.8), dpi=80)
    axes = figure.subplots()
    for place, card in enumerate(cards):
        judged = card.validation_curve
        kept = judged.index(min(judged))
        names = ("validation", "training") if place == 0 else (None, None)
        axes.plot(judged, color=STRATEGY_COLOURS["qqq_position"], linewidth=1.4, label=names[0])
        axes.plot(kept, judged[kept], "o", color=STRATEGY_COLOURS["qqq_position"], markersize=6)
        passes = range(1, card.epochs + 1)
        axes.plot(passes, card.training_curve, ":", color=STRATEGY_COLOURS["buy_and_hold"], label=names[1])
    axes.set_xlabel("pass")
    axes.set_ylabel("loss, nats")
    axes.legend(frameon=False, fontsize=8)
    return _png(figure, axes)


def _blank(inches: tuple[float, float], dpi: int = _DPI) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=inches, dpi=dpi, layout="constrained")


def _png(figure: "Figure", *axes: "Axes") -> bytes:
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(axis="y", linewidth=0.5, alpha=0.4)
    buffer = io.BytesIO()
    # Without the library's name in it, the bytes depend on the values alone.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
