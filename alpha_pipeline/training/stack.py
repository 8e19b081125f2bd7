"""Members of one experiment trained side by side on one device, each as `loop.fit` would train it alone.

A step of all members is one step of a model with an axis more, which `torch.vmap` makes of the ordinary one. What is a
member's own stays its own: its rows, their order, its dropout, step size, clipping, averages, patience and end. A
member's weights do not depend on who trains beside it, on its slot, or on how many slots are taken, bit for bit on one
device: every shape is that of all slots, taken or not, and every random number is a function of the seed. On a CPU that
holds for widths that are multiples of 8, whose ends its kernels treat like the rest.

Dimensions: S slots, P parameters, B rows in a batch.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from alpha_pipeline.models.contract import TrainedModel, WindowSet
from alpha_pipeline.training.capture import Captured
from alpha_pipeline.training.counter import BATCHES, DROPOUT, draw
from alpha_pipeline.training.fitting import Start
from alpha_pipeline.training.layout import Layout
from alpha_pipeline.training.loop import Curve, DivergedError
from alpha_pipeline.training.losses import objective
from alpha_pipeline.training.stackable import MemberLoss
from alpha_pipeline.training.stacked_adamw import StackedAdamW
from alpha_pipeline.training.stacked_rows import StackedRows


@dataclass(frozen=True)
class Ended:
    """A member whose fit has ended.

    Attributes:
        start: its model holds the weights that did best on the validation slice.
        curve: how the loss went.
        error: why it ended early, if it diverged; its model is of no use then.
    """

    start: Start
    curve: Curve
    error: DivergedError | None = None


@dataclass
class _Run:
    """A member in its slot."""

    start: Start
    epoch: int = 0
    best_epoch: int = 0
    learned: list[float] = field(default_factory=list)
    judged: list[float] = field(default_factory=list)

    @property
    def curve(self) -> Curve:
        """How the loss went so far."""
        return Curve(tuple(self.learned), tuple(self.judged))


class Stack:
    """S slots, each empty or with a member in it.

    A round is one pass of every member over its own training rows. Who has ended makes room for who waits.

    Args:
        start: of the first member; those that follow have the same experiment and shapes.
        slots: S.
        device: torch's name of the device.
    """

    def __init__(self, start: Start, slots: int, device: str) -> None:
        self._spec = start.spec
        self._device = device
        self._loss = MemberLoss(_trained(start), objective(start.member.experiment.event)).to(device)
        self._dropout_names = self._loss.dropout_keys()
        self._layout = Layout(self._loss.model)
        self._data = StackedRows(start, slots, device)
        self._weights = torch.zeros(slots, self._layout.width, device=device, requires_grad=True)  # (S, P)
        self._average, self._best = (torch.zeros(slots, self._layout.width, device=device) for _ in "12")
        self._best_loss = torch.zeros(slots, device=device)
        self._verdict = torch.zeros(2, slots, device=device)  # loss, and whether it is the best so far
        self._learned = torch.zeros(2, slots, device=device)  # sum of the round's losses, and how many batches
        self._buffers = {
            name: buffer.new_zeros(slots, *buffer.shape)
            for name, buffer in self._loss.model.state_dict().items()
            if name not in dict(self._loss.model.named_parameters())
        }
        self._batch_keys, self._dropout_keys = (torch.zeros(slots, dtype=torch.int64, device=device) for _ in "12")
        self._adamw = StackedAdamW(self._weights, start.spec)
        self._waiting: deque[Start] = deque()
        self._runs: list[_Run | None] = [None] * slots
        self._launched = False
        self._records = torch.device(device).type == "cuda"
        self._record()

    @property
    def members(self) -> list[Start]:
        """Those who train or wait."""
        return [run.start for run in self._runs if run is not None] + list(self._waiting)

    def submit(self, start: Start) -> None:
        """Let a member wait for a slot."""
        self._waiting.append(start)

    def turn(self) -> list[Ended]:
        """Wait for the round that runs, fill the free slots and start the next round; those who have ended.

        The device works on when this returns.
        """
        ended = self._collect()
        while self._waiting and None in self._runs:
            self._place(self._waiting.popleft())
        self._launch()
        return ended

    def saved_bytes(self) -> int:
        """What one training step keeps for its gradient, in bytes."""
        sizes: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        batch = self._data.nothing()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            self._losses(self._weights, self._data.take(batch.rows, batch.shares), self._keys())
        return sum(sizes.values())

    def _collect(self) -> list[Ended]:
        """Wait for the round, and empty the slots of those who have ended."""
        if not self._launched:
            return []
        self._launched = False
        (losses, better), (learned, batches) = self._verdict.tolist(), self._learned.tolist()
        ended = []
        for slot, run in enumerate(self._runs):
            if run is not None:
                run.learned.append(learned[slot] / batches[slot])
                run.judged.append(losses[slot])
            if run is not None and self._has_ended(run, losses[slot], is_best=bool(better[slot])):
                ended.append(self._end(slot, run, losses[slot]))
        return ended

    def _place(self, start: Start) -> None:
        """Put a member in the first free slot."""
        slot = self._runs.index(None)
        if self._data.make_room(start):
            self._record()
        self._data.put(slot, start)
        state = _trained(start).state_dict()
        row = self._layout.row(state)
        with torch.no_grad():
            for rows in (self._weights, self._average, self._best):
                rows[slot] = row
            for name, buffer in self._buffers.items():
                buffer[slot] = state[name]
        self._adamw.restart(slot, start.spec.learning_rate)
        seed = torch.tensor(start.member.seed)
        self._batch_keys[slot], self._dropout_keys[slot] = draw(seed, BATCHES), draw(seed, DROPOUT)
        self._runs[slot] = _Run(start)

    def _launch(self) -> None:
        """Start a round. The weights that a member starts from are its first candidate."""
        live = [run is not None for run in self._runs]
        if not any(live):
            return
        new = [run is not None and run.epoch == 0 for run in self._runs]
        if any(new):
            self._judge(self._told(new), self._told(new))
            for loss, run in zip(self._verdict[0].tolist(), self._runs, strict=True):
                if run is not None and run.epoch == 0:
                    run.judged.append(loss)
        self._learned.zero_()
        epochs = torch.tensor([0 if run is None else run.epoch for run in self._runs], device=self._device)
        for batch in self._data.shuffled(draw(self._batch_keys, epochs), live):
            self._train(*batch)
        self._judge(self._told(live), self._told([False] * len(live)))
        self._launched = True

    def _has_ended(self, run: _Run, loss: float, *, is_best: bool) -> bool:
        run.epoch += 1
        if is_best:
            run.best_epoch = run.epoch
        waited = run.epoch - run.best_epoch
        return not loss < float("inf") or waited >= self._spec.patience or run.epoch == run.start.epochs

    def _end(self, slot: int, run: _Run, loss: float) -> Ended:
        self._runs[slot] = None
        if not loss < float("inf"):
            return Ended(run.start, run.curve, DivergedError(run.epoch, loss))
        model = _trained(run.start)
        model.load_state_dict(model.state_dict() | self._layout.parameters_of_one(self._best[slot].cpu()))
        return Ended(run.start, run.curve)

    def _record(self) -> None:
        """Record what a round does, anew when the data have moved. After one failure nothing is tried again."""
        batch = self._data.nothing()
        nobody = batch.active.clone(), batch.active.clone()
        self._train = Captured(self._training_step, tuple(batch), record=self._records)
        self._records = self._train.is_recorded
        self._judge = Captured(self._judgement, nobody, record=self._records)

    def _told(self, slots: list[bool]) -> Tensor:
        return torch.tensor(slots, device=self._device)

    def _training_step(self, rows: Tensor, shares: Tensor, active: Tensor) -> None:
        losses = self._losses(self._weights, self._data.take(rows, shares), self._keys())
        # A member's loss depends on its own row alone, so the gradient of the sum is that of each.
        (gradient,) = torch.autograd.grad(losses.sum(), self._weights)
        self._adamw.step(gradient, active)
        with torch.no_grad():
            moved = self._average.lerp(self._weights, 1 - self._spec.averaging)
            torch.where(active[:, None], moved, self._average, out=self._average)
            # Of a slot that has no batch left, or nobody in it, the loss may be no number.
            self._learned[0] += torch.where(active, losses, 0.0)
            self._learned[1] += active

    @torch.no_grad()
    def _judgement(self, judged: Tensor, first: Tensor) -> None:
        """Keep the averages that beat the best so far, or are the first; both masks (S,), bool."""
        losses = torch.stack([self._losses(self._average, chunk, None) for chunk in self._data.validation()])
        loss = losses.sum(dim=0)  # (S,)
        better = judged & (first | (loss < self._best_loss))
        torch.where(better, loss, self._best_loss, out=self._best_loss)
        torch.where(better[:, None], self._average, self._best, out=self._best)
        self._verdict.copy_(torch.stack((loss, better.float())))

    def _keys(self) -> dict[str, Tensor]:
        """The keys of dropout at the members' steps, (S,) each."""
        step = draw(self._dropout_keys, self._adamw.steps)
        return {name: draw(step, place) for place, name in enumerate(self._dropout_names)}

    def _losses(self, rows: Tensor, batch: WindowSet, keys: Mapping[str, Tensor] | None) -> Tensor:
        """The loss of every slot, (S,), with weights from rows (S, P); without keys, outside training."""
        self._loss.train(keys is not None)
        named = self._layout.parameters(rows) | self._buffers
        state = {f"model.{name}": value for name, value in named.items()} | dict(keys or {})

        def loss(state: dict[str, Tensor], batch: WindowSet) -> Tensor:
            return functional_call(self._loss, state, (batch,))

        axes = WindowSet._make(None if part is None else 0 for part in batch)
        # The other backends of attention do not promise the same bits twice.
        with sdpa_kernel(SDPBackend.MATH):
            return torch.vmap(loss, in_dims=(0, axes))(state, batch)


def _trained(start: Start) -> TrainedModel:
    if not isinstance(start.model, TrainedModel):
        raise TypeError(f"{start.member.experiment.name} is not trained by gradient descent")
    return start.model
