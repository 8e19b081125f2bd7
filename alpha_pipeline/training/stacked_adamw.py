"""AdamW for a stack: one step of all members at once, each at its own rate, count and clipping."""

import torch
from torch import Tensor

from alpha_pipeline.models.architectures import TrainingSpec

_FIRST_DECAY, _SECOND_DECAY, _EPSILON = 0.9, 0.999, 1e-8  # as in `torch.optim.AdamW`
_CLIP_EPSILON = 1e-6  # as in `torch.nn.utils.clip_grad_norm_`


class StackedAdamW:
    """The moments, counts and step sizes of S members with P parameters each.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, as `torch.optim.AdamW` has it.

    Args:
        parameters: (S, P), changed in place.
        spec: weight decay and clipping; the step sizes come with the members.
    """

    def __init__(self, parameters: Tensor, spec: TrainingSpec) -> None:
        self._parameters = parameters
        self._spec = spec
        self._first, self._second = (torch.zeros_like(parameters, requires_grad=False) for _ in "12")
        self._rates = parameters.new_zeros(len(parameters), 1)
        self.steps = torch.zeros(len(parameters), dtype=torch.int64, device=parameters.device)

    def restart(self, slot: int, rate: float) -> None:
        """Forget a slot's past, for a member that steps at this rate."""
        self._first[slot] = self._second[slot] = 0.0
        self._rates[slot] = rate
        self.steps[slot] = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, active: Tensor) -> None:
        """Move the active members; the others keep every bit.

        Args:
            gradient: (S, P).
            active: (S,), bool.
        """
        moves = active[:, None]  # (S, 1)
        self.steps += active
        count = self.steps[:, None].double()  # (S, 1)
        first_bias, second_bias = (1 - decay**count for decay in (_FIRST_DECAY, _SECOND_DECAY))
        size = (self._rates / first_bias).float()  # (S, 1)
        norm = gradient.square().sum(dim=1, keepdim=True).sqrt()  # (S, 1)
        gradient = gradient * (self._spec.gradient_clip / (norm + _CLIP_EPSILON)).clamp(max=1.0)
        first = self._first.lerp(gradient, 1 - _FIRST_DECAY)
        second = self._second.lerp(gradient.square(), 1 - _SECOND_DECAY)
        deviation = second.sqrt() / second_bias.sqrt().float() + _EPSILON
        shrunk = self._parameters * (1 - self._rates * self._spec.weight_decay)
        for held, new in (
            (self._first, first),
            (self._second, second),
            (self._parameters, shrunk - size * first / deviation),
        ):
            torch.where(moves, new, held, out=held)
