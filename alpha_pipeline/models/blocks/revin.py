"""Reversible instance normalisation of a window."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class WindowStats(NamedTuple):
    """Location and scale of each (window, channel), in the units of the input."""

    mean: Tensor  # (B, 1, C)
    std: Tensor  # (B, 1, C), strictly positive


class RevIN(nn.Module):
    """Normalise each window by its own statistics, and undo it on the forecast.

    Shapes: ``x`` is (B, T, C), ``y`` is (B, H, C); T and H may differ. Units: `normalise` maps the units of
    ``x`` to a dimensionless scale, `denormalise` maps back to those of ``x``.

    The statistics are returned, not stored, so `denormalise` cannot reuse those of an earlier batch. They
    carry no gradient, as in the authors' code. The gain is ``exp(log_gain)``: never zero, so the inverse
    exists.

    Source: Kim et al., "Reversible instance normalization for accurate time-series forecasting against
    distribution shift", ICLR 2022; authors' code github.com/ts-kim/RevIN. Departures: positive gain, explicit
    statistics.

    Args:
        channels: C; each has its own gain and bias.
        eps: added to the variance, in squared input units; keeps a constant window (a halted stock) finite.
        has_bias: False for whoever reads differences alone: there a bias cancels, and never learns.
    """

    def __init__(self, channels: int, eps: float = 1e-5, *, has_bias: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps
        self.log_gain = nn.Parameter(torch.zeros(channels))
        self.bias: nn.Parameter | float = nn.Parameter(torch.zeros(channels)) if has_bias else 0.0

    def normalise(self, x: Tensor) -> tuple[Tensor, WindowStats]:
        """The window on its own scale, and the statistics that undo it.

        Raises:
            ValueError: ``x`` is not (B, T >= 2, C).
        """
        if x.ndim != 3 or x.shape[1] < 2 or x.shape[2] != self.channels:
            raise ValueError(f"x must be (batch, time >= 2, {self.channels}), was {tuple(x.shape)}")
        mean = x.mean(dim=1, keepdim=True).detach()
        variance = x.var(dim=1, keepdim=True, correction=0).detach()
        stats = WindowStats(mean, (variance + self.eps).sqrt())
        return (x - stats.mean) / stats.std * self.log_gain.exp() + self.bias, stats

    def denormalise(self, y: Tensor, stats: WindowStats) -> Tensor:
        """The inverse of `normalise` with the same statistics."""
        return (y - self.bias) * (-self.log_gain).exp() * stats.std + stats.mean
