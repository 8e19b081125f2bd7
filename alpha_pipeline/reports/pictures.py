"""Pictures for the web UI, whose metadata shows images but runs no script: PNG, the same bytes for the same values."""

import io
from collections.abc import Sequence
from typing import Final

import polars as pl
from matplotlib.figure import Figure

from alpha_pipeline.reports.figures import explained, forecasts, strategies
from alpha_pipeline.reports.figures.palette import ROLES
from alpha_pipeline.training.artifact import Card

_WIDTH: Final = 760
_SMALL: Final = 480
_DPI: Final = 96


def equity(ledger: pl.DataFrame) -> bytes:
    """The figure `figures.strategies.equity`."""
    return _png(strategies.equity(ledger, _WIDTH))


def information_coefficients(scores: pl.DataFrame) -> bytes:
    """The figure `figures.forecasts.information_coefficients`."""
    return _png(forecasts.information_coefficients(scores, _WIDTH))


def learning(cards: Sequence[Card]) -> bytes:
    """The figure `figures.explained.learning`."""
    return _png(explained.learning(cards, _SMALL))


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.patch.set_visible(True)
    # Without the library's name in it, the bytes depend on the values alone.
    figure.savefig(buffer, format="png", dpi=_DPI, facecolor=ROLES["ground"].light, metadata={"Software": None})
    return buffer.getvalue()
