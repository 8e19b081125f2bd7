"""Transformer encoder layers, in full and for the last position only."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, each added to its input and normalised (post-norm).

    No dropout inside the attention: on a CPU it costs four times the attention itself.

    `forward` returns every position, `last` the last one only, equal up to rounding. A forecast needs just
    that one, so the last layer of a stack asks for it alone: its one query is taken into the space of the
    inputs (``q·(W_k h) = (W_k' q)·h``), and no key or value of the T sessions is ever computed.

    Source: Vaswani et al., "Attention is all you need", NeurIPS 2017.

    Args:
        width: D.
        heads: divides D.
        hidden: width of the feed-forward network; 2 D when None.
    """

    def __init__(self, width: int, heads: int, hidden: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        # A key bias shifts every score of a query alike, and softmax forgets it.
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, hidden or 2 * width), nn.GELU(), nn.Linear(hidden or 2 * width, width)
        )
        self.attention_norm = nn.LayerNorm(width)
        self.output_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """All positions attend to all: (B, T, D) to (B, T, D)."""
        B, T, D = x.shape
        split = (B, T, self.heads, D // self.heads)
        q, k, v = (layer(x).view(split).transpose(1, 2) for layer in (self.query, self.key, self.value))
        attended = F.scaled_dot_product_attention(q, k, v)  # (B, heads, T, D / heads)
        return self._finish(x, attended.transpose(1, 2).reshape(B, T, D))

    def last(self, x: Tensor) -> Tensor:
        """The last position attends to all: (B, T, D) to (B, D)."""
        mixed = self.attention(x) @ x  # (B, heads, D), each head's weighted mean of the sessions
        per_head = self.value.weight.view(self.heads, -1, x.shape[-1])  # (heads, D / heads, D)
        attended = torch.einsum("bhd,hed->bhe", mixed, per_head).flatten(1) + self.value.bias  # (B, D)
        return self._finish(x[:, -1], attended)

    def attention(self, x: Tensor) -> Tensor:
        """How much the last position attends to each: (B, T, D) to (B, heads, T), summing to 1 over T."""
        B, _, D = x.shape
        q = self.query(x[:, -1]).view(B, self.heads, D // self.heads)  # (B, heads, D / heads)
        per_head = self.key.weight.view(self.heads, -1, D)  # (heads, D / heads, D)
        q = torch.einsum("bhe,hed->bhd", q, per_head) / math.sqrt(D // self.heads)  # (B, heads, D)
        return torch.softmax(q @ x.transpose(1, 2), dim=-1)  # (B, heads, T)

    def _finish(self, x: Tensor, attended: Tensor) -> Tensor:
        x = self.attention_norm(x + self.output(attended))
        return self.output_norm(x + self.feed_forward(x))
