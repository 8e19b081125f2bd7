"""From a model to a function of its state that `torch.vmap` can run for many members at once."""

import copy

import torch
from torch import Tensor, nn

from alpha_pipeline.models.blocks.unrolled_lstm import UnrolledLSTM
from alpha_pipeline.models.contract import TrainedModel, WindowSet
from alpha_pipeline.training.counter import uniform
from alpha_pipeline.training.losses import Objective


class CounterDropout(nn.Module):
    """Dropout whose mask is a function of a key: a buffer, so that each member of a stack brings its own.

    Args:
        share: of values hidden in training.
    """

    key: Tensor

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("key", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Hide some values and scale up the rest; outside training return all."""
        if not self.training or not self.share:
            return x
        kept = uniform(self.key, x.numel()).view(x.shape) >= self.share
        return x * kept / (1 - self.share)


class MemberLoss(nn.Module):
    """What a member minimises on a batch: in training with the model's penalty, otherwise without.

    The model is copied, with what `torch.vmap` has no rule for replaced by what computes the same: `nn.LSTM` by matrix
    products, and `nn.Dropout` by `CounterDropout`. Names and shapes of the state stay.

    Args:
        model: whose loss.
        objective: of its forecasts.
    """

    def __init__(self, model: TrainedModel, objective: Objective) -> None:
        super().__init__()
        self.model = copy.deepcopy(model)
        self._objective = objective
        _replace(self.model)

    def forward(self, batch: WindowSet) -> Tensor:
        """The loss of a batch, a scalar."""
        loss = self._objective(self.model(batch.windows), batch)
        return loss + self.model.penalty() if self.training else loss

    def dropout_keys(self) -> list[str]:
        """The names of the keys that are to be given."""
        modules = self.named_modules()
        return [f"{name}.key" for name, module in modules if isinstance(module, CounterDropout)]


def _replace(module: nn.Module) -> None:
    for name, child in module.named_children():
        match child:
            case nn.LSTM():
                setattr(module, name, UnrolledLSTM(child))
            case nn.Dropout():
                setattr(module, name, CounterDropout(child.p))
            case _:
                _replace(child)
