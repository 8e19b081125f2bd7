"""Kolmogorov-Arnold layers: a learned function on every edge instead of a weight."""

import math

import torch
from torch import Tensor, nn


def chebyshev_basis(x: Tensor, degree: int) -> Tensor:
    """T_1 … T_degree of ``x`` in [-1, 1]: (…, I) to (…, I, degree).

    By the recurrence ``T_{k+1} = 2 x T_k - T_{k-1}``. T_0 is left out: it is the layer's bias.
    """
    terms = [torch.ones_like(x), x]
    for _ in range(degree - 1):
        terms.append(2 * x * terms[-1] - terms[-2])
    return torch.stack(terms[1:], dim=-1)


class ChebyshevKAN(nn.Module):
    """Each output is a sum over inputs of a learned polynomial.

    ``y_o = b_o + sum_i sum_k c_oik T_k(tanh(x_i))``, with T_k the Chebyshev polynomials.

    All edges are one matrix product of the basis with the coefficients, so a layer costs about what a linear
    layer of ``degree`` times its inputs does. Coefficients of degree k start ``1 / k`` as large as the linear
    ones: the layer starts smooth, and has to learn its bends.

    Sources: Liu et al., "KAN: Kolmogorov-Arnold networks", ICLR 2025; the Chebyshev basis after Sidharth
    et al., "Chebyshev polynomial-based Kolmogorov-Arnold networks", arXiv 2405.07200.

    Args:
        inputs: I.
        outputs: O.
        degree: of the polynomials.
    """

    def __init__(self, inputs: int, outputs: int, degree: int = 3) -> None:
        super().__init__()
        self.degree = degree
        damping = 1.0 / torch.arange(1, degree + 1)
        start = torch.randn(outputs, inputs, degree) * damping / math.sqrt(inputs)
        self.coefficients = nn.Parameter(start)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(…, I) to (…, O)."""
        basis = chebyshev_basis(torch.tanh(x), self.degree).flatten(-2)  # (…, I degree)
        return nn.functional.linear(basis, self.coefficients.flatten(1), self.bias)

    def edges(self, x: Tensor) -> Tensor:
        """The function of every edge at points (…, I): (…, O, I). With the bias, the sum over I is the output."""
        basis = chebyshev_basis(torch.tanh(x), self.degree)  # (…, I, degree)
        return torch.einsum("...ik,oik->...oi", basis, self.coefficients)

    def roughness(self) -> Tensor:
        """Mean over edges of ``sum_k k^4 c_k^2``: how sharply the edge functions bend, a scalar.

        T_k bends like k^2, so the term of degree k counts with the square of that. A straight edge counts least.

        Source: the smoothing spline's penalty on curvature (Wahba, "Spline models for observational data", SIAM
        1990), term by term.
        """
        degrees = torch.arange(1, self.degree + 1, device=self.coefficients.device)
        return (degrees**4 * self.coefficients**2).sum(dim=-1).mean()
