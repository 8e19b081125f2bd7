"""A model as a function of its state: the ordinary one, but for where its dropout comes from."""

import pytest
import torch
from torch.func import functional_call

from alpha_pipeline.training.losses import objective
from alpha_pipeline.training.stackable import CounterDropout, MemberLoss
from alpha_pipeline_tests.learning_world import TRAINED
from alpha_pipeline_tests.stack_world import small, start_of


@pytest.mark.parametrize("kind", [*TRAINED, "deep"])
def test_the_state_is_that_of_the_ordinary_model(kind: str) -> None:
    model = start_of(small(kind)).model
    stackable = MemberLoss(model, objective(None)).model
    assert {n: v.shape for n, v in stackable.state_dict().items()} == {
        n: v.shape for n, v in model.state_dict().items()
    }


@torch.no_grad()
@pytest.mark.parametrize("kind", [*TRAINED, "deep"])
def test_outside_training_the_loss_is_that_of_the_ordinary_model(kind: str) -> None:
    start = start_of(small(kind))
    loss = objective(start.member.experiment.event)
    batch = start.validation.whole()
    ordinary = loss(start.model.eval()(batch.windows), batch)
    assert float(MemberLoss(start.model, loss).eval()(batch)) == pytest.approx(float(ordinary), abs=1e-6)


def test_dropout_hides_the_stated_share_and_keeps_the_mean() -> None:
    hidden = CounterDropout(0.3)
    x = functional_call(hidden, {"key": torch.tensor(7)}, (torch.ones(200, 100),))
    assert float((x == 0).double().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(x.double().mean()) == pytest.approx(1, abs=0.015)
    assert torch.equal(hidden.eval()(x), x)


def test_a_mask_depends_on_its_own_key_only() -> None:
    hidden = CounterDropout(0.5)

    def masks(*keys: int) -> torch.Tensor:
        x = torch.ones(len(keys), 6, 5)
        return torch.vmap(lambda key, y: functional_call(hidden, {"key": key}, (y,)))(torch.tensor(keys), x)

    assert torch.equal(masks(3, 4)[1], masks(4, 9, 8)[0])
    assert not torch.equal(masks(3, 4)[0], masks(3, 4)[1])
