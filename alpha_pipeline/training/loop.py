"""The one training loop: every gradient-trained experiment, one member at a time, the same bits each time.

On a GPU `stack` does the same for many members at once.

Windows are views of one tensor, gathered by index; there is no DataLoader. Determinism comes from one thread,
a random state seeded per member, and shapes that depend on the training data alone.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.models.architectures import TrainingSpec
from alpha_pipeline.models.contract import TrainedModel, WindowSet
from alpha_pipeline.training.heartbeat import beat
from alpha_pipeline.training.losses import Objective

EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Curve:
    """How the loss went, pass by pass, in nats of what is minimised.

    Attributes:
        training: mean over each pass's batches, with dropout and penalties, while the weights moved, (E,).
        validation: of the running average of the weights, where training started and after each pass, (E + 1,).
    """

    training: tuple[float, ...] = ()
    validation: tuple[float, ...] = ()

    @property
    def passes(self) -> int:
        """E, the passes made; 0 for a closed form."""
        return len(self.training)


class DivergedError(AlphaError):
    """The loss left the finite numbers."""

    def __init__(self, epoch: int, loss: float) -> None:
        super().__init__(f"training diverged in epoch {epoch} (loss {loss}); lower training.learning_rate")


class Windows:
    """Windows by the row they end in: views of (rows, F) or (rows, N, F), copied only when a batch is taken."""

    def __init__(self, inputs: Tensor, length: int) -> None:
        self.inputs = inputs
        self.length = length
        self._views = inputs.unfold(0, length, 1).movedim(-1, 1)  # (rows - T + 1, T, F) or (…, T, N, F)

    def ending_at(self, rows: Tensor) -> Tensor:
        """Windows (len(rows), T, F) or (len(rows), T, N, F) whose last rows are given."""
        return self._views.index_select(0, rows - self.length + 1)


@dataclass(frozen=True)
class Rows:
    """A slice of the data: which windows, with which targets.

    Attributes:
        windows: of all rows.
        targets: (all rows, H) or (all rows, N, H).
        rows: those of the slice, (N,).
        happened: whether the experiment's event came, (all rows, H), 0 or 1; None without one.
    """

    windows: Windows
    targets: Tensor
    rows: Tensor
    happened: Tensor | None = None

    def take(self, rows: Tensor) -> WindowSet:
        """The windows that end in some rows, and their targets."""
        happened = None if self.happened is None else self.happened.index_select(0, rows)
        return WindowSet(self.windows.ending_at(rows), self.targets.index_select(0, rows), happened)

    def whole(self) -> WindowSet:
        """The whole slice."""
        return self.take(self.rows)

    def shuffled(self, size: int) -> Iterator[WindowSet]:
        """A random partition into batches of nearly equal size, none larger than `size`."""
        order = self.rows[torch.randperm(len(self.rows)).to(self.rows.device)]
        for rows in order.tensor_split(-(-len(order) // size)):
            yield self.take(rows)


def fit(
    model: TrainedModel, training: Rows, validation: Rows, spec: TrainingSpec, objective: Objective, *, epochs: int
) -> Curve:
    """Train in place and leave the weights that did best on the validation slice.

    The candidates are running averages of the weights after each epoch, which at the signal-to-noise of daily
    returns forecast better than the last step does. What training started from is the first candidate.

    Args:
        model: on the device of the tensors.
        training: what the weights learn from.
        validation: what chooses among them.
        spec: batches and step sizes.
        objective: what is minimised, on batches and on the validation slice.
        epochs: most passes.

    Returns:
        The losses of the passes made.

    Raises:
        DivergedError: the loss is not finite.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay, fused=True)
    average = copy.deepcopy(model)
    best_loss, best_state, best_epoch = _loss(average, validation, objective), _state(average), 0
    learned, judged = [], [best_loss]
    for epoch in range(1, epochs + 1):
        beat()
        learned.append(train_epoch(model, average, optimiser, training, spec, objective))
        loss = _loss(average, validation, objective)
        judged.append(loss)
        if not loss < float("inf"):
            raise DivergedError(epoch, loss)
        if loss < best_loss:
            best_loss, best_state, best_epoch = loss, _state(average), epoch
        elif epoch - best_epoch >= spec.patience:
            break
    model.load_state_dict(best_state)
    return Curve(tuple(learned), tuple(judged))


def train_epoch(
    model: TrainedModel,
    average: TrainedModel,
    optimiser: torch.optim.Optimizer,
    training: Rows,
    spec: TrainingSpec,
    objective: Objective,
) -> float:
    """One pass over the training slice; `average` follows the weights. The mean loss of its batches."""
    model.train()
    losses: list[Tensor] = []
    parameters: list[Tensor] = list(model.parameters())
    averages: list[Tensor] = list(average.parameters())
    for batch in training.shuffled(spec.batch_size):
        loss = objective(model(batch.windows), batch) + model.penalty()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, spec.gradient_clip)
        optimiser.step()
        losses.append(loss.detach())
        with torch.no_grad():
            torch._foreach_lerp_(averages, parameters, 1 - spec.averaging)
    return float(torch.stack(losses).mean())


@torch.no_grad()
def _loss(model: TrainedModel, slice_: Rows, objective: Objective) -> float:
    model.eval()
    total = 0.0
    for rows in torch.split(slice_.rows, EVALUATION_BATCH):
        batch = slice_.take(rows)
        total += float(objective(model(batch.windows), batch)) * len(rows)
    return total / len(slice_.rows)


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}
