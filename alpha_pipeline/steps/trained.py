"""What is trained of an experiment, told from the cards that are stored, without the data that it was trained on."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from alpha_pipeline.datasets.folds import walk_forward_folds
from alpha_pipeline.datasets.matrix import ALL
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import Profile
from alpha_pipeline.steps.training import courses, folder_of, load_artifact
from alpha_pipeline.training.artifact import CODE_VERSION, Artifact, ArtifactError, Card, read_card
from alpha_pipeline.training.member import config_hash, libraries
from alpha_pipeline.training.trainer import is_complete
from alpha_pipeline.warehouse.store import Warehouse


@dataclass(frozen=True)
class Census:
    """The members of an experiment that a profile wants, as far as one can tell without the data.

    That stored ones were trained on the very values that are held now is not looked at.

    Attributes:
        wanted: how many they are.
        held: how many of them are stored.
        doubtful: the tickers of whose newest fold a member is not stored; ``*`` for a shared model.
    """

    wanted: int
    held: int
    doubtful: tuple[str, ...]


def census(
    warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str], last: dt.date, profile: Profile
) -> Census:
    """Count the members of an experiment for sessions up to `last`; none before the first that is forecast."""
    try:
        folds = walk_forward_folds(last, retrain_months=profile.retrain_months)
    except NotEnoughDataError:
        return Census(0, 0, ())
    spans = [(fold.first_session, fold.end_session) for fold in folds]
    names = ([ALL] if tickers else []) if is_shared(experiment.architecture) else tickers
    wished = {(seed, *span) for seed in range(profile.seeds) for span in spans}
    wanted = held = 0
    doubtful = []
    for name in names:
        stored = _stored(warehouse, experiment, name) & wished
        # The folds of a chain are trained in order: one whose newest is stored lacks none, but the first may lack data.
        is_whole = all((seed, *spans[-1]) in stored for seed in range(profile.seeds))
        wanted += len(stored if is_whole else wished)
        held += len(stored)
        doubtful += [] if is_whole else [name]
    return Census(wanted, held, tuple(doubtful))


def is_anything_missing(
    warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str], last: dt.date, profile: Profile
) -> bool:
    """Whether training would train anything; reads data only where a newest fold is not stored, up to the first such.

    Args:
        warehouse: with features and targets.
        experiment: which.
        tickers: on which.
        last: the last session held.
        profile: seeds and retraining.
    """

    def load(name: str, ticker: str, model_id: str) -> Artifact | None:
        return load_artifact(warehouse, name, ticker, model_id)

    return any(
        not is_complete(chain, load)
        for name in census(warehouse, experiment, tickers, last, profile).doubtful
        for chain in courses(warehouse, experiment, tickers if name == ALL else [name], profile).chains
    )


def _stored(warehouse: Warehouse, experiment: Experiment, name: str) -> set[tuple[int, dt.date, dt.date]]:
    """(seed, first session, end) of every stored member that was trained as this code would train it."""
    same = (config_hash(experiment), CODE_VERSION, libraries()["torch"])
    keys = [key for key in warehouse.objects.list(folder_of(experiment.name, name)) if key.endswith(".json")]
    cards = [card for key in keys if (card := _card(warehouse.objects.get(key))) is not None]
    return {
        (card.seed, card.first_session, card.end_session)
        for card in cards
        if (card.config_hash, card.code_version, card.libraries.get("torch")) == same
    }


def _card(data: bytes | None) -> Card | None:
    """A stored card; a member whose card cannot be read is trained again."""
    try:
        return None if data is None else read_card(data)
    except ArtifactError:
        return None
