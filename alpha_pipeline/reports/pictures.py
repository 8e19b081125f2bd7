"""Pictures for the web UI, whose metadata shows images but runs no script: PNG, the same bytes for the same values."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import polars as pl

from alpha_pipeline.training.artifact import Card

# The figures take half a second to import, and every process that loads the graph would wait for them.
# ruff: noqa: PLC0415
if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH: Final = 760
_SMALL: Final = 480
_DPI: Final = 96


def equity(ledger: pl.DataFrame) -> bytes:
    """The figure `figures.strategies.equity`."""
    from alpha_pipeline.reports.figures import strategies

    return _png(strategies.equity(ledger, _WIDTH))


def information_coefficients(scores: pl.DataFrame) -> bytes:
    """The figure `figures.forecasts.information_coefficients`."""
    from alpha_pipeline.reports.figures import forecasts

    return _png(forecasts.information_coefficients(scores, _WIDTH))


def learning(cards: Sequence[Card]) -> bytes:
    """The figure `figures.explained.learning`."""
    from alpha_pipeline.reports.figures import explained

    return _png(explained.learning(cards, _SMALL))


def _png(figure: "Figure") -> bytes:
    from alpha_pipeline.reports.figures.palette import ROLES

    buffer = io.BytesIO()
    figure.patch.set_visible(True)
    # Without the library's name in it, the bytes depend on the values alone.
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor=ROLES["ground"].light, metadata={"Software": None})
    return buffer.getvalue()
