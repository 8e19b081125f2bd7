"""The optimiser of a stack: for each member that of torch, with a clipping and a count of its own."""

import pytest
import torch
from torch import Tensor, nn

from alpha_pipeline.models.architectures import TrainingSpec
from alpha_pipeline.training.stacked_adamw import StackedAdamW

SPEC = TrainingSpec(gradient_clip=1.0, weight_decay=0.1)
RATES = (1e-3, 1e-2, 1e-1)


def torchs(row: Tensor, gradients: list[Tensor], rate: float) -> Tensor:
    """One member by itself."""
    parameter = nn.Parameter(row.clone())
    optimiser = torch.optim.AdamW([parameter], lr=rate, weight_decay=SPEC.weight_decay)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        nn.utils.clip_grad_norm_([parameter], SPEC.gradient_clip)
        optimiser.step()
    return parameter.detach()


def test_each_member_steps_as_by_itself() -> None:
    """One gradient is clipped, one is not, and one member sits a step out."""
    torch.manual_seed(0)
    start = torch.randn(3, 20)
    gradients = torch.randn(4, 3, 20) * torch.tensor([100.0, 0.1, 1.0])[:, None]
    active = torch.ones(4, 3, dtype=torch.bool)
    active[1, 2] = False
    held = start.clone()
    stacked = StackedAdamW(held, SPEC)
    for slot, rate in enumerate(RATES):
        stacked.restart(slot, rate)
    for gradient, moves in zip(gradients, active, strict=True):
        before = held.clone()
        stacked.step(gradient, moves)
        assert torch.equal(held[~moves], before[~moves])
    for slot, rate in enumerate(RATES):
        alone = torchs(start[slot], list(gradients[active[:, slot], slot]), rate)
        assert torch.allclose(held[slot], alone, atol=1e-6)
    assert stacked.steps.tolist() == [4, 4, 3]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_hurts_its_own_member_only(bad: float) -> None:
    start, gradient = torch.ones(2, 5), torch.ones(2, 5)
    both, one = start.clone(), start.clone()
    stacked, alone = StackedAdamW(both, SPEC), StackedAdamW(one, SPEC)
    for optimiser in (stacked, alone):
        optimiser.restart(0, 0.1)
    alone.step(gradient, torch.tensor([True, False]))
    gradient[1] = bad
    stacked.step(gradient, torch.tensor([True, True]))
    assert torch.equal(both[0], one[0])
    assert not both[1].isfinite().all()


def test_a_new_member_inherits_nothing() -> None:
    used, fresh = torch.ones(1, 5), torch.ones(1, 5)
    stacked = StackedAdamW(used, SPEC)
    stacked.restart(0, 0.5)
    stacked.step(torch.full((1, 5), 3.0), torch.tensor([True]))
    used.fill_(1.0)
    new = StackedAdamW(fresh, SPEC)
    for optimiser in (stacked, new):
        optimiser.restart(0, 0.1)
        optimiser.step(torch.full((1, 5), -0.2), torch.tensor([True]))
    assert torch.equal(used, fresh)
