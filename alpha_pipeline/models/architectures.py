"""What a model and its training can be told: one frozen value per architecture, read without torch.

`SECONDS_A_FOLD` is what a fold takes on two idle cores, from the table of `benchmarks.zoo`; progress is estimated by
it.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from alpha_pipeline.datasets.folds import SliceRule
from alpha_pipeline.datasets.inputs import Frozen

Rate = Annotated[float, Field(ge=0, lt=1)]


class HybridArchitecture(Frozen):
    """LSTM, then Transformer encoder layers, then a Student-t head (`models/hybrid.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 1.1
    kind: Literal["hybrid"]
    width: int = Field(default=32, ge=4, le=512, description="Hidden units of the LSTM and the encoder")
    lstm_layers: int = Field(default=1, ge=1, le=4)
    encoder_layers: int = Field(default=1, ge=1, le=6)
    heads: int = Field(default=4, ge=1, description="Attention heads; divides width")
    input_dropout: Rate = Field(default=0.3, description="Share of inputs hidden in training, for a whole window")
    head_dropout: Rate = Field(default=0.5, description="Share of features hidden from the head")
    linear_start: float | None = Field(
        default=None, gt=0, description="Penalty per sample of the regressions that the heads start from; null: none"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads must divide width, were {self.heads} and {self.width}")
        return self

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice."""
        return True


class V17Architecture(Frozen):
    """Raw bars, RevIN, KAN layers, Student-t head (`models/v17.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 0.3
    kind: Literal["v17"]
    width: int = Field(default=16, ge=2, le=512, description="Hidden units of the KAN")
    degree: int = Field(default=3, ge=1, le=12, description="Degree of the Chebyshev polynomials")
    revin: bool = Field(
        default=True,
        description="Normalise each window by its own statistics; otherwise by the training slice's",
    )
    kan: bool = Field(default=True, description="KAN layers; otherwise perceptrons with as many parameters")
    roughness_penalty: float = Field(default=1e-4, ge=0, description="On the bends of the KAN's edge functions")
    head_dropout: Rate = Field(default=0.5, description="Share of features hidden from the head")

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice: the model scales what it takes from the raw bars."""
        return False


class MatrixArchitecture(Frozen):
    """Raw bars of all tickers, attention over time, then over tickers, Student-t head (`models/matrix.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 14.0
    kind: Literal["matrix"]
    width: int = Field(default=32, ge=4, le=512, description="Hidden units")
    heads: int = Field(default=4, ge=1, description="Attention heads; divides width")
    patch: int = Field(default=4, ge=1, le=64, description="Sessions in a patch")
    head_dropout: Rate = Field(default=0.5, description="Share of features hidden from the head")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads must divide width, were {self.heads} and {self.width}")
        return self

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice: each window is by its own statistics."""
        return False


class _ClosedForm(Frozen):
    """What a fit in closed form has beside its own values."""

    degrees_of_freedom: float = Field(default=5.0, gt=2, description="Of the Student-t residual")

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice: then a value that is not known becomes 0."""
        return True


class RidgeArchitecture(_ClosedForm):
    """Ridge regression on the last row of the window (`models/baselines.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 0.07
    kind: Literal["ridge"]
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        min_length=1,
        description="Candidates, per training sample; the validation slice chooses",
    )


class LightGBMArchitecture(_ClosedForm):
    """Gradient-boosted trees on the last row of the window (`models/boosted.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 0.83
    kind: Literal["lightgbm"]
    learning_rate: float = Field(default=0.02, gt=0, le=1)
    leaves: int = Field(default=8, ge=2, le=256, description="Of each tree")
    fewest_in_leaf: int = Field(default=100, ge=1, description="Samples in a leaf")
    feature_share: float = Field(default=0.5, gt=0, le=1, description="Of the inputs, drawn for each tree")
    most_trees: int = Field(default=300, ge=1, description="The validation slice chooses how many")


class LastValueArchitecture(_ClosedForm):
    """No change: tomorrow's value is today's (`models/baselines.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 0.02
    kind: Literal["last_value"]


class ExpandingMeanArchitecture(_ClosedForm):
    """The mean of every label known so far (`models/baselines.py`)."""

    SECONDS_A_FOLD: ClassVar[float] = 0.026
    kind: Literal["expanding_mean"]


Architecture = Annotated[
    HybridArchitecture
    | V17Architecture
    | MatrixArchitecture
    | RidgeArchitecture
    | LightGBMArchitecture
    | ExpandingMeanArchitecture
    | LastValueArchitecture,
    Field(discriminator="kind"),
]


def is_trained(architecture: Architecture) -> bool:
    """Whether it is fitted by gradient descent, and can start from the weights of the fold before."""
    return isinstance(architecture, HybridArchitecture | V17Architecture | MatrixArchitecture)


def is_worth_a_worker(architecture: Architecture) -> bool:
    """Whether a fit takes longer than sending it to another process."""
    return is_trained(architecture) or isinstance(architecture, LightGBMArchitecture)


def is_shared(architecture: Architecture) -> bool:
    """Whether one model forecasts all tickers of the experiment together, and not one each."""
    return isinstance(architecture, MatrixArchitecture)


class TrainingSpec(Frozen):
    """How a model is fitted. The epochs and what follows concern gradient training only."""

    validation_sessions: int = Field(default=252, ge=20, description="Last labels kept from training")
    embargo_sessions: int = Field(default=5, ge=0, description="Between training and validation")
    minimum_samples: int = Field(default=500, ge=50, description="Fewest training samples of a fold")
    epochs: int = Field(default=20, ge=1, description="Most passes from scratch")
    warm_epochs: int = Field(default=8, ge=1, description="Most passes from the previous fold's weights")
    patience: int = Field(default=5, ge=1, description="Passes without a better validation loss before stopping")
    batch_size: int = Field(default=256, ge=8)
    learning_rate: float = Field(default=1e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    gradient_clip: float = Field(default=1.0, gt=0)
    warm_start: bool = Field(default=True, description="Start a fold from the weights of the one before")
    averaging: Rate = Field(default=0.98, description="Decay per step of the averaged weights; 0 averages none")

    @property
    def slice_rule(self) -> SliceRule:
        """How the labels before a fold are split."""
        return SliceRule(self.validation_sessions, self.embargo_sessions, self.minimum_samples)
