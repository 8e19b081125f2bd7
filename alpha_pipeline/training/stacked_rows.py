"""The data of a stack: each member's own rows on the device, in places that none of them shares.

Dimensions: S slots, R rows that a slot has room for, B rows in a batch, T sessions in a window, F inputs, H horizons.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alpha_pipeline.models.contract import WindowSet
from alpha_pipeline.training.counter import permutations
from alpha_pipeline.training.fitting import Start
from alpha_pipeline.training.loop import EVALUATION_BATCH, Windows

_ROOM: Final = 1_024  # rows, about four years; slots grow by as many


class Batch(NamedTuple):
    """One batch of every slot."""

    rows: Tensor  # (S, B), of the slot's data
    shares: Tensor  # (S, B), of each row in the slot's loss; 0 where a row only fills up
    active: Tensor  # (S,), bool: whether the slot has this batch


class StackedRows:
    """What members learn from and are judged on.

    Args:
        start: of any member: all have its experiment.
        slots: S.
        device: torch's name of the device.
    """

    def __init__(self, start: Start, slots: int, device: str) -> None:
        windows, targets = start.training.windows, start.training.targets
        self._slots, self._device = slots, device
        self._window = windows.length
        self._batch_size = start.spec.batch_size
        self.room = 0
        self._inputs = torch.zeros(slots, 0, windows.inputs.shape[1], device=device)  # (S, R, F)
        self._targets = torch.zeros(slots, 0, targets.shape[1], device=device)  # (S, R, H)
        self._happened = None if start.training.happened is None else torch.zeros_like(self._targets)  # (S, R, H)
        # A slot without a member reads the first window there is, of zeros.
        self._training = torch.full((slots, 0), self._window - 1, device=device)  # (S, R)
        most = start.spec.validation_sessions
        self._chunk = min(most, EVALUATION_BATCH)
        shape = slots, -(-most // self._chunk), self._chunk
        self._validation = torch.full(shape, self._window - 1, device=device)  # (S, chunks, B)
        self._validation_shares = torch.zeros(shape, device=device)  # (S, chunks, B)
        self._counts = [0] * slots  # training rows
        self.make_room(start)

    def make_room(self, start: Start) -> bool:
        """Let slots grow until they hold as many rows as this member has; whether they had to."""
        more = -(-(len(start.training.targets) - self.room) // _ROOM) * _ROOM
        if more <= 0:
            return False
        self.room += more
        self._inputs, self._targets = (F.pad(x, (0, 0, 0, more)) for x in (self._inputs, self._targets))
        self._happened = None if self._happened is None else F.pad(self._happened, (0, 0, 0, more))
        self._training = F.pad(self._training, (0, more), value=self._window - 1)
        return True

    def put(self, slot: int, start: Start) -> None:
        """Give a slot to a member. What its predecessor left beyond its own rows is never read."""
        training, validation = start.training, start.validation
        m, n, v = len(training.targets), len(training.rows), len(validation.rows)
        self._inputs[slot, :m] = training.windows.inputs
        self._targets[slot, :m] = training.targets
        if self._happened is not None and training.happened is not None:
            self._happened[slot, :m] = training.happened
        self._training[slot, :n] = training.rows
        self._counts[slot] = n
        places = torch.arange(self._validation[slot].numel())
        self._validation[slot] = validation.rows[places % v].view_as(self._validation[slot])
        self._validation_shares[slot] = ((places < v) / v).view_as(self._validation_shares[slot])

    def take(self, rows: Tensor, shares: Tensor) -> WindowSet:
        """Windows (S, B, T, F) that end in rows (S, B), with their targets (S, B, H)."""
        ahead = torch.arange(self._slots, device=self._device)[:, None] * self.room
        places = (rows + ahead).flatten()  # (S B,)
        windows = Windows(self._inputs.flatten(0, 1), self._window).ending_at(places)

        def of(values: Tensor) -> Tensor:
            return values.flatten(0, 1).index_select(0, places).view(*rows.shape, -1)

        happened = None if self._happened is None else of(self._happened)
        return WindowSet(windows.view(*rows.shape, *windows.shape[1:]), of(self._targets), happened, shares)

    def validation(self) -> Iterator[WindowSet]:
        """The validation slices in chunks; the shares of all chunks together sum to 1."""
        for rows, shares in zip(self._validation.unbind(1), self._validation_shares.unbind(1), strict=True):
            yield self.take(rows, shares)

    def nothing(self) -> Batch:
        """A batch that no slot has."""
        rows = torch.full((self._slots, self._batch_size), self._window - 1, device=self._device)
        idle = torch.zeros(self._slots, dtype=torch.bool, device=self._device)
        return Batch(rows, torch.zeros(rows.shape, device=self._device), idle)

    def shuffled(self, keys: Tensor, live: Sequence[bool]) -> Iterator[Batch]:
        """One pass of every live slot over its own training rows, in batches as `Rows.shuffled` has them.

        Slots with fewer batches than others wait at the end.

        Args:
            keys: of the order, (S,).
            live: which slots take part.
        """
        counts = [count if alive else 0 for count, alive in zip(self._counts, live, strict=True)]
        n = torch.tensor(counts, device=self._device)[:, None]  # (S, 1)
        batches = -(-n // self._batch_size)  # (S, 1)
        step = torch.arange(-(-max(counts) // self._batch_size), device=self._device)  # (K,)
        size, larger = n // batches.clamp_min(1), n % batches.clamp_min(1)  # (S, 1)
        first = step * size + torch.minimum(step, larger)  # (S, K)
        size = size + (step < larger)  # (S, K)
        active = step < batches  # (S, K)
        place = torch.arange(self._batch_size, device=self._device)  # (B,)
        # A batch is filled up with rows of its own, which count for nothing.
        places = first[..., None] + place % size.clamp_min(1)[..., None]  # (S, K, B)
        places = torch.where(active[..., None], places, 0)
        order = permutations(keys, n[:, 0], self.room)  # (S, R)
        rows = self._training.gather(1, order.gather(1, places.flatten(1))).view_as(places)
        shares = (place < size[..., None]) / size.clamp_min(1)[..., None]
        yield from (Batch(*parts) for parts in zip(rows.unbind(1), shares.unbind(1), active.unbind(1), strict=True))
