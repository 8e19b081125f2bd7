"""Trains chains of folds side by side: who trains what and when. On one device the weights do not depend on it.

A chain is one (experiment, ticker, seed) over its folds; a shared model's chain is of all its tickers. The folds of a
chain follow each other, because the weights of one may start the next; chains are independent. Every finished fold is
saved before the next one starts, so a killed training resumes after it, and ends with the same bytes.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from alpha_pipeline.datasets.folds import Fold, TrainingData, training_data
from alpha_pipeline.datasets.matrix import MatrixSamples, MatrixTrainingData, matrix_training_data
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.errors import AlphaError, NotEnoughDataError
from alpha_pipeline.models.architectures import is_trained
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import WORKER_SILENCE_S
from alpha_pipeline.training.artifact import Artifact, ArtifactError
from alpha_pipeline.training.member import Member, Task
from alpha_pipeline.training.pool import Crew, StackingCrew, is_stacked

_LOGGER = logging.getLogger(__name__)

Load = Callable[[str, str, str], Artifact | None]
Save = Callable[[Artifact], None]


@dataclass(frozen=True)
class Chain:
    """One model over time.

    Attributes:
        experiment: what to train.
        samples: one ticker's data, or that of all tickers of a shared model.
        seed: of this member of the ensemble.
        folds: in order. Those with too little data at the start are left out.
    """

    experiment: Experiment
    samples: Samples | MatrixSamples
    seed: int
    folds: tuple[Fold, ...]

    def data(self, fold: Fold) -> TrainingData | MatrixTrainingData:
        """What a model of a fold may learn from.

        Raises:
            NotEnoughDataError: too few samples are left for training.
        """
        rule = self.experiment.training.slice_rule
        if isinstance(self.samples, MatrixSamples):
            return matrix_training_data(self.samples, fold, rule)
        return training_data(self.samples, fold, rule)


@dataclass(frozen=True)
class Progress:
    """What just got done.

    Attributes:
        experiment: its name.
        ticker: whose.
        fold: index of the fold.
        loss: validation loss of its model.
        done: folds finished or found finished, over all chains.
        total: folds to do or found done, over all chains.
        samples_per_second: windows trained on a second so far, over all workers.
        seconds_left: at the pace so far; None before the first fold is trained.
        found: of `done`, how many were found finished.
    """

    experiment: str
    ticker: str
    fold: int
    loss: float
    done: int
    total: int
    samples_per_second: float
    seconds_left: float | None
    found: int = 0


@dataclass(frozen=True)
class TrainingResult:
    """What a training leaves.

    Attributes:
        artifacts: of every fold that is trained, in the order of chains and folds.
        failures: (ticker, why); the folds such a chain had finished are among the artifacts.
        lacking: the tickers that failed for want of data alone.
        n_trained: folds trained now.
        n_found: folds found trained.
        trained_ids: of the artifacts trained now.
    """

    artifacts: tuple[Artifact, ...]
    failures: tuple[tuple[str, str], ...]
    lacking: frozenset[str]
    n_trained: int
    n_found: int
    trained_ids: frozenset[str] = frozenset()


def train(
    chains: Sequence[Chain],
    *,
    load: Load,
    save: Save,
    workers: int = 1,
    device: str = "cpu",
    slots: int | None = None,
    silence: float = WORKER_SILENCE_S,
    progress: Callable[[Progress], None] = lambda _: None,
) -> TrainingResult:
    """Train what is not yet trained.

    Args:
        chains: what to have trained.
        load: the stored artifact of (experiment, ticker, model_id), or None.
        save: stores an artifact; called in this process, before the next fold of its chain starts.
        workers: worker processes for gradient training; 0 or 1 trains in this process.
        device: torch's name of the device, ``cpu`` or ``cuda``.
        slots: how many members of an experiment a stack trains side by side; None for as many as a GPU's memory bears,
            and for no stack on a CPU.
        silence: seconds after which a worker that says nothing is replaced, and its fold trained again.
        progress: called in this process after every fold.

    Returns:
        The artifacts, and the tickers that failed: one failing chain stops no other.
    """
    courses = [_Course(chain) for chain in chains]
    tally = _Tally(sum(len(course.folds) for course in courses), progress)
    waiting = deque(courses)
    running: dict[Future[Artifact], _Course] = {}
    with _crew(chains, workers, device, slots, silence) as crew:
        while waiting or running:
            while waiting and len(running) < crew.room:
                course = waiting.popleft()
                for artifact in course.found(load):
                    tally.found(artifact)
                task = course.task()
                if task is not None:
                    running[crew.submit(task)] = course
            for future in crew.wait(running):
                course = running.pop(future)
                error = future.exception()
                if error is None:
                    save(future.result())
                    course.advance(future.result())
                    tally.trained(future.result())
                elif not crew.may_retry(future):
                    course.fail(error, crew.why(error))
                waiting.append(course)
    failures = dict.fromkeys((course.ticker, course.failure) for course in courses if course.failure)
    return TrainingResult(
        artifacts=tuple(artifact for course in courses for artifact in course.artifacts),
        failures=tuple(failures),
        lacking=frozenset(course.ticker for course in courses if course.lacks_data),
        n_trained=tally.n_trained,
        n_found=tally.n_found,
        trained_ids=frozenset(tally.trained_ids),
    )


def _crew(chains: Sequence[Chain], workers: int, device: str, slots: int | None, silence: float) -> Crew:
    """On a GPU the models of single tickers are stacked: its launches take longer than a small model's step."""
    stacks = device != "cpu" or slots is not None
    if stacks and any(is_stacked(chain.experiment.architecture) for chain in chains):
        return StackingCrew(workers, device, slots, silence)
    return Crew(workers, device, silence)


