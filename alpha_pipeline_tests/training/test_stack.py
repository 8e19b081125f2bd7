"""A stack: each member is trained as the loop would train it alone, and notices no neighbour."""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from alpha_pipeline.models.contract import TrainedModel, WindowSet
from alpha_pipeline.training import loop
from alpha_pipeline.training.counter import draw
from alpha_pipeline.training.fitting import Start, reproducible
from alpha_pipeline.training.loop import DivergedError, Rows, fit, train_epoch
from alpha_pipeline.training.losses import objective
from alpha_pipeline.training.stack import Stack
from alpha_pipeline.training.stacked_rows import Batch
from alpha_pipeline_tests.learning_world import TRAINED
from alpha_pipeline_tests.stack_world import small, start_of, state, trained, with_architecture, without_dropout

KINDS = (*TRAINED, "deep")
GPU = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))


@dataclasses.dataclass(frozen=True)
class Told(Rows):
    """Rows whose batches are told."""

    batches: tuple[Tensor, ...] = ()

    def shuffled(self, size: int) -> Iterator[WindowSet]:
        """The batches told, in their order."""
        yield from (self.take(rows) for rows in self.batches if len(rows) <= size)


def filled(*starts: Start, slots: int = 4, device: str = "cpu") -> Stack:
    """A stack with members in its first slots."""
    stack = Stack(starts[0], slots, device)
    for start in starts:
        stack._place(start)
    return stack


def held(stack: Stack, rows: Tensor, slot: int) -> dict[str, Tensor]:
    return stack._layout.parameters_of_one(rows.detach()[slot].cpu())


def validation_loss(start: Start) -> float:
    """Of the weights that a member holds."""
    assert isinstance(start.model, TrainedModel)
    return loop._loss(start.model, start.validation, objective(start.member.experiment.event))


