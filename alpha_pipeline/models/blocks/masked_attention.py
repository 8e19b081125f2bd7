"""Attention to those that are there."""

import math

import torch
from torch import Tensor, nn


class MaskedAttention(nn.Module):
    """Queries attend to the keys that are there; a feed-forward network follows, each added and normalised (post-norm).

    A key that is not there has weight zero, exactly: whatever it holds, as long as it is finite, changes no bit.
    No dropout inside the attention: on a CPU it costs four times the attention itself.

    Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.

    Args:
        width: D.
        heads: divides D.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        # A key bias shifts every score of a query alike, and softmax forgets it.
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.attention_norm = nn.LayerNorm(width)
        self.output_norm = nn.LayerNorm(width)

    def forward(
        self, queries: Tensor, keys: Tensor, there: Tensor, bias: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the queries become, (B, Q, D), and how much each attends to each key, (B, heads, Q, K).

        Args:
            queries: (B, Q, D).
            keys: (B, K, D), finite.
            there: which keys a query may attend to, bool, (B, Q, K) or (B, 1, K); at least one for every query.
            bias: added to the scores, (B, heads, Q, K).
        """
        q, k, v = (self._split(layer(x)) for layer, x in ((self.query, queries), (self.key, keys), (self.value, keys)))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # (B, heads, Q, K)
        if bias is not None:
            scores = scores + bias
        weights = torch.softmax(scores.masked_fill(~there[:, None], -torch.inf), dim=-1)
        attended = (weights @ v).transpose(1, 2).flatten(2)  # (B, Q, D)
        x = self.attention_norm(queries + self.output(attended))
        return self.output_norm(x + self.feed_forward(x)), weights

    def _split(self, x: Tensor) -> Tensor:
        """(B, L, D) to (B, heads, L, D / heads)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)
