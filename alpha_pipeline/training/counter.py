"""Random numbers of a stack: each is a hash of who asks for it, and of nothing that was drawn before.

A member's numbers depend on its key alone, so all members draw in one batched call, and none notices another. Keys
make keys: that of a seed those of its streams, that of a stream those of its steps.

Source: SplitMix64, Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with the
constants of Vigna's splitmix64.c. Draw i of key k is output i of that generator started from k. Multiplication of
int64 wraps around in torch, as it does for the unsigned numbers of the source.
"""

from typing import Final

import torch
from torch import Tensor

BATCHES: Final = 0  # stream of the order of the rows
DROPOUT: Final = 1  # stream of what dropout hides

_LAST: Final = 2**63 - 1
_DIGITS: Final = 24  # bits that single precision holds


def _signed(number: int) -> int:
    """The int64 of the same bits."""
    return number - 2**64 if number > _LAST else number


_GAMMA: Final = _signed(0x9E3779B97F4A7C15)
_FIRST: Final = _signed(0xBF58476D1CE4E5B9)
_SECOND: Final = _signed(0x94D049BB133111EB)


def draw(key: Tensor, counter: Tensor | int) -> Tensor:
    """64 random bits for each pair of a key and a counter, int64; the two broadcast."""
    x = key + (counter + 1) * _GAMMA if isinstance(counter, Tensor) else key + _wrapped((counter + 1) * _GAMMA)
    x = (x ^ _shifted(x, 30)) * _FIRST
    x = (x ^ _shifted(x, 27)) * _SECOND
    return x ^ _shifted(x, 31)


def _wrapped(number: int) -> int:
    return _signed(number % 2**64)


def _shifted(x: Tensor, by: int) -> Tensor:
    """Shifted to the right, zeros ahead: torch would repeat the sign."""
    return (x >> by) & (2 ** (64 - by) - 1)


def uniform(key: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each key: (…,) to (…, count), single precision."""
    bits = draw(key[..., None], torch.arange(count, device=key.device))
    return _shifted(bits, 64 - _DIGITS).float() * 2.0**-_DIGITS


def permutations(keys: Tensor, counts: Tensor, width: int) -> Tensor:
    """For each key, 0 … count - 1 in random order, and then the numbers up to `width`: (S,) to (S, width).

    Args:
        keys: (S,).
        counts: (S,), at most `width`. A member's order does not depend on `width`.
        width: columns.
    """
    places = torch.arange(width, device=keys.device)
    bits = draw(keys[:, None], places).masked_fill(places >= counts[:, None], _LAST)
    return bits.argsort(dim=1, stable=True)
