"""Losses of the gradient-trained models."""

import math

import torch
from torch import Tensor

from alpha_pipeline.models.contract import Prediction


def student_t_nll(prediction: Prediction, targets: Tensor) -> Tensor:
    """Negative log likelihood of targets (B, H) under a Student-t, mean over batch and horizons, in nats.

    A proper score: it rewards the right location, scale and tail together. Its gradient in the location is
    bounded, so one crash does not turn the weights.
    """
    df = prediction.degrees_of_freedom
    z = (targets - prediction.location) * torch.exp(-prediction.log_scale)  # (B, H)
    constant = torch.lgamma(df / 2) - torch.lgamma((df + 1) / 2) + 0.5 * torch.log(df * math.pi)  # (H,)
    return (constant + prediction.log_scale + 0.5 * (df + 1) * torch.log1p(z * z / df)).mean()
