"""What every model is: windows in, a predictive distribution per horizon out.

Dimensions used throughout `models/`: B windows in a batch, T sessions in a window, F inputs, H horizons.
A model of a matrix has N tickers in a window of (B, T, N, F), and forecasts (B, N, H): NaN marks who is absent and
which labels there are none of.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Prediction(NamedTuple):
    """Student-t distributions of the forward return, in units of volatility times the root of the horizon."""

    location: Tensor  # (B, H)
    log_scale: Tensor  # (B, H), natural log of the Student-t scale (not the standard deviation)
    degrees_of_freedom: Tensor  # (H,), above 2
    event_logits: Tensor | None = None  # (B, H), where the experiment names an event


class WindowSet(NamedTuple):
    """Windows and their targets."""

    windows: Tensor  # (N, T, F); may be a view whose windows overlap in memory
    targets: Tensor  # (N, H)
    happened: Tensor | None = None  # (N, H), 1.0 where the event of the experiment came
    shares: Tensor | None = None  # (N,), of each window in the mean loss, of sum 1; None where all count alike


class Model(nn.Module):
    """Base of every model."""

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from windows (B, T, F)."""
        raise NotImplementedError


class TrainedModel(Model):
    """A model fitted by gradient descent."""

    def prepare(self, training: WindowSet) -> None:
        """Set what is measured and not learned, before the first step from scratch. Training slice only."""
        raise NotImplementedError

    def penalty(self) -> Tensor | float:
        """What training adds to the loss of a batch; nothing unless a model says otherwise."""
        return 0.0


class ClosedFormModel(Model):
    """A model whose fit is an expression of the data: no seed, no steps, no previous fold."""

    def fit(self, training: WindowSet, validation: WindowSet) -> None:
        """Set the parameters."""
        raise NotImplementedError


def student_t_scale(residuals: Tensor, degrees_of_freedom: float, steps: int = 50) -> Tensor:
    """Maximum-likelihood scale of a centred Student-t of known degrees of freedom, per column.

    Expectation-maximisation: each residual is weighted by ``(v + 1) / (v + r^2 / s^2)``, so a crash does not
    set the scale of every other day.

    Args:
        residuals: (N, H).
        degrees_of_freedom: v.
        steps: iterations; 50 reach single precision.

    Source: Liu and Rubin, "ML estimation of the t distribution using EM and its extensions", Statistica
    Sinica 5, 1995.
    """
    squares = residuals.double() ** 2
    variance = squares.mean(dim=0).clamp_min(1e-12)
    for _ in range(steps):
        weights = (degrees_of_freedom + 1) / (degrees_of_freedom + squares / variance)
        variance = (weights * squares).mean(dim=0).clamp_min(1e-12)
    return torch.sqrt(variance).to(residuals.dtype)
