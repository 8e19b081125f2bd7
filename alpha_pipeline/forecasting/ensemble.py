"""The members that forecast one fold, restored: what they say of windows, whether a session had them or not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch

from alpha_pipeline.datasets.folds import Fold, TrainingData, training_data
from alpha_pipeline.datasets.samples import RAW_BAR_COLUMNS, FloatArray, IntArray, Samples, SingleArray
from alpha_pipeline.datasets.scaling import Scaler
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.walk_forward import calibrated, one_thread
from alpha_pipeline.models.contract import ClosedFormModel, Prediction, TrainedModel
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.weights import restore

CHUNK: Final = 256  # windows read at once


@dataclass(frozen=True)
class Reader:
    """One member, ready to read windows.

    Attributes:
        artifact: what it was restored from.
        model: in evaluation mode.
        scaler: of its inputs, where it has one.
    """

    artifact: Artifact
    model: TrainedModel | ClosedFormModel
    scaler: Scaler | None

    def windows(self, samples: Samples, rows: IntArray) -> SingleArray:
        """The windows that end in some rows, scaled as the model reads them, a copy (N, T, F)."""
        inputs = samples.inputs if self.scaler is None else self.scaler.apply(samples.inputs)
        views = np.lib.stride_tricks.sliding_window_view(inputs, samples.window, axis=0)  # (n - T + 1, F, T)
        return np.ascontiguousarray(views[rows - samples.window + 1].transpose(0, 2, 1))

    def read(self, windows: SingleArray) -> Prediction:
        """Distributions for windows (N, T, F), N at least 1."""
        with torch.inference_mode(), one_thread():
            parts = [self.model(chunk) for chunk in torch.split(torch.from_numpy(windows), CHUNK)]
        odds = [part.event_logits for part in parts if part.event_logits is not None]
        return Prediction(
            torch.cat([part.location for part in parts]),
            torch.cat([part.log_scale for part in parts]),
            parts[0].degrees_of_freedom,
            torch.cat(odds) if odds else None,
        )


class Outcome(NamedTuple):
    """What one member says of N windows."""

    location: FloatArray  # (N, H), expected return in units of volatility
    prob_event: FloatArray | None  # (N, H), where the experiment has an event


def outcome(reader: Reader, windows: SingleArray) -> Outcome:
    """Expected return and probability of the event for windows (N, T, F)."""
    said = reader.read(windows)
    odds = said.event_logits
    return Outcome(
        said.location.double().numpy(),
        None if odds is None else calibrated(odds.double().numpy(), reader.artifact),
    )


def readers(samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact]) -> tuple[Reader, ...]:
    """The members of one fold in the order of their seeds.

    Raises:
        NotEnoughDataError: there is none.
        ValueError: they are of several folds.
        ArtifactError: the weights do not fit the experiment.
    """
    ordered = sorted(artifacts, key=lambda artifact: artifact.card.seed)
    if not ordered:
        raise NotEnoughDataError(f"{samples.ticker}: {experiment.name} has no trained model to explain")
    if len({artifact.card.first_session for artifact in ordered}) > 1:
        raise ValueError("the members are of several folds; a forecast is made by those of one")
    restored = ((artifact, restore(experiment, artifact, len(samples.columns))) for artifact in ordered)
    return tuple(Reader(artifact, *pair) for artifact, pair in restored)


def learned_from(samples: Samples, experiment: Experiment, artifact: Artifact) -> TrainingData:
    """The training and validation slices of a member's fold: nothing that was not known before it.

    Raises:
        NotEnoughDataError: the data held now are too few.
    """
    card = artifact.card
    fold = Fold(card.fold, card.first_session, card.end_session)
    return training_data(samples, fold, experiment.training.slice_rule)


def groups(columns: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Group -> places of its inputs: the feature tables, or the prices and the volume of raw bars.

    Args:
        columns: names of the inputs, as `Samples.columns`.
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(columns):
        found.setdefault(_group(name), []).append(place)
    return {name: tuple(places) for name, places in found.items()}


def _group(column: str) -> str:
    if column in RAW_BAR_COLUMNS:
        return "volume" if column == "log1p_volume" else "prices"
    return column.split(".", maxsplit=1)[0]
