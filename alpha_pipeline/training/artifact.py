"""What training leaves behind: weights as safetensors, and a JSON card that says where they came from.

Nothing here executes code when it is read, and nothing here needs torch: a trainer that finds everything done
never imports it.
"""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from alpha_pipeline.errors import AlphaError

# Raise this when the same inputs would train to other weights or other forecasts: it is part of every model
# id.
CODE_VERSION: Final = "4"
_END_OF_CARD: Final = b"\n}"
_SEAL: Final = re.compile(rb',\n  "sealed": "([0-9a-f]{64})"\n}$')


class ArtifactError(AlphaError):
    """A stored artifact cannot be read."""

    def __init__(self, model_id: str, detail: str) -> None:
        self.detail = detail
        super().__init__(
            f"The artifact {model_id} cannot be used: {detail}. `alpha run` sets it aside and trains it again."
        )


class EventCard(BaseModel):
    """What the validation slice said about an event, per horizon.

    The threshold was chosen on these very sessions, so precision and lift flatter; `evaluation.scores` has those of
    the forecasts.

    Attributes:
        kind: ``bull`` or ``spike``.
        slopes: of the calibrated log odds.
        intercepts: likewise.
        thresholds: probability from which the model fires; 1 where it never does.
        base_rates: share of sessions with the event.
        precisions: share of fires with the event; None where it never fires.
        recalls: share of events with a fire; None without an event.
        coverages: share of sessions with a fire.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]
    thresholds: tuple[float, ...]
    base_rates: tuple[float, ...]
    precisions: tuple[float | None, ...]
    recalls: tuple[float | None, ...]
    coverages: tuple[float, ...]


class Card(BaseModel):
    """Where one member's weights came from and what they scored.

    Attributes:
        model_id: hash of everything that went in, known before training.
        experiment: its name.
        ticker: whose; ``*`` where it is that of all `tickers`.
        tickers: those that a shared model was trained on, in their order; empty for a model of one.
        seed: of the weights, the batches and the dropout.
        fold: index of the walk-forward fold.
        first_session: the fold's first forecast session.
        end_session: the next fold's first session.
        trained_through: the last session whose label was used.
        parent_id: the previous fold's member that the weights started from, if any.
        config_hash: of architecture, inputs, window, target and training.
        data_hash: of every value trained and validated on.
        code_version: `CODE_VERSION` when it was trained.
        libraries: versions by name.
        n_training: training samples; of a shared model sessions.
        n_validation: validation samples; likewise.
        epochs: passes made, E; 0 for a closed form.
        training_curve: loss of each pass while it trained, in nats of what was minimised, (E,); empty for a member that
            was trained before curves were kept.
        validation_curve: of the running average of the weights, at the start and after each pass, (E + 1,); the lowest
            was kept.
        validation_loss: negative log likelihood on the validation slice, in units of volatility.
        baseline_loss: the same for the training slice's unconditional distribution.
        spike_thresholds: probability of a spike from which one is flagged, per horizon; None for most
            tickers.
        event: what the validation slice said about the experiment's event, if it has one.
        resets: how often training diverged and began anew, more slowly.
        weights_sha256: of the safetensors bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str
    experiment: str
    ticker: str
    tickers: tuple[str, ...] = ()
    seed: int
    fold: int
    first_session: dt.date
    end_session: dt.date
    trained_through: dt.date
    parent_id: str | None
    config_hash: str
    data_hash: str
    code_version: str
    libraries: dict[str, str]
    n_training: int
    n_validation: int
    epochs: int
    training_curve: tuple[float, ...] = ()
    validation_curve: tuple[float, ...] = ()
    validation_loss: float
    baseline_loss: float
    spike_thresholds: tuple[float, ...] | None
    event: EventCard | None = None
    resets: int = 0
    weights_sha256: str

    def is_of(self, ticker: str) -> bool:
        """Whether the model forecasts this ticker, alone or among others."""
        return ticker == self.ticker or ticker in self.tickers


@dataclass(frozen=True)
class Artifact:
    """A card and the weights it describes.

    Attributes:
        card: where they came from.
        weights: safetensors bytes: the model's state, and ``scaler.mean`` and ``scaler.std`` where it has
            one.
    """

    card: Card
    weights: bytes

    @property
    def card_json(self) -> bytes:
        """The card as it is stored, UTF-8 JSON with the SHA-256 of all before it at its end."""
        return sealed_card(self.card.model_dump_json(indent=2).encode())

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """The weights by name.

        Raises:
            ArtifactError: the bytes are no safetensors.
        """
        try:
            return load_tensors(self.weights)
        except SafetensorError as error:
            raise ArtifactError(self.card.model_id, str(error)) from None


def encode_tensors(tensors: dict[str, npt.NDArray[np.generic]]) -> bytes:
    """Arrays as safetensors bytes; equal arrays give equal bytes."""
    return save_tensors({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)})


def sha256(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def sealed_card(plain: bytes) -> bytes:
    """A card's JSON with its seal; one that has a seal, or does not end as a card does, is left as it is."""
    if _SEAL.search(plain) or not plain.endswith(_END_OF_CARD):
        return plain
    seal = f',\n  "sealed": "{sha256(plain)}"'.encode()
    return plain.removesuffix(_END_OF_CARD) + seal + _END_OF_CARD


def plain_card(data: bytes) -> bytes:
    """The JSON of a stored card without its seal. Those of earlier versions may have none.

    Raises:
        ArtifactError: it is not what was stored.
    """
    seal = _SEAL.search(data)
    plain = data if seal is None else data[: seal.start()] + _END_OF_CARD
    if seal is not None and sha256(plain) != seal[1].decode():
        raise ArtifactError("(damaged card)", "its card is not what was stored")
    return plain


def read_card(data: bytes) -> Card:
    """A stored card.

    Raises:
        ArtifactError: it is malformed, or not what was stored.
    """
    try:
        return Card.model_validate_json(plain_card(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ArtifactError("(unreadable card)", f"its card is malformed at {where}: {first['msg']}") from None


def read_artifact(card_json: bytes, weights: bytes) -> Artifact:
    """An artifact from its two stored objects.

    Raises:
        ArtifactError: the card is malformed, or the weights are not those it describes.
    """
    card = read_card(card_json)
    if sha256(weights) != card.weights_sha256:
        raise ArtifactError(card.model_id, "the weights are not those its card describes")
    return Artifact(card, weights)
