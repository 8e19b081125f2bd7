"""Losses of the gradient-trained models."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from alpha_pipeline.models.contract import Prediction, WindowSet
from alpha_pipeline.models.events import BullEvent, SpikeEvent

Objective = Callable[[Prediction, WindowSet], Tensor]


def student_t_nll(prediction: Prediction, targets: Tensor, shares: Tensor | None = None) -> Tensor:
    """Negative log likelihood of targets (B, H) under a Student-t, mean over batch and horizons, in nats.

    A proper score: it rewards the right location, scale and tail together. Its gradient in the location is
    bounded, so one crash does not turn the weights.

    Of a matrix, targets (B, N, H), it is the mean over the tickers that have a label.

    Args:
        prediction: of the batch.
        targets: (B, H), or (B, N, H) of a matrix.
        shares: of each row in the mean, (B,), of sum 1; None where all count alike.
    """
    if targets.ndim == 3:
        known = torch.isfinite(targets).all(dim=-1)  # (B, N)
        prediction = prediction._replace(location=prediction.location[known], log_scale=prediction.log_scale[known])
        targets = targets[known]  # (M, H)
    df = prediction.degrees_of_freedom
    z = (targets - prediction.location) * torch.exp(-prediction.log_scale)  # (B, H)
    constant = torch.lgamma(df / 2) - torch.lgamma((df + 1) / 2) + 0.5 * torch.log(df * math.pi)  # (H,)
    return _mean(constant + prediction.log_scale + 0.5 * (df + 1) * torch.log1p(z * z / df), shares)


def event_loss(
    event: BullEvent | SpikeEvent, log_odds: Tensor, happened: Tensor, shares: Tensor | None = None
) -> Tensor:
    """Weighted cross-entropy of an event, mean over batch and horizons, in nats.

    With the weights of `BullEvent` it bounds from above the Lagrangian of "catch as many as you can while the stated
    precision p holds": with multiplier m, ``(1 + m) * misses + m * p / (1 - p) * false alarms``. With equal weights it
    is the log loss.

    Weights alone would make the log odds dishonest by the log of their ratio. That much is added before the loss, so
    that the log odds stay those of the event, while the loss is steepest where firing just pays.

    Source: Eban et al., "Scalable learning of non-decomposable objectives", AISTATS 2017, with the logistic loss and a
    fixed multiplier.

    Args:
        event: whose costs.
        log_odds: (B, H).
        happened: (B, H), 0 or 1.
        shares: of each row in the mean, (B,), of sum 1; None where all count alike.
    """
    miss, false_alarm = event.miss_cost, event.false_alarm_cost
    shifted = log_odds + math.log(miss / false_alarm)
    misses = miss * happened * F.softplus(-shifted)
    false_alarms = false_alarm * (1 - happened) * F.softplus(shifted)
    return 2 * _mean(misses + false_alarms, shares) / (miss + false_alarm)


def _mean(losses: Tensor, shares: Tensor | None) -> Tensor:
    return losses.mean() if shares is None else (losses.mean(dim=-1) * shares).sum()


def objective(event: BullEvent | SpikeEvent | None) -> Objective:
    """What training minimises: the likelihood of the return, and the loss of the event where there is one."""

    def loss(prediction: Prediction, batch: WindowSet) -> Tensor:
        likelihood = student_t_nll(prediction, batch.targets, batch.shares)
        if event is None or prediction.event_logits is None or batch.happened is None:
            return likelihood
        return likelihood + event.weight * event_loss(event, prediction.event_logits, batch.happened, batch.shares)

    return loss
