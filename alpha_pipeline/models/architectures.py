"""What a model and its training can be told: one frozen value per architecture, read without torch."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alpha_pipeline.datasets.folds import SliceRule

Rate = Annotated[float, Field(ge=0, lt=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HybridArchitecture(_Frozen):
    """LSTM, then Transformer encoder layers, then a Student-t head (`models/hybrid.py`)."""

    kind: Literal["hybrid"]
    width: int = Field(default=32, ge=4, le=512, description="Hidden units of the LSTM and the encoder")
    lstm_layers: int = Field(default=1, ge=1, le=4)
    encoder_layers: int = Field(default=1, ge=1, le=6)
    heads: int = Field(default=4, ge=1, description="Attention heads; divides width")
    input_dropout: Rate = Field(default=0.3, description="Share of inputs hidden in training, for a whole window")
    head_dropout: Rate = Field(default=0.5, description="Share of features hidden from the head")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"heads must divide width, were {self.heads} and {self.width}")
        return self

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice."""
        return True


class V17Architecture(_Frozen):
    """Raw bars, RevIN, KAN layers, Student-t head (`models/v17.py`)."""

    kind: Literal["v17"]
    width: int = Field(default=16, ge=2, le=512, description="Hidden units of the KAN")
    degree: int = Field(default=3, ge=1, le=12, description="Degree of the Chebyshev polynomials")
    revin: bool = Field(default=True, description="Normalise each window by its own statistics")
    head_dropout: Rate = Field(default=0.5, description="Share of features hidden from the head")

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice: only where RevIN does not."""
        return not self.revin


class RidgeArchitecture(_Frozen):
    """Ridge regression on the last row of the window (`models/baselines.py`)."""

    kind: Literal["ridge"]
    penalties: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        default=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        min_length=1,
        description="Candidates, per training sample; the validation slice chooses",
    )
    degrees_of_freedom: float = Field(default=5.0, gt=2, description="Of the Student-t residual")

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice."""
        return True


class ExpandingMeanArchitecture(_Frozen):
    """The mean of every label known so far (`models/baselines.py`)."""

    kind: Literal["expanding_mean"]
    degrees_of_freedom: float = Field(default=5.0, gt=2, description="Of the Student-t residual")

    @property
    def standardises(self) -> bool:
        """Whether inputs are standardised on the training slice; this model reads none."""
        return True


Architecture = Annotated[
    HybridArchitecture | V17Architecture | RidgeArchitecture | ExpandingMeanArchitecture,
    Field(discriminator="kind"),
]


def is_warm_started(architecture: Architecture) -> bool:
    """Whether a fold starts from the weights of the one before; a closed form has no use for them."""
    return isinstance(architecture, HybridArchitecture | V17Architecture)


class TrainingSpec(_Frozen):
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
    averaging: Rate = Field(default=0.98, description="Decay per step of the averaged weights; 0 averages none")

    @property
    def slice_rule(self) -> SliceRule:
        """How the labels before a fold are split."""
        return SliceRule(self.validation_sessions, self.embargo_sessions, self.minimum_samples)
