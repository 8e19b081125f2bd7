"""ExperimentalNetwork V17: raw bars, RevIN, KAN layers, and the window's volatility fed back to the head."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from alpha_pipeline.models.architectures import V17Architecture
from alpha_pipeline.models.blocks.kan import ChebyshevKAN
from alpha_pipeline.models.blocks.perceptron import Perceptron
from alpha_pipeline.models.blocks.revin import RevIN
from alpha_pipeline.models.blocks.student_t import StudentTHead
from alpha_pipeline.models.contract import Prediction, TrainedModel, WindowSet

_CLOSE = 3  # channels: log open, high, low, close, log(1 + volume)
_SMALLEST_STD = 1e-6  # an index has no volume
_CLIP = 5.0  # standard deviations
_LOOK_BACKS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)  # sessions; those that fit in the window are used


class V17(TrainedModel):
    """Forecasts from raw bars alone.

    RevIN takes each window's level and scale away, so a price of 300 and one of 500 look alike. The KAN reads
    the normalised path as its changes over several look-backs: neighbouring levels of a random walk are
    nearly the same number, changes are not. What RevIN takes away and matters is fed back to the head: the
    window's volatility, and for an index its level.

    Args:
        architecture: the experiment's values.
        inputs: C, five channels.
        window: T.
        horizons: H.
        level_matters: whether the level of the close is fed back.
    """

    context_mean: Tensor
    context_std: Tensor
    change_std: Tensor  # without RevIN only

    def __init__(
        self, architecture: V17Architecture, inputs: int, window: int, horizons: int, *, level_matters: bool
    ) -> None:
        super().__init__()
        self.level_matters = level_matters
        context = 2 if level_matters else 1
        width, degree = architecture.width, architecture.degree
        layer = ChebyshevKAN if architecture.kan else Perceptron
        self.roughness_penalty = architecture.roughness_penalty
        # Log prices of a quiet window spread by about 1e-2; eps is small beside their variance.
        self.revin = RevIN(inputs, eps=1e-8, has_bias=False) if architecture.revin else None
        self.look_backs = [n for n in _LOOK_BACKS if n < window]
        edges = inputs * len(self.look_backs)  # E
        if self.revin is None:
            self.register_buffer("change_std", torch.ones(edges))
        self.kan = layer(edges, width, degree)
        self.deeper_kan = layer(width, width, degree)
        self.head = StudentTHead(edges + 2 * width + context, horizons, architecture.head_dropout)
        self.register_buffer("context_mean", torch.zeros(context))
        self.register_buffer("context_std", torch.ones(context))

    def prepare(self, training: WindowSet) -> None:
        """Start from the training targets' mean and scale, and measure what is not measured window by window."""
        if self.revin is None:
            changes = torch.cat(self._changes_of(training.windows), dim=-1)  # (N, E)
            self.change_std.copy_(changes.std(dim=0).clamp_min(_SMALLEST_STD))
        context = self._context(training.windows)  # (N, 1 or 2)
        self.context_mean.copy_(context.mean(dim=0))
        self.context_std.copy_(context.std(dim=0).clamp_min(_SMALLEST_STD))
        self.head.start_from(training.targets)

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from raw windows (B, T, C)."""
        context = ((self._context(windows) - self.context_mean) / self.context_std).clamp(-_CLIP, _CLIP)
        changes = self.changes(windows)  # (B, E)
        bent = self.kan(changes)  # (B, D)
        # Each layer reports to the head: a plain signal need not survive the bends of the next.
        features = torch.cat((changes, bent, self.deeper_kan(bent), context), dim=-1)
        return cast(Prediction, self.head(features))  # (B, H)

    def penalty(self) -> Tensor | float:
        """What training adds to the loss: the roughness of the KAN's edge functions."""
        rough = [layer.roughness() for layer in (self.kan, self.deeper_kan) if isinstance(layer, ChebyshevKAN)]
        return self.roughness_penalty * sum(rough) if rough else 0.0

    def change_names(self, channels: Sequence[str]) -> tuple[str, ...]:
        """What `changes` are, in words, length E.

        Args:
            channels: names of the channels, length C.
        """
        spans = [f"{n} session" if n == 1 else f"{n} sessions" for n in self.look_backs]
        return tuple(f"{channel} change over {span}" for span in spans for channel in channels)

    def changes(self, windows: Tensor) -> Tensor:
        """What the first layer reads, changes up to the last session over each look-back: (B, T, C) to (B, E).

        Of about unit variance. A random walk of T steps has variance T / 6 around its own mean, which RevIN made 1, so
        its change over n steps has variance 6 n / T. Without RevIN they are in standard deviations of the training
        slice.
        """
        if self.revin is None:
            return (torch.cat(self._changes_of(windows), dim=-1) / self.change_std).clamp(-_CLIP, _CLIP)
        changes = zip(self._changes_of(self.revin.normalise(windows)[0]), self.look_backs, strict=True)
        return torch.cat([change * math.sqrt(windows.shape[1] / (6 * n)) for change, n in changes], dim=-1)

    def _changes_of(self, x: Tensor) -> list[Tensor]:
        """Per look-back what x (B, T, C) changed by up to the last session, (B, C) each, in its units."""
        return [x[:, -1] - x[:, -1 - n] for n in self.look_backs]

    def _context(self, windows: Tensor) -> Tensor:
        """Log volatility of the window's close-to-close changes, and the last level where it matters."""
        close = windows[:, :, _CLOSE]  # (B, T)
        log_vol = close.diff(dim=1).std(dim=1).clamp_min(1e-5).log()  # (B,)
        columns = [log_vol, close[:, -1]] if self.level_matters else [log_vol]
        return torch.stack(columns, dim=-1)
