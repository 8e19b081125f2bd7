"""The head of an event: its log odds per horizon."""

import torch
from torch import Tensor, nn


class EventHead(nn.Module):
    """Maps features (B, D) to log odds (B, H).

    The weights start near zero and the biases at the odds of the training slice, so training starts from the base
    rate and has to earn every departure from it.

    Args:
        width: D.
        horizons: H.
        dropout: share of features hidden in training.
    """

    def __init__(self, width: int, horizons: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.log_odds = nn.Linear(width, horizons)
        nn.init.normal_(self.log_odds.weight, std=1e-3)

    def start_from(self, happened: Tensor) -> None:
        """Set the biases to the log odds of events (N, H), each counted with one event and one other day more."""
        events = happened.sum(dim=0)
        with torch.no_grad():
            self.log_odds.bias.copy_(((events + 1) / (len(happened) - events + 1)).log())

    def forward(self, features: Tensor) -> Tensor:
        """Log odds from features (B, D)."""
        log_odds: Tensor = self.log_odds(self.dropout(features))
        return log_odds
