"""One thing to train: an experiment, a ticker, a seed and a fold, with the data it may see."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version

from alpha_pipeline.datasets.folds import TrainingData
from alpha_pipeline.datasets.matrix import MatrixTrainingData
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.training.artifact import CODE_VERSION, Artifact, ArtifactError

_LIBRARIES = ("torch", "numpy", "safetensors")


@dataclass(frozen=True)
class Member:
    """One model of one fold, not yet trained.

    Attributes:
        experiment: what to train.
        data: all that it may see.
        seed: of the weights, the batches and the dropout.
        parent_id: id of the previous fold's member, if the weights start from it.
    """

    experiment: Experiment
    data: TrainingData | MatrixTrainingData
    seed: int
    parent_id: str | None

    @cached_property
    def config_hash(self) -> str:
        """Hash of what in the experiment bears on the weights."""
        return config_hash(self.experiment)

    @cached_property
    def data_hash(self) -> str:
        """Hash of the data."""
        return self.data.digest()

    @cached_property
    def model_id(self) -> str:
        """Hash of everything that goes in, 20 hexadecimal digits. Known before training."""
        went_in = (
            self.config_hash,
            self.data_hash,
            self.seed,
            self.parent_id,
            libraries()["torch"],
            CODE_VERSION,
        )
        return hashlib.sha256(json.dumps(went_in).encode()).hexdigest()[:20]

    def require(self, artifact: Artifact) -> None:
        """Refuse an artifact that is not this member's, whatever its name says.

        Raises:
            ArtifactError: its card tells of another experiment, ticker, fold, seed or of other data.
        """
        card, data = artifact.card, self.data
        wanted = {
            "experiment": self.experiment.name,
            "ticker": data.ticker,
            "seed": self.seed,
            "first_session": data.fold.first_session,
            "trained_through": data.trained_through,
            "parent_id": self.parent_id,
            "config_hash": self.config_hash,
            "data_hash": self.data_hash,
            "code_version": CODE_VERSION,
        }
        for name, value in wanted.items():
            if getattr(card, name) != value:
                raise ArtifactError(self.model_id, f"its card has the {name} {getattr(card, name)} and not {value}")


@dataclass(frozen=True)
class Task:
    """A member and the artifact its weights start from: what a worker process is sent."""

    member: Member
    parent: Artifact | None


def config_hash(experiment: Experiment) -> str:
    """Hash of what in an experiment bears on the weights."""
    spec = experiment.model_dump(mode="json", exclude={"description", "tickers", "joins_added"})
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


@cache
def libraries() -> dict[str, str]:
    """Installed versions of what the weights depend on, without importing it."""
    return {name: version(name) for name in _LIBRARIES}
