"""KAN: the basis against NumPy's Chebyshev polynomials, and the layer against its definition."""

import numpy as np
import torch
from numpy.polynomial import chebyshev

from alpha_pipeline.models.blocks.kan import ChebyshevKAN, chebyshev_basis


def test_the_basis_is_chebyshevs() -> None:
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    basis = chebyshev_basis(x, 6).numpy()
    for k in range(1, 7):
        np.testing.assert_allclose(basis[:, k - 1], chebyshev.chebval(x.numpy(), np.eye(7)[k]), atol=1e-12)


def test_the_basis_is_orthogonal_under_its_weight() -> None:
    nodes = torch.cos(torch.pi * (torch.arange(64, dtype=torch.float64) + 0.5) / 64)
    basis = chebyshev_basis(nodes, 5)
    torch.testing.assert_close(basis.T @ basis / 32, torch.eye(5, dtype=torch.float64))


def test_a_layer_sums_a_polynomial_per_edge() -> None:
    torch.manual_seed(0)
    layer = ChebyshevKAN(3, 2, degree=4).double()
    x = torch.randn(7, 3, dtype=torch.float64)
    expected = layer.bias.detach().numpy() + np.zeros((7, 2))
    for o in range(2):
        for i in range(3):
            series = np.append(0.0, layer.coefficients[o, i].detach().numpy())
            expected[:, o] += chebyshev.chebval(np.tanh(x[:, i].numpy()), series)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)


def test_the_edges_and_the_bias_sum_to_the_layer() -> None:
    torch.manual_seed(0)
    layer = ChebyshevKAN(3, 2, degree=4).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(7, 3, dtype=torch.float64)
    edges = layer.edges(x)
    assert edges.shape == (7, 2, 3)
    torch.testing.assert_close(edges.sum(dim=-1) + layer.bias, layer(x))


def test_a_layer_learns_a_bend_that_a_linear_one_cannot() -> None:
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 200)[:, None]
    y = torch.cos(4 * x)
    layer = ChebyshevKAN(1, 1, degree=6)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=100)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = ((layer(x) - y) ** 2).mean()
        value.backward()
        return value

    optimiser.step(loss)
    assert float(loss().detach()) < 1e-3 * float(y.var())
