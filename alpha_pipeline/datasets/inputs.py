"""What an experiment asks of its data: which inputs, how long a window, which horizons.

These values are part of every experiment file. They live here, below the models, because building samples
needs nothing else of an experiment.
"""

from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

FeatureSetName = Literal["technical", "price_action", "market_context", "volatility", "sector_context"]


class Frozen(BaseModel):
    """Part of an experiment file: never changed once read, and no key is overlooked."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FeatureInputs(Frozen):
    """The columns of one or more feature tables, standardised on each fold's training slice."""

    kind: Literal["features"]
    sets: tuple[FeatureSetName, ...] = Field(min_length=1)


class RawBarInputs(Frozen):
    """Adjusted bars: log open, high, low and close, and log(1 + volume)."""

    kind: Literal["raw_bars"]


Inputs = Annotated[FeatureInputs | RawBarInputs, Field(discriminator="kind")]


class Target(Frozen):
    """What is forecast: the forward log return over each horizon, in sessions."""

    horizons: tuple[Annotated[int, Field(ge=1, le=63)], ...] = Field(min_length=1)


class SampleRequest(Protocol):
    """The part of an experiment that samples are built from."""

    @property
    def name(self) -> str:
        """The experiment's name, for messages."""
        ...

    @property
    def inputs(self) -> FeatureInputs | RawBarInputs:
        """Which inputs."""
        ...

    @property
    def window(self) -> int:
        """Sessions in a window, the forecasting session included."""
        ...

    @property
    def target(self) -> Target:
        """Which horizons."""
        ...
