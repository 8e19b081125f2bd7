"""Trains an experiment on tickers of the warehouse, and keeps what comes of it.

Weights and cards are objects: ``models/EXPERIMENT/TICKER/MODEL_ID.safetensors`` and ``.json``. The card is put
last, so an artifact whose card reads is whole. A model shared by all tickers of its experiment has ``*`` for a ticker.
"""

import datetime as dt
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import polars as pl

from alpha_pipeline.datasets.folds import FIRST_OUT_OF_SAMPLE, Fold, walk_forward_folds
from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.datasets.matrix import ALL, MatrixSamples, build_matrix
from alpha_pipeline.datasets.samples import Samples, build_samples
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.features.tables import FEATURE_SETS
from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import WORKER_SILENCE_S, Profile
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.training.artifact import Artifact, ArtifactError, plain_card, read_artifact
from alpha_pipeline.training.trainer import Chain, Progress, TrainingResult, train
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables.forecasts import FORWARD
from alpha_pipeline.warehouse.tables.raw import BARS


@dataclass(frozen=True)
class Courses:
    """What there is to train: one chain per ticker and seed, or per seed of a shared model.

    Attributes:
        samples: by ticker; tickers without enough data are in `failures` instead. A shared model's tickers have one
            matrix, which holds tickers beside those asked for.
        folds: the walk-forward folds up to the last session held.
        chains: for the trainer.
        failures: (ticker, why).
    """

    samples: dict[str, Samples | MatrixSamples]
    folds: tuple[Fold, ...]
    chains: tuple[Chain, ...]
    failures: tuple[tuple[str, str], ...]


def require_forecastable(warehouse: Warehouse, tickers: Sequence[str]) -> None:
    """Refuse to train on tickers whose bars all end before the first session that is forecast.

    Raises:
        NotEnoughDataError: they do.
    """
    held = span(warehouse.read(BARS, tickers, columns=["session"]))
    if held is not None and held[1] < FIRST_OUT_OF_SAMPLE:
        raise NotEnoughDataError(
            f"The bars end on {held[1]}, and what is forecast begins on {FIRST_OUT_OF_SAMPLE}: nothing to train."
        )


def courses(warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str], profile: Profile) -> Courses:
    """Gather what an experiment learns from on these tickers; for a shared model on all its tickers that are held."""
    gathered, failures = (_together if is_shared(experiment.architecture) else _alone)(warehouse, experiment, tickers)
    samples = {ticker: one for ticker, one in gathered.items() if one.sessions[-1] >= FIRST_OUT_OF_SAMPLE}
    failures += tuple(
        (ticker, f"{experiment.name}: its bars end on {one.sessions[-1]}, and {FIRST_OUT_OF_SAMPLE} is forecast first")
        for ticker, one in gathered.items()
        if ticker not in samples
    )
    if not samples:
        return Courses({}, (), (), failures)
    last = max(one.sessions[-1] for one in samples.values())
    folds = walk_forward_folds(last, retrain_months=profile.retrain_months)
    chains = tuple(
        Chain(experiment, one, seed, _folds_until(folds, one.sessions[-1]))
        for one in {one.ticker: one for one in samples.values()}.values()
        for seed in range(profile.seeds)
    )
    return Courses(samples, folds, chains, failures)


Gathered = tuple[dict[str, Samples | MatrixSamples], tuple[tuple[str, str], ...]]  # samples by ticker, failures


def _alone(warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str]) -> Gathered:
    """Each ticker's own samples."""
    samples: dict[str, Samples | MatrixSamples] = {}
    failures: list[tuple[str, str]] = []
    for ticker in tickers:
        try:
            samples[ticker] = ticker_samples(warehouse, experiment, ticker)
        except NotEnoughDataError as error:
            failures.append((ticker, str(error)))
    return samples, tuple(failures)


def _together(warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str]) -> Gathered:
    """The matrix of all tickers of the experiment that hold bars, in its order, for each ticker asked for."""
    held = set(warehouse.units(BARS)) if {*tickers} & {*experiment.tickers} else set()
    gathered, failures = _alone(warehouse, experiment, [ticker for ticker in experiment.tickers if ticker in held])
    own = [one for one in gathered.values() if isinstance(one, Samples)]
    samples: dict[str, Samples | MatrixSamples] = {}
    if own:
        matrix = build_matrix(own)
        samples = {ticker: matrix for ticker in tickers if ticker in matrix.tickers}
    nothing = f"{experiment.name}: it is none of the experiment's tickers, or no bars of it are held"
    why = dict(failures)
    return samples, tuple((ticker, why.get(ticker, nothing)) for ticker in tickers if ticker not in samples)


