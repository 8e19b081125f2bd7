"""The predictive head: a Student-t per horizon, because daily returns have heavier tails than a normal."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alpha_pipeline.models.contract import Prediction, student_t_scale

_START_DF = 5.0
_LEAST_DF = 2.1  # the variance exists


class StudentTHead(nn.Module):
    """Maps features (B, D) to location and log scale per horizon.

    The degrees of freedom are learned, one value per horizon.

    The weights start near zero and the biases at the training slice's mean and scale, so training starts from
    the expanding-mean baseline and has to earn every departure from it.

    Args:
        width: D.
        horizons: H.
        dropout: share of features hidden in training.
    """

    def __init__(self, width: int, horizons: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.location = nn.Linear(width, horizons)
        self.log_scale = nn.Linear(width, horizons)
        self.raw_df = nn.Parameter(torch.full((horizons,), math.log(math.expm1(_START_DF - _LEAST_DF))))
        nn.init.normal_(self.location.weight, std=1e-3)
        nn.init.normal_(self.log_scale.weight, std=1e-3)

    def start_from(self, targets: Tensor) -> None:
        """Set the biases to the mean and the scale of targets (N, H)."""
        mean = targets.mean(dim=0)
        with torch.no_grad():
            self.location.bias.copy_(mean)
            self.log_scale.bias.copy_(student_t_scale(targets - mean, _START_DF).log())

    def forward(self, features: Tensor) -> Prediction:
        """Distributions from features (B, D)."""
        kept = self.dropout(features)
        # A scale beyond e^±3 volatilities is never meant; the bound keeps one odd day from ending the
        # training.
        log_scale = self.log_scale(kept).clamp(-3.0, 3.0)  # (B, H)
        return Prediction(self.location(kept), log_scale, F.softplus(self.raw_df) + _LEAST_DF)
