"""Named random streams: what one ticker draws does not depend on which others are simulated."""

import hashlib
import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for (seed, name), the same in every process (unlike Python's `hash`)."""
    return np.random.default_rng([seed, stable_number(name)])


def stable_number(name: str) -> int:
    """A 64-bit number that depends on the name only."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")


def student(seed: int, name: str, freedom: float, size: int) -> Array:
    """Student's t draws scaled to unit variance; shape (size,)."""
    return stream(seed, name).standard_t(freedom, size) * math.sqrt((freedom - 2) / freedom)


def student_halves(seed: int, name: str, freedom: float, n_sessions: int) -> Array:
    """Unit-variance draws for the night and the day of every session; shape (2, n_sessions)."""
    return np.stack([student(seed, f"{name} {half}", freedom, n_sessions) for half in ("overnight", "intraday")])


def student_mean_abs(freedom: float) -> float:
    """The mean absolute value of Student's t scaled to unit variance."""
    ratio = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    return 2 * math.sqrt(freedom - 2) * ratio / (math.sqrt(math.pi) * (freedom - 1))


def autoregress(innovations: Array, persistence: float) -> Array:
    """``x[t] = persistence * x[t-1] + innovations[t]`` along the last axis, from x[-1] = 0; same shape."""
    # It takes half a second to import, and every process that might read the simulated market would wait for it.
    from scipy.signal import lfilter  # noqa: PLC0415

    return np.asarray(lfilter([1.0], [1.0, -persistence], innovations, axis=-1), dtype=np.float64)