def train_experiment(
    warehouse: Warehouse,
    experiment: Experiment,
    tickers: Sequence[str],
    profile: Profile,
    *,
    device: str,
    progress: Callable[[Progress], None],
    silence: float = WORKER_SILENCE_S,
) -> TrainingResult:
    """Train what is missing of an experiment.

    Args:
        warehouse: with features and targets.
        experiment: what to train.
        tickers: on which.
        profile: seeds and retraining.
        device: `auto`, `cpu` or `cuda`, where members train as stacks.
        progress: told after every fold.
        silence: seconds after which a worker process that says nothing is replaced.

    Returns:
        The artifacts, and the tickers that failed with why.
    """
    todo = courses(warehouse, experiment, tickers, profile)
    result = train(
        todo.chains,
        load=lambda name, ticker, model_id: load_artifact(warehouse, name, ticker, model_id),
        save=lambda artifact: save_artifact(warehouse, artifact),
        workers=os.cpu_count() or 1,
        device=resolve_device(device),
        silence=silence,
        progress=progress,
    )
    result = _by_ticker(result, todo.samples)
    lacking = result.lacking.union(ticker for ticker, _ in todo.failures)
    return replace(result, failures=(*todo.failures, *result.failures), lacking=lacking)


def _by_ticker(result: TrainingResult, samples: Mapping[str, Samples | MatrixSamples]) -> TrainingResult:
    """A training's failures by ticker: those of a shared model are of all; who has no label in a fold lacks data."""
    of = {ALL: tuple(samples)}
    failures = [(ticker, why) for name, why in result.failures for ticker in of.get(name, (name,))]
    told = dict(failures)
    strangers = [
        ticker for ticker in samples if ticker not in told and not any(a.card.is_of(ticker) for a in result.artifacts)
    ]
    return replace(
        result,
        failures=(*failures, *((ticker, "too few of its labels are known for any fold") for ticker in strangers)),
        lacking=frozenset(strangers).union(*(of.get(name, (name,)) for name in result.lacking)),
    )


def ticker_samples(warehouse: Warehouse, experiment: Experiment, ticker: str) -> Samples:
    """One ticker's samples for an experiment.

    Raises:
        NotEnoughDataError: it has no bars, features or targets.
    """
    sets = experiment.inputs.sets if isinstance(experiment.inputs, FeatureInputs) else ()
    features: dict[str, pl.DataFrame] = {name: warehouse.read(FEATURE_SETS[name].table, [ticker]) for name in sets}
    targets = warehouse.read(FORWARD, [ticker])
    return build_samples(ticker, experiment, features, final_bars(warehouse, [ticker]), targets)


def resolve_device(name: str) -> str:
    """`cpu` or `cuda`; `auto` takes the GPU when there is one."""
    if name != "auto":
        return name
    import torch  # noqa: PLC0415  seconds to import, and a run that finds everything done need not know

    return "cuda" if torch.cuda.is_available() else "cpu"


def has_artifacts(warehouse: Warehouse, experiment: Experiment, ticker: str) -> bool:
    """Whether anything is stored of an experiment's models of a ticker, or of the one it shares with others."""
    name = ALL if is_shared(experiment.architecture) else ticker
    return bool(warehouse.objects.list(folder_of(experiment.name, name)))


def load_artifact(warehouse: Warehouse, experiment: str, ticker: str, model_id: str) -> Artifact | None:
    """A stored artifact, or None.

    Raises:
        ArtifactError: it is stored but cannot be read, or is another one.
    """
    stem = stem_of(experiment, ticker, model_id)
    card = warehouse.objects.get(f"{stem}.json")
    weights = warehouse.objects.get(f"{stem}.safetensors")
    if card is None or weights is None:
        return None
    try:
        return read_artifact(card, weights).require(experiment, ticker, model_id)
    except ArtifactError as error:
        raise ArtifactError(f"{experiment}/{ticker}/{model_id}", error.detail) from None


def config_of(warehouse: Warehouse, experiment: str, ticker: str, model_id: str) -> str | None:
    """The hash of the configuration that a stored member was trained with, from its card; None where there is none.

    Args:
        warehouse: where the card is.
        experiment: its name.
        ticker: whose forecast; a shared model is found under the name of all.
        model_id: of the member.

    Raises:
        ArtifactError: its card is not what was stored.
    """
    for name in (ticker, ALL):
        card = warehouse.objects.get(f"{stem_of(experiment, name, model_id)}.json")
        if card is None:
            continue
        try:
            return str(json.loads(plain_card(card))["config_hash"])
        except (ValueError, KeyError, TypeError):
            raise ArtifactError(model_id, "its card is malformed") from None
    return None


def save_artifact(warehouse: Warehouse, artifact: Artifact) -> None:
    """Store an artifact, its card last."""
    card = artifact.card
    stem = stem_of(card.experiment, card.ticker, card.model_id)
    warehouse.objects.put(f"{stem}.safetensors", artifact.weights)
    warehouse.objects.put(f"{stem}.json", artifact.card_json)


def folder_of(experiment: str, ticker: str) -> str:
    """Where the artifacts of a ticker's members lie, or of those that tickers share."""
    return f"models/{experiment}/{quote(ticker, safe='')}"


def stem_of(experiment: str, ticker: str, model_id: str) -> str:
    """The keys of a member's two objects, without their suffixes."""
    return f"{folder_of(experiment, ticker)}/{model_id}"


def _folds_until(folds: tuple[Fold, ...], last: dt.date) -> tuple[Fold, ...]:
    """The folds that begin by the ticker's last session: later ones have nothing to forecast."""
    return tuple(fold for fold in folds if fold.first_session <= last)
