"""The naive rivals, fitted in the same folds through the same interface as the networks."""

import torch
from torch import Tensor

from alpha_pipeline.models.architectures import (
    ExpandingMeanArchitecture,
    LastValueArchitecture,
    RidgeArchitecture,
)
from alpha_pipeline.models.contract import ClosedFormModel, Prediction, WindowSet, student_t_scale
from alpha_pipeline.models.linear import ridge


class ExpandingMean(ClosedFormModel):
    """Forecasts the mean of every label known so far, whatever the window holds.

    Args:
        architecture: the experiment's values.
        horizons: H.
    """

    mean: Tensor
    log_scale: Tensor
    degrees_of_freedom: Tensor

    def __init__(self, architecture: ExpandingMeanArchitecture, horizons: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(horizons))
        self.register_buffer("log_scale", torch.zeros(horizons))
        self.register_buffer("degrees_of_freedom", torch.full((horizons,), architecture.degrees_of_freedom))

    def fit(self, training: WindowSet, validation: WindowSet) -> None:
        """Mean and Student-t scale of all targets."""
        targets = torch.cat((training.targets, validation.targets)).double()  # (N, H)
        mean = targets.mean(dim=0)
        self.mean.copy_(mean)
        self.log_scale.copy_(student_t_scale(targets - mean, float(self.degrees_of_freedom[0])).log())

    def forward(self, windows: Tensor) -> Prediction:
        """The same for every window (B, T, F)."""
        shape = (windows.shape[0], len(self.mean))
        return Prediction(self.mean.expand(shape), self.log_scale.expand(shape), self.degrees_of_freedom)


class LastValue(ClosedFormModel):
    """Forecasts no change, whatever the window holds: the random walk, which is the rival of every volatility model.

    Args:
        architecture: the experiment's values.
        horizons: H.
    """

    log_scale: Tensor
    degrees_of_freedom: Tensor

    def __init__(self, architecture: LastValueArchitecture, horizons: int) -> None:
        super().__init__()
        self.register_buffer("log_scale", torch.zeros(horizons))
        self.register_buffer("degrees_of_freedom", torch.full((horizons,), architecture.degrees_of_freedom))

    def fit(self, training: WindowSet, validation: WindowSet) -> None:
        """Student-t scale of all targets around 0."""
        targets = torch.cat((training.targets, validation.targets)).double()  # (N, H)
        self.log_scale.copy_(student_t_scale(targets, float(self.degrees_of_freedom[0])).log())

    def forward(self, windows: Tensor) -> Prediction:
        """The same for every window (B, T, F)."""
        log_scale = self.log_scale.expand(windows.shape[0], len(self.log_scale))
        return Prediction(torch.zeros_like(log_scale), log_scale, self.degrees_of_freedom)


class Ridge(ClosedFormModel):
    """Linear regression on the last session's standardised inputs, coefficients shrunk by a penalty.

    The penalty is chosen per horizon on the validation slice; then the fit is repeated on training and
    validation together. The intercept is not penalised.

    Args:
        architecture: the experiment's values.
        inputs: F.
        horizons: H.
    """

    weight: Tensor
    intercept: Tensor
    penalty: Tensor
    log_scale: Tensor
    degrees_of_freedom: Tensor

    def __init__(self, architecture: RidgeArchitecture, inputs: int, horizons: int) -> None:
        super().__init__()
        self.penalties = architecture.penalties
        self.register_buffer("weight", torch.zeros(horizons, inputs, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros(horizons, dtype=torch.float64))
        self.register_buffer("penalty", torch.zeros(horizons, dtype=torch.float64))
        self.register_buffer("log_scale", torch.zeros(horizons))
        self.register_buffer("degrees_of_freedom", torch.full((horizons,), architecture.degrees_of_freedom))

    def fit(self, training: WindowSet, validation: WindowSet) -> None:
        """Choose each horizon's penalty, then fit."""
        x, y = _last_rows(training.windows), training.targets.double()  # (N, F), (N, H)
        x_val, y_val = _last_rows(validation.windows), validation.targets.double()
        errors = []
        for penalty in self.penalties:
            weight, intercept = ridge(x, y, torch.full(y.shape[1:], penalty, dtype=torch.float64))
            errors.append(((y_val - x_val @ weight.T - intercept) ** 2).mean(dim=0))
        best = torch.stack(errors).argmin(dim=0)  # (H,)
        self.penalty.copy_(torch.tensor(self.penalties, dtype=torch.float64)[best])
        x, y = torch.cat((x, x_val)), torch.cat((y, y_val))
        weight, intercept = ridge(x, y, self.penalty)
        self.weight.copy_(weight)
        self.intercept.copy_(intercept)
        residuals = y - x @ weight.T - intercept
        self.log_scale.copy_(student_t_scale(residuals, float(self.degrees_of_freedom[0])).log())

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from standardised windows (B, T, F).

        A product and a sum per row, not a matrix product, whose last bit may depend on the batch's size.
        """
        products = windows[:, -1, None, :].double() * self.weight  # (B, H, F)
        location = (products.sum(dim=-1) + self.intercept).to(windows.dtype)  # (B, H)
        return Prediction(location, self.log_scale.expand_as(location), self.degrees_of_freedom)


def _last_rows(windows: Tensor) -> Tensor:
    return windows[:, -1].double()  # (N, F)
