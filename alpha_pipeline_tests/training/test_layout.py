"""Parameters as rows: there and back, and gradients with them."""

import torch
from torch import nn

from alpha_pipeline.training.layout import Layout


def test_rows_hold_each_members_parameters() -> None:
    torch.manual_seed(0)
    models = [nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5)) for _ in range(2)]
    layout = Layout(models[0])
    rows = torch.stack([layout.row(model.state_dict()) for model in models])  # (2, P)
    assert rows.shape == (2, layout.width)
    for row, model in zip(rows, models, strict=True):
        assert all(torch.equal(layout.parameters_of_one(row)[name], value) for name, value in model.named_parameters())
    assert {name: tuple(value.shape) for name, value in layout.parameters(rows).items()} == {
        "0.weight": (2, 5, 3),
        "0.bias": (2, 5),
        "1.weight": (2, 5),
        "1.bias": (2, 5),
    }


def test_gradients_come_back_as_rows_with_zeros_between() -> None:
    layout = Layout(nn.Linear(3, 5))
    rows = torch.zeros(2, layout.width, requires_grad=True)
    loss = sum(value.sum() * weight for weight, value in enumerate(layout.parameters(rows).values(), start=1))
    [gradient] = torch.autograd.grad(loss, rows)
    assert [gradient[0].eq(number).sum() for number in (1, 2, 0)] == [15, 5, layout.width - 20]


def test_every_parameter_of_every_member_is_aligned_alike() -> None:
    """Products of matrices choose their way by where these lie in memory."""
    layout = Layout(nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 1)))
    values = layout.parameters(torch.zeros(3, layout.width)).values()
    assert {value[slot].storage_offset() % 64 for value in values for slot in range(3)} == {0}
