"""RevIN: an exact inverse, constant windows, and no memory between calls."""

import pytest
import torch

from alpha_pipeline.models.blocks.revin import RevIN


@pytest.fixture
def revin() -> RevIN:
    torch.manual_seed(0)
    block = RevIN(3)
    torch.nn.init.normal_(block.log_gain)
    assert isinstance(block.bias, torch.nn.Parameter)
    torch.nn.init.normal_(block.bias)
    return block


def test_denormalise_inverts_normalise(revin: RevIN) -> None:
    x = 100 + 7 * torch.randn(5, 20, 3)
    z, stats = revin.normalise(x)
    torch.testing.assert_close(revin.denormalise(z, stats), x, rtol=1e-5, atol=1e-3)


def test_statistics_belong_to_the_call(revin: RevIN) -> None:
    a, b = torch.randn(2, 20, 3), 500 + torch.randn(2, 20, 3)
    z, stats = revin.normalise(a)
    revin.normalise(b)
    torch.testing.assert_close(revin.denormalise(z, stats), a, rtol=1e-4, atol=1e-4)


def test_a_window_is_standardised_by_itself() -> None:
    z, stats = RevIN(1).normalise(torch.tensor([[[1.0], [3.0]]]))
    torch.testing.assert_close(z.ravel(), torch.tensor([-1.0, 1.0]), rtol=1e-4, atol=0)
    assert stats.mean.item() == 2.0


def test_a_constant_window_is_zero_and_finite() -> None:
    z, stats = RevIN(2).normalise(torch.full((1, 10, 2), 42.0))
    assert (z == 0).all()
    assert (stats.std > 0).all()


def test_units_do_not_matter() -> None:
    block = RevIN(1, eps=1e-12)
    x = torch.randn(3, 30, 1)
    torch.testing.assert_close(block.normalise(x)[0], block.normalise(5 + 3 * x)[0], rtol=1e-3, atol=1e-4)


def test_without_a_bias_the_inverse_is_as_exact() -> None:
    block = RevIN(3, has_bias=False)
    torch.nn.init.normal_(block.log_gain)
    assert [name for name, _ in block.named_parameters()] == ["log_gain"]
    x = 100 + 7 * torch.randn(5, 20, 3)
    z, stats = block.normalise(x)
    torch.testing.assert_close(block.denormalise(z, stats), x, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("shape", [(20, 3), (5, 1, 3), (5, 20, 4)])
def test_a_wrong_shape_is_named(revin: RevIN, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="was"):
        revin.normalise(torch.zeros(shape))
