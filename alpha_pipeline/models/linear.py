"""Linear models in closed form: a rival by themselves, and what a network's heads may start from."""

import torch
from torch import Tensor


def ridge(x: Tensor, y: Tensor, penalties: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (H, F) and intercepts (H,) that minimise the mean squared error plus penalty times |w|^2.

    Source: Hoerl and Kennard, "Ridge regression: biased estimation for nonorthogonal problems",
    Technometrics 12(1), 1970.

    Args:
        x: (N, F), double precision.
        y: (N, H).
        penalties: (H,), per sample; the intercept is not penalised.
    """
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    gram = (x - x_mean).T @ (x - x_mean) / len(x)  # (F, F)
    cross = (x - x_mean).T @ (y - y_mean) / len(x)  # (F, H)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    systems = gram + penalties[:, None, None] * eye  # (H, F, F)
    weight = torch.linalg.solve(systems, cross.T.unsqueeze(-1)).squeeze(-1)  # (H, F)
    return weight, y_mean - weight @ x_mean


def logistic(x: Tensor, happened: Tensor, penalties: Tensor, steps: int = 30) -> tuple[Tensor, Tensor]:
    """Weights (H, F) and intercepts (H,) that minimise the mean log loss plus penalty / 2 times |w|^2.

    By Newton's method, which is iteratively reweighted least squares.

    Args:
        x: (N, F), double precision.
        happened: (N, H), 0 or 1.
        penalties: (H,), per sample; the intercept is not penalised.
        steps: of Newton's method.
    """
    design = torch.cat((x, torch.ones_like(x[:, :1])), dim=1)  # (N, F + 1)
    columns = []
    for column, penalty in zip(happened.T, penalties, strict=True):
        rate = (column.sum() + 1) / (len(column) + 2)
        shrink = penalty.expand(design.shape[1]).clone()
        shrink[-1] = 0.0
        weights = torch.zeros_like(shrink)
        weights[-1] = torch.logit(rate)
        for _ in range(steps):
            probability = torch.sigmoid(design @ weights)
            slope = design.T @ (probability - column) / len(x) + shrink * weights
            spread = (probability * (1 - probability)).clamp_min(1e-6)
            curvature = (design * spread[:, None]).T @ design / len(x) + torch.diag(shrink)
            weights = weights - torch.linalg.solve(curvature, slope)
        columns.append(weights)
    found = torch.stack(columns)  # (H, F + 1)
    return found[:, :-1], found[:, -1]
