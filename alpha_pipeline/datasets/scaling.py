"""Standardisation of inputs, fitted on a training slice and stored with the weights."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

CLIP: Final = 5.0  # standard deviations
_SMALLEST_STD: Final = 1e-6


@dataclass(frozen=True)
class Scaler:
    """Location and scale of each input, float32 (F,)."""

    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]

    def apply(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Standardise (..., F), clip to ±`CLIP`, and put 0, the training mean, where a value is not known.

        Elementwise, so each value depends on itself alone.
        """
        scaled = np.clip((inputs - self.mean) / self.std, -CLIP, CLIP)
        return np.where(np.isnan(scaled), np.float32(0.0), scaled)


def fit_scaler(rows: npt.NDArray[np.float32]) -> Scaler:
    """Mean and standard deviation of each column of (n, F), over the values that are known.

    A column that is constant or never known gets scale 1, so that it becomes 0 and not infinity.
    """
    known = np.isfinite(rows)
    count = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, rows, 0.0).astype(np.float64)
    mean = values.sum(axis=0) / count
    variance = (np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / count
    std = np.sqrt(variance)
    std = np.where(std < _SMALLEST_STD * np.maximum(np.abs(mean), 1.0), 1.0, std)
    return Scaler(mean.astype(np.float32), std.astype(np.float32))
