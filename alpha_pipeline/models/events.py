"""Events: moves so large that their probability is forecast on its own, beside the distribution of the return.

A Student-t fitted to every day says little about its tail. An event has a head, a loss and a calibration of its own.
"""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from alpha_pipeline.datasets.inputs import Frozen
from alpha_pipeline.datasets.samples import FloatArray


class BullEvent(Frozen):
    """A rise by more than a multiple of the ticker's own volatility.

    It is learned for precision: the weight of a false alarm against a miss follows from the stated precision
    (`alpha_pipeline.training.losses`), and the model fires from the probability at which the validation slice shows
    that precision.
    """

    kind: Literal["bull"]
    move: float = Field(default=0.5, gt=0, description="In units of the ticker's volatility over the horizon")
    precision: float = Field(default=0.4, gt=0, lt=1, description="Stated: shown by validation where it fires")
    multiplier: float = Field(default=4.0, gt=0, description="How much the stated precision weighs in the loss")
    weight: float = Field(default=1.0, gt=0, description="Of the event's loss beside that of the return")

    @property
    def miss_cost(self) -> float:
        """Weight of a bull move in the loss."""
        return 1.0 + self.multiplier

    @property
    def false_alarm_cost(self) -> float:
        """Weight of any other session in the loss."""
        return self.multiplier * self.precision / (1.0 - self.precision)

    def log_return(self, unit: FloatArray) -> FloatArray:
        """The log return that a bull move exceeds, (n, H).

        Args:
            unit: volatility times the root of the horizon, log return, (n, H).
        """
        return self.move * unit


class SpikeEvent(Frozen):
    """A rise by more than a fixed share, whatever the volatility: what the exit rule asks of ^VIX.

    Misses and false alarms weigh alike, so that the probability is honest; the model flags as large a share of
    sessions as spiked in training.
    """

    kind: Literal["spike"]
    rise: float = Field(default=0.1, gt=0, description="Simple return over the horizon")
    weight: float = Field(default=1.0, gt=0, description="Of the event's loss beside that of the return")

    @property
    def miss_cost(self) -> float:
        """Weight of a spike in the loss."""
        return 1.0

    @property
    def false_alarm_cost(self) -> float:
        """Weight of any other session in the loss."""
        return 1.0

    def log_return(self, unit: FloatArray) -> FloatArray:
        """The log return that a spike exceeds, (n, H).

        Args:
            unit: volatility times the root of the horizon, log return, (n, H); only its shape counts.
        """
        return np.full(unit.shape, math.log1p(self.rise))


Event = Annotated[BullEvent | SpikeEvent, Field(discriminator="kind")]