def by_the_loop(start: Start, batches: list[Tensor]) -> tuple[TrainedModel, TrainedModel]:
    """The weights and their averages after these batches."""
    model, average = copy.deepcopy(start.model), copy.deepcopy(start.model)
    assert isinstance(model, TrainedModel)
    assert isinstance(average, TrainedModel)
    spec = start.spec
    optimiser = torch.optim.AdamW(model.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
    training = Told(**vars(start.training), batches=tuple(batches))
    learned = train_epoch(model, average, optimiser, training, spec, objective(start.member.experiment.event))
    return model, average, learned


def passes(stack: Stack, slot: int) -> list[Tensor]:
    """The batches of a slot's first pass."""
    return [b.rows[slot, b.shares[slot] > 0].cpu() for b in first_pass(stack) if b.active[slot]]


def first_pass(stack: Stack) -> list[Batch]:
    return list(stack._data.shuffled(draw(stack._batch_keys, 0), [run is not None for run in stack._runs]))


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_that_of_the_loop(kind: str, device: str) -> None:
    made = without_dropout(small(kind))
    starts = start_of(made, "SPY", seed=1, fold=1), start_of(made, "QQQ")
    stack = filled(*starts, device=device)
    firsts = [passes(stack, slot)[0] for slot in (0, 1)]
    stack._train(*first_pass(stack)[0])
    for slot, start in enumerate(starts):
        model, average, _ = by_the_loop(start, [firsts[slot]])
        for name, value in model.named_parameters():
            assert torch.allclose(held(stack, stack._weights, slot)[name], value, atol=1e-5)
        for name, value in average.named_parameters():
            assert torch.allclose(held(stack, stack._average, slot)[name], value, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pass_is_that_of_the_loop(kind: str) -> None:
    """With as many batches as the member has, and the same loss on its validation slice."""
    made = without_dropout(small(kind))
    starts = start_of(made, "QQQ"), start_of(made, "SPY", seed=1, fold=2)
    stack = filled(*starts)
    batches = [passes(stack, slot) for slot in (0, 1)]
    stack._launch()
    for slot, start in enumerate(starts):
        _, average, learned = by_the_loop(start, batches[slot])
        for name, value in average.named_parameters():
            assert torch.allclose(held(stack, stack._average, slot)[name], value, atol=1e-4)
        loss = loop._loss(average, start.validation, objective(start.member.experiment.event))
        assert float(stack._verdict[0, slot]) == pytest.approx(loss, abs=1e-5)
        assert float(stack._learned[0, slot] / stack._learned[1, slot]) == pytest.approx(learned, abs=1e-4)


@pytest.mark.parametrize("kind", ["hybrid", "sniper"])
def test_what_is_planted_is_found_as_well_as_by_the_loop(kind: str) -> None:
    """With dropout, whose masks differ: the mean over three seeds within 0.02 nats, where there is 0.1 to find."""
    made = small(kind, training={"epochs": 15, "learning_rate": 0.01, "batch_size": 128})
    loss = objective(made.event)

    def losses(starts: list[Start]) -> Tensor:
        models = [start.model for start in starts]
        assert all(isinstance(model, TrainedModel) for model in models)
        return torch.tensor([validation_loss(start) for start in starts])

    stacked, alone = ([start_of(made, seed=seed) for seed in range(3)] for _ in "12")
    first = losses(alone).mean()
    trained(stacked, slots=3)
    for start in alone:
        assert isinstance(start.model, TrainedModel)
        with reproducible(start.member.seed):
            fit(start.model, start.training, start.validation, start.spec, loss, epochs=start.epochs)
    assert losses(alone).mean() < first - 0.1
    assert abs(losses(stacked).mean() - losses(alone).mean()) < 0.02


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_slot_and_number_change_no_bit(kind: str, device: str) -> None:
    """Alone in the first slot, or in the last beside others; or after two others, when one of them makes room."""
    made = small(kind, training={"epochs": 3})
    alone, beside, later = (start_of(made, "QQQ", seed=3) for _ in "123")
    others = [start_of(made, ticker, seed, fold) for ticker, seed, fold in (("SPY", 1, 2), ("A", 2, 0), ("B", 3, 1))]
    shorter = dataclasses.replace(start_of(made, "C", seed=4), epochs=1)
    [ended] = trained([alone], 4, device)
    both = [trained([*others, beside], 4, device)[3], trained([*others, shorter, later], 4, device)[4]]
    assert [one.curve for one in both] == [ended.curve] * 2
    for start in (beside, later):
        assert all(torch.equal(value, state(start)[name]) for name, value in state(alone).items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_step_leaves_the_bits_of_an_eager_one(kind: str) -> None:
    made = small(kind, training={"epochs": 2})
    stacks = [filled(start_of(made), start_of(made, "SPY", seed=1), device="cuda") for _ in "12"]
    assert stacks[0]._train._graph is not None
    stacks[1]._train._graph = stacks[1]._judge._graph = None
    for stack in stacks:
        stack._launch()
    assert torch.equal(stacks[0]._weights, stacks[1]._weights)
    assert torch.equal(stacks[0]._verdict, stacks[1]._verdict)


class Asked(TorchDispatchMode):
    """Notes the operations that wait for a value of the device, or take one to it."""

    waits = ("_local_scalar_dense", "nonzero", "lift_fresh", "masked_select", "is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: OpOverload, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        self.seen.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_waits_for_nothing(kind: str) -> None:
    """No value goes between device and host within a pass: a GPU is never idle for one, and a recording holds all."""
    stack = filled(start_of(small(kind)))
    batch = first_pass(stack)[0]
    with Asked() as asked:
        stack._training_step(*batch)
        stack._judgement(batch.active, batch.active)
    assert "bmm" in asked.seen
    assert asked.seen.isdisjoint(Asked.waits)


def test_dropout_and_order_follow_the_seed() -> None:
    made = small("hybrid", training={"epochs": 1})
    first = start_of(made, seed=0)
    other = dataclasses.replace(
        first, member=dataclasses.replace(first.member, seed=1), model=copy.deepcopy(first.model)
    )
    trained([first, other], slots=2)
    assert not torch.equal(state(first)["embedding.weight"], state(other)["embedding.weight"])


def test_each_member_stops_when_its_own_patience_ends() -> None:
    """One that has something to learn goes on after one that has not; the best of each is kept."""
    made = small("hybrid", training={"epochs": 12, "patience": 2, "learning_rate": 0.01})
    knows, guesses = start_of(made, knowing=0.6), start_of(made, "SPY", knowing=0.0)
    before = [validation_loss(start) for start in (knows, guesses)]
    long, short = trained([knows, guesses], slots=4)
    assert short.curve.passes < long.curve.passes
    after = [validation_loss(start) for start in (knows, guesses)]
    assert after[0] < before[0] - 0.05
    assert after[1] <= before[1] + 1e-6


SCRIPTS = {
    "stops": [1.0, 0.9, 0.8, 0.85, 0.8, 0.7],
    "goes on": [1.0, 0.9, 0.8, 0.7, 0.6, 0.5],
    "never gains": [0.5, 0.6, 0.7, 0.4, 0.3, 0.2],
    "diverges": [1.0, 0.9, float("nan"), 0.1, 0.1, 0.1],
}


def test_from_the_same_losses_come_the_decisions_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """When to stop, what to keep and when to give up, with losses from a script for each member."""
    made = small("v17", training={"epochs": 5, "patience": 2})
    starts = [start_of(made) for _ in SCRIPTS]
    stack, averages, losses = filled(*starts), list[Tensor](), Stack._losses

    def scripted(self: Stack, rows: Tensor, batch: WindowSet, keys: dict[str, Tensor] | None) -> Tensor:
        if keys is not None:
            return losses(self, rows, batch, keys)
        averages.append(rows.clone())
        return torch.tensor([script[len(averages) - 1] for script in SCRIPTS.values()])

    monkeypatch.setattr(Stack, "_losses", scripted)
    ended = {}
    while stack.members:
        ended |= {one.start: one for one in stack.turn()}
    for slot, (start, script) in enumerate(zip(starts, SCRIPTS.values(), strict=True)):
        monkeypatch.setattr(loop, "_loss", Script(script))
        epochs, error = fitted(start_of(made))
        assert str(ended[start].error or "") == error
        assert ended[start].curve.passes == epochs or error
        assert ended[start].curve.validation == pytest.approx(script[: epochs + 1]) or error
        best = script.index(min(script[: epochs + 1]))
        kept = held(stack, averages[best], slot)
        assert error or all(torch.equal(value, state(start)[name]) for name, value in kept.items())


class Script:
    """Says one loss after the other."""

    def __init__(self, losses: list[float]) -> None:
        self._losses = iter(losses)

    def __call__(self, *_: object) -> float:
        return next(self._losses)


def fitted(start: Start) -> tuple[int, str]:
    """The passes that the loop makes, and what it raises."""
    assert isinstance(start.model, TrainedModel)
    try:
        curve = fit(start.model, start.training, start.validation, start.spec, objective(None), epochs=start.epochs)
    except DivergedError as error:
        return 0, str(error)
    return curve.passes, ""


def poisoned(start: Start) -> Start:
    """A member whose labels are infinite."""
    return dataclasses.replace(
        start,
        training=dataclasses.replace(start.training, targets=torch.full_like(start.training.targets, torch.inf)),
    )


@pytest.mark.parametrize("kind", ["hybrid", "sniper", "v17"])
def test_one_that_diverges_ends_alone(kind: str) -> None:
    made = small(kind)
    healthy, beside = start_of(made), start_of(made)
    trained([healthy], slots=4)
    bad, good = trained([poisoned(start_of(made, "SPY")), beside], slots=4)
    assert isinstance(bad.error, DivergedError)
    assert (bad.curve.passes, good.error) == (1, None)
    assert all(torch.equal(value, state(beside)[name]) for name, value in state(healthy).items())


def test_a_gradient_is_clipped_by_its_own_length() -> None:
    """A neighbour with labels a hundred times as large takes nothing from a member's step."""
    made = without_dropout(with_architecture(small("hybrid"), width=8))
    loud = start_of(made, "SPY")
    loud = dataclasses.replace(loud, training=dataclasses.replace(loud.training, targets=loud.training.targets * 100))
    alone, beside = filled(start_of(made)), filled(start_of(made), loud)
    for stack in (alone, beside):
        stack._launch()
    assert torch.equal(alone._weights[0], beside._weights[0])
