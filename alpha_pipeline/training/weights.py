"""Between a model and its artifact: build, encode, restore."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from alpha_pipeline.datasets.scaling import Scaler
from alpha_pipeline.models.contract import ClosedFormModel, TrainedModel
from alpha_pipeline.models.registry import build
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import Artifact, ArtifactError, encode_tensors
from alpha_pipeline.universe import is_index

_MODEL = "model."
_MEAN, _STD = "scaler.mean", "scaler.std"


def fresh_model(experiment: Experiment, ticker: str, inputs: int) -> TrainedModel | ClosedFormModel:
    """The experiment's model for a ticker with F = `inputs`, weights from torch's global generator."""
    return build(
        experiment.architecture,
        inputs=inputs,
        window=experiment.window,
        horizons=len(experiment.target.horizons),
        level_matters=is_index(ticker),
        has_event=experiment.event is not None,
    )


def encode(model: TrainedModel | ClosedFormModel, scaler: Scaler | None) -> bytes:
    """The model's state, and its scaler, as safetensors bytes."""
    tensors = {_MODEL + name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
    if scaler is not None:
        tensors |= {_MEAN: scaler.mean, _STD: scaler.std}
    return encode_tensors(tensors)


def load_into(model: TrainedModel | ClosedFormModel, artifact: Artifact) -> None:
    """Put an artifact's weights into a model of the same shape.

    Raises:
        ArtifactError: names or shapes differ.
    """
    state = {
        name.removeprefix(_MODEL): torch.from_numpy(value)
        for name, value in artifact.tensors().items()
        if name.startswith(_MODEL)
    }
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ArtifactError(artifact.card.model_id, str(error).splitlines()[-1].strip()) from None


def restore(
    experiment: Experiment, artifact: Artifact, inputs: int
) -> tuple[TrainedModel | ClosedFormModel, Scaler | None]:
    """The trained model, ready to forecast, and the scaler of its inputs.

    Raises:
        ArtifactError: the weights do not fit the experiment.
    """
    with torch.random.fork_rng(devices=[]):
        model = fresh_model(experiment, artifact.card.ticker, inputs)
    load_into(model, artifact)
    tensors = artifact.tensors()
    scaler = _scaler(tensors) if _MEAN in tensors else None
    return model.eval(), scaler


def _scaler(tensors: Mapping[str, npt.NDArray[np.generic]]) -> Scaler:
    return Scaler(tensors[_MEAN].astype(np.float32), tensors[_STD].astype(np.float32))
