"""Gradient-boosted trees: what most practitioners would try first."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alpha_pipeline.datasets.samples import FloatArray
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.models.architectures import LightGBMArchitecture
from alpha_pipeline.models.contract import ClosedFormModel, Prediction, WindowSet, student_t_scale


class LightGBM(ClosedFormModel):
    """Boosted regression trees on the last session's inputs, one ensemble per horizon.

    The number of trees is chosen per horizon on the validation slice; then the fit is repeated with so many trees on
    training and validation together. The trees are kept as LightGBM's own text, so that the weights are plain data.

    Source: Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017.

    Args:
        architecture: the experiment's values.
        inputs: F.
        horizons: H.
    """

    text: Tensor
    ends: Tensor
    log_scale: Tensor
    degrees_of_freedom: Tensor

    def __init__(self, architecture: LightGBMArchitecture, inputs: int, horizons: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.inputs = inputs
        self.register_buffer("text", torch.zeros(0, dtype=torch.uint8))  # the ensembles, one after the other
        self.register_buffer("ends", torch.zeros(horizons, dtype=torch.int64))  # where each one's text ends
        self.register_buffer("log_scale", torch.zeros(horizons))
        self.register_buffer("degrees_of_freedom", torch.full((horizons,), architecture.degrees_of_freedom))
        self._boosters: list[Any] | None = None

    def fit(self, training: WindowSet, validation: WindowSet) -> None:
        """Choose each horizon's number of trees, then fit."""
        x, x_val = _last_rows(training.windows), _last_rows(validation.windows)
        y, y_val = _double(training.targets), _double(validation.targets)
        texts, residuals = [], []
        for column in range(y.shape[1]):
            trees = self._trees(x, y[:, column], x_val, y_val[:, column])
            whole, target = np.vstack((x, x_val)), np.concatenate((y[:, column], y_val[:, column]))
            booster = _library().train(self._options(), self._data(whole, target), trees)
            texts.append(booster.model_to_string().encode())
            residuals.append(target - booster.predict(whole))
        self.text = torch.frombuffer(bytearray(b"".join(texts)), dtype=torch.uint8)
        self.ends = torch.tensor(np.cumsum([len(text) for text in texts]))
        scale = student_t_scale(torch.tensor(np.column_stack(residuals)), float(self.degrees_of_freedom[0]))
        self.log_scale.copy_(scale.log())
        self._boosters = None

    def forward(self, windows: Tensor) -> Prediction:
        """Forecast from standardised windows (B, T, F)."""
        x = _last_rows(windows)
        columns = [booster.predict(x) for booster in self._loaded()]
        location = torch.tensor(np.column_stack(columns), dtype=windows.dtype, device=windows.device)  # (B, H)
        return Prediction(location, self.log_scale.expand_as(location), self.degrees_of_freedom)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:  # noqa: ANN401
        """Take text of any length: torch would refuse another than the fresh model's."""
        if (text := state_dict.get(f"{prefix}text")) is not None:
            self.text = torch.empty_like(text)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._boosters = None

    def _trees(self, x: FloatArray, y: FloatArray, x_val: FloatArray, y_val: FloatArray) -> int:
        library = _library()
        data = self._data(x, y)
        held_out = library.Dataset(x_val, y_val, reference=data, params=self._options(), free_raw_data=False)
        errors: dict[str, Any] = {}
        library.train(
            self._options(),
            data,
            self.architecture.most_trees,
            valid_sets=[held_out],
            callbacks=[library.record_evaluation(errors)],
        )
        return int(np.argmin(errors["valid_0"]["l2"])) + 1

    def _data(self, x: FloatArray, y: FloatArray) -> Any:  # noqa: ANN401 - LightGBM has no types
        return _library().Dataset(x, y, params=self._options(), free_raw_data=False)

    def _options(self) -> dict[str, object]:
        return {
            "objective": "regression",
            "learning_rate": self.architecture.learning_rate,
            "num_leaves": self.architecture.leaves,
            "min_data_in_leaf": self.architecture.fewest_in_leaf,
            "feature_fraction": self.architecture.feature_share,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _loaded(self) -> list[Any]:
        if self._boosters is None:
            data, ends = bytes(self.text.numpy()), [0, *self.ends.tolist()]
            pieces = [data[start:end].decode() for start, end in pairwise(ends)]
            self._boosters = [_library().Booster(model_str=piece) for piece in pieces]
        return self._boosters


def _library() -> Any:  # noqa: ANN401 - LightGBM has no types
    """LightGBM, loaded where it is used.

    Raises:
        AlphaError: the system lacks its one dependency.
    """
    try:
        import lightgbm  # noqa: PLC0415  a second to import
    except OSError as error:
        raise AlphaError(
            f"LightGBM cannot be loaded ({error}). It needs OpenMP: apt install libgomp1 on Debian and Ubuntu, "
            "brew install libomp on macOS."
        ) from None
    return lightgbm


def _last_rows(windows: Tensor) -> FloatArray:
    return _double(windows[:, -1])


def _double(tensor: Tensor) -> FloatArray:
    return tensor.double().cpu().numpy()
