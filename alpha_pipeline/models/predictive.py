"""Probabilities from a Student-t forecast, on NumPy arrays in double precision."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]

# A spike is a change of more than +10 %.
SPIKE_LOG_RETURN: Final = math.log(1.1)
SPIKE_TICKERS: Final = frozenset({"^VIX", "UVXY"})


def prob_above(threshold: FloatArray | float, location: FloatArray, scale: FloatArray, df: FloatArray) -> FloatArray:
    """P(return > threshold), elementwise over (N, H); `df` is (H,).

    Threshold, location and scale are in one unit.
    """
    above: FloatArray = stats.t.sf((threshold - location) / scale, df)
    return above


def quantile(probability: float, location: FloatArray, scale: FloatArray, df: FloatArray) -> FloatArray:
    """The value that a return stays below with a probability, elementwise over (N, H); `df` is (H,)."""
    below: FloatArray = location + scale * stats.t.ppf(probability, df)
    return below


def standard_deviation(scale: FloatArray, df: FloatArray) -> FloatArray:
    """Standard deviation of a Student-t of this scale; `df` above 2."""
    return scale * np.sqrt(df / (df - 2))


def flagging_threshold(probabilities: FloatArray, base_rate: float) -> float:
    """The probability that as large a share of `probabilities` (N,) exceeds as spikes have occurred.

    Neither cries wolf more often than there are wolves, nor less.
    """
    return float(np.quantile(probabilities, 1.0 - base_rate))