def find(chain: Chain, load: Load) -> list[Artifact]:
    """The artifacts of a chain that are stored, up to the first that is not; trains nothing."""
    return list(_Course(chain).found(load))


def is_complete(chain: Chain, load: Load) -> bool:
    """Whether every fold of a chain that has enough data is stored; trains nothing."""
    course = _Course(chain)
    return sum(1 for _ in course.found(load)) == len(course.folds)


class _Course:
    """A chain and how far it has come."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.ticker = chain.samples.ticker
        self.artifacts: list[Artifact] = []
        self.failure = ""
        self.folds = self._folds_with_enough_data()
        self.lacks_data = bool(self.failure)
        self._member: Member | None = None

    def found(self, load: Load) -> Iterator[Artifact]:
        """Advance over the folds that are stored already; each as it is found."""
        while (member := self._next_member()) is not None:
            artifact = self._stored(member, load)
            if artifact is None:
                return
            self.advance(artifact)
            yield artifact

    def task(self) -> Task | None:
        """The next fold's training; None when the chain has ended."""
        member = self._next_member()
        if member is None:
            return None
        return Task(member, self.artifacts[-1] if member.parent_id is not None else None)

    def advance(self, artifact: Artifact) -> None:
        """Take the next fold as done."""
        self.artifacts.append(artifact)
        self._member = None

    def fail(self, error: BaseException, why: str) -> None:
        """End the chain here. A user's mistake is said in a line; a defect is logged with its traceback."""
        fold = self.folds[len(self.artifacts)]
        if not isinstance(error, AlphaError | BrokenProcessPool):
            _LOGGER.error("%s, %s, fold %d", self.chain.experiment.name, self.ticker, fold.index, exc_info=error)
        self.failure = f"{self.chain.experiment.name}, fold {fold.index}: {why or type(error).__name__}"

    def _folds_with_enough_data(self) -> tuple[Fold, ...]:
        """The folds from the first that has enough training samples; its label counts only grow."""
        for place, fold in enumerate(self.chain.folds):
            try:
                self.chain.data(fold)
            except NotEnoughDataError as error:
                self.failure = f"{self.chain.experiment.name}: {error}"
            else:
                self.failure = ""
                return self.chain.folds[place:]
        return ()

    def _next_member(self) -> Member | None:
        if self.failure or len(self.artifacts) == len(self.folds):
            return None
        if self._member is None:
            experiment = self.chain.experiment
            warm = bool(self.artifacts) and experiment.training.warm_start and is_trained(experiment.architecture)
            self._member = Member(
                experiment=experiment,
                data=self.chain.data(self.folds[len(self.artifacts)]),
                seed=self.chain.seed,
                parent_id=self.artifacts[-1].card.model_id if warm else None,
            )
        return self._member

    def _stored(self, member: Member, load: Load) -> Artifact | None:
        try:
            artifact = load(member.experiment.name, self.ticker, member.model_id)
            if artifact is not None:
                member.require(artifact)
        except ArtifactError as error:
            _LOGGER.warning("%s", error)
            return None
        return artifact


class _Tally:
    """Counts, and tells the caller."""

    def __init__(self, total: int, progress: Callable[[Progress], None]) -> None:
        self._total = total
        self._progress = progress
        self._started = time.perf_counter()
        self._windows = 0
        self.trained_ids: list[str] = []
        self.n_trained = 0
        self.n_found = 0

    def found(self, artifact: Artifact) -> None:
        """A fold was stored already."""
        self.n_found += 1
        self._tell(artifact)

    def trained(self, artifact: Artifact) -> None:
        """A fold was trained."""
        self.n_trained += 1
        self.trained_ids.append(artifact.card.model_id)
        self._windows += artifact.card.n_training * max(artifact.card.epochs, 1)
        self._tell(artifact)

    def _tell(self, artifact: Artifact) -> None:
        card = artifact.card
        elapsed = time.perf_counter() - self._started
        done = self.n_trained + self.n_found
        left = elapsed / self.n_trained * (self._total - done) if self.n_trained else None
        self._progress(
            Progress(
                experiment=card.experiment,
                ticker=card.ticker,
                fold=card.fold,
                loss=card.validation_loss,
                done=done,
                total=self._total,
                samples_per_second=self._windows / elapsed,
                seconds_left=left,
                found=self.n_found,
            )
        )
