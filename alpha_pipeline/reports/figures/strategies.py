"""Figures of what strategies earned: equity, drawdown, and how steady it was."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from alpha_pipeline.reports.figures import palette
from alpha_pipeline.reports.figures.sheet import blank, dated, dressed, is_narrow, keyed, log_scaled, thinned
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR

OWN: Final = "qqq_position"
# Drawn dashed: a strategy has to beat them.
RIVALS: Final = frozenset({"buy_and_hold", "vol_target_15", "equal_weight_sectors"})
# Whose drawdowns are drawn, where they are held: seven on top of each other cannot be read.
_UNDER: Final = (OWN, "buy_and_hold", "vol_target_15")


def equity(ledger: pl.DataFrame, width: int) -> Figure:
    """Equity of every strategy on a log scale, and how far the position and its rivals stand under their highs.

    Args:
        ledger: rows of ``portfolio.ledger``; equity is 1 before the first session, which counts as a high.
        width: in pixels.
    """
    figure = blank(width, 400 if is_narrow(width) else 500)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[2.3, 1])
    strategies = in_order(ledger["strategy"])
    under = [name for name in _UNDER if name in strategies] or strategies
    for strategy in reversed(strategies):  # the product's own lie on top
        rows = ledger.filter(strategy=strategy).sort("session")
        _line(above, strategy, rows, rows["equity"], width)
        if strategy in under:
            _line(below, strategy, rows, drawdown(rows)["drawdown"], width)
    for axes in (above, below):
        dressed(axes)
        axes.margins(x=0.005)
    log_scaled(above, ledger["equity"])
    below.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    below.locator_params(axis="y", nbins=4)
    dated(below, width)
    _key(figure, strategies, width)
    return figure


def drawdown(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns session and drawdown (0 to -1) of one strategy's ledger rows, in order."""
    high = pl.max_horizontal(pl.col("equity").cum_max(), 1.0)
    return rows.sort("session").select("session", drawdown=pl.col("equity") / high - 1)


def rolling_sharpe(ledger: pl.DataFrame, width: int, window: int = SESSIONS_PER_YEAR) -> Figure:
    """The annualised Sharpe ratio of the last `window` sessions of every strategy.

    Args:
        ledger: rows of ``portfolio.ledger``, every strategy.
        width: in pixels.
        window: sessions.
    """
    figure = blank(width, 300)
    axes = dressed(figure.subplots())
    strategies = in_order(ledger["strategy"])
    for strategy in reversed(strategies):
        rows = ledger.filter(strategy=strategy).sort("session")
        _line(axes, strategy, rows, sharpe_ratios(rows["net_return"], window), width)
    axes.axhline(0, color=palette.ZERO, linewidth=1)
    axes.margins(x=0.005)
    dated(axes, width)
    _key(figure, strategies, width)
    return figure


def sharpe_ratios(returns: pl.Series, window: int) -> pl.Series:
    """The annualised Sharpe ratio of the last `window` returns at each; null before, and for a window in cash."""
    mean, deviation = returns.rolling_mean(window), returns.rolling_std(window)
    frame = pl.DataFrame({"mean": mean, "deviation": deviation})
    ratio = pl.col("mean") / pl.col("deviation") * SESSIONS_PER_YEAR**0.5
    return frame.select(pl.when(pl.col("deviation") > 1e-9).then(ratio).alias("sharpe"))["sharpe"]


def in_order(strategies: Iterable[str]) -> list[str]:
    """The strategies, the product's own first, then the rivals they have to beat, then any other."""
    held = set(strategies)
    return [name for name in palette.STRATEGIES if name in held] + sorted(held - set(palette.STRATEGIES))


def _line(axes: Axes, strategy: str, rows: pl.DataFrame, values: pl.Series, width: int) -> None:
    drawn: NDArray[np.float64] = values.fill_null(np.nan).to_numpy()
    places = thinned(drawn, width)
    axes.plot(rows["session"].to_numpy()[places], drawn[places], **_look(strategy))


def _key(figure: Figure, strategies: list[str], width: int) -> None:
    lines = [Line2D([], [], label=name.replace("_", " "), **_look(name)) for name in strategies]
    keyed(figure, lines, width)


def _look(strategy: str) -> dict[str, Any]:
    return {
        "color": palette.strategy_colour(strategy),
        "linewidth": 2.4 if strategy == OWN else 1.3,
        "linestyle": (0, (4, 1.5)) if strategy in RIVALS else "solid",
    }
