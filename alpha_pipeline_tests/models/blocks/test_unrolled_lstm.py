"""The unrolled LSTM: what `nn.LSTM` computes, with the same state and the same gradients, for many models at once."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from alpha_pipeline.models.blocks.unrolled_lstm import UnrolledLSTM

WEIGHTS = torch.linspace(-1, 1, 8, dtype=torch.float64)


def lstm(layers: int, seed: int = 0) -> nn.LSTM:
    torch.manual_seed(seed)
    return nn.LSTM(6, 8, num_layers=layers, batch_first=True).double()


def outcome(states: Tensor, parameters: list[Tensor]) -> list[Tensor]:
    """The states, and the gradients of a function of all of them."""
    return [states, *torch.autograd.grad((states.square() @ WEIGHTS).sum(), parameters)]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("window", [1, 2, 7])
def test_states_and_gradients_are_those_of_torch(layers: int, window: int) -> None:
    cells = lstm(layers)
    unrolled = UnrolledLSTM(cells)
    assert list(unrolled.state_dict()) == list(cells.state_dict())
    x = torch.randn(5, window, 6, dtype=torch.float64, requires_grad=True)
    expected = outcome(cells(x)[0], [x, *cells.parameters()])
    found = outcome(unrolled(x)[0], [x, *(dict(unrolled.named_parameters())[n] for n, _ in cells.named_parameters())])
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


def test_stacked_models_do_what_each_does_alone() -> None:
    models = [UnrolledLSTM(lstm(2, seed)) for seed in range(3)]
    state, _ = stack_module_state(models)
    x = torch.randn(3, 5, 7, 6, dtype=torch.float64)
    stacked = torch.vmap(lambda given, y: functional_call(models[0], given, (y,))[0])(state, x)
    names = list(state)
    found = outcome(stacked, [state[name] for name in names])
    for place, model in enumerate(models):
        expected = outcome(model(x[place])[0], [dict(model.named_parameters())[name] for name in names])
        for one, other in zip(expected, found, strict=True):
            assert torch.allclose(one, other[place], atol=1e-12)
