"""The parameters of a stack in one tensor: a row per member, so that a step of all is a handful of operations."""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

_ALIGNMENT: Final = 64  # values; every parameter of every member starts at a multiple


class Layout:
    """Where each parameter of a model lies in a row of width P.

    Args:
        model: any one of those to be stacked.
    """

    def __init__(self, model: nn.Module) -> None:
        self._shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
        self._sizes = [part for shape in self._shapes.values() for part in (shape.numel(), -shape.numel() % _ALIGNMENT)]
        self.width = sum(self._sizes)

    def row(self, state: Mapping[str, Tensor]) -> Tensor:
        """One member's parameters, (P,), with zeros between them."""
        row = torch.zeros(self.width)
        for name, place in zip(self._shapes, torch.split(row, self._sizes)[::2], strict=True):
            place.copy_(state[name].detach().flatten())
        return row

    def parameters(self, rows: Tensor) -> dict[str, Tensor]:
        """The parameters by name, as views: (S, P) to (S, …) each. Gradients come back as one tensor (S, P)."""
        places = torch.split(rows, self._sizes, dim=1)[::2]
        return {
            name: place.view(len(rows), *shape)
            for (name, shape), place in zip(self._shapes.items(), places, strict=True)
        }

    def parameters_of_one(self, row: Tensor) -> dict[str, Tensor]:
        """The parameters of one row (P,) by name."""
        return {name: value[0] for name, value in self.parameters(row[None]).items()}
