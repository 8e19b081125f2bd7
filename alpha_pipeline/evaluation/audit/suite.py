"""The probes of the pipeline itself, and what they are handed: a bounded world and quick models."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.folds import Fold
from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.datasets.matrix import MatrixSamples
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation.audit import chance, slices
from alpha_pipeline.evaluation.audit.clock import vix_clock
from alpha_pipeline.evaluation.audit.fill import fill
from alpha_pipeline.evaluation.audit.finding import Finding
from alpha_pipeline.evaluation.audit.live import live_rows
from alpha_pipeline.evaluation.audit.members import seeds
from alpha_pipeline.evaluation.audit.normalisation import normalisation
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.evaluation.audit.sources import holidays, restatement
from alpha_pipeline.evaluation.audit.truncation import Told, cut_sessions, truncation
from alpha_pipeline.evaluation.audit.universe import universe
from alpha_pipeline.evaluation.audit.walk import Plan, feature_tables
from alpha_pipeline.evaluation.audit.warm_up import warm_up
from alpha_pipeline.evaluation.audit.world import World
from alpha_pipeline.models.architectures import RidgeArchitecture
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.universe import VIX, is_index

RUNS: Final = 20  # of each probe of chance
OUT_OF_SAMPLE: Final = 380  # sessions: one new year at least
SEEDS: Final = (0, 1, 2)
# A ridge regression on one table learns in hundredths of a second, and reads what the networks read.
QUICK_TABLE: Final = "technical"
QUICK_SLICES: Final = {"minimum_samples": 250, "validation_sessions": 120}
FOR_WINDOWS: Final = "v17_pilot"
FOR_FEATURES: Final = "v11_hybrid"
FOR_MATRIX: Final = "matrix_transformer"


@dataclass(frozen=True)
class Planted:
    """A market with a planted signal, whose best forecast is known, and in which dividends are paid.

    Attributes:
        world: its bars and actions.
        oracle: the best forecast there is: ticker, session and expected_return, a log return.
        first_oos: the first session forecast.
    """

    world: World
    oracle: pl.DataFrame
    first_oos: dt.date


@dataclass(frozen=True)
class Bench:
    """A pipeline on the bench, with what its probes share.

    Attributes:
        pipeline: to be probed.
        world: bars that are looked at, QQQ and ^VIX among them as far as they are held.
        plant: makes a simulated market with a planted signal, when a probe asks for it.
        runs: of each probe of chance.
    """

    pipeline: Pipeline
    world: World
    plant: Callable[[], Planted]
    runs: int = RUNS

    @cached_property
    def experiments(self) -> Mapping[str, Experiment]:
        """By name."""
        return self.pipeline.experiments()

    @cached_property
    def planted(self) -> Planted:
        """The simulated market."""
        return self.plant()

    @cached_property
    def first_oos(self) -> dt.date:
        """The first session forecast: what comes before is enough to learn from, as far as it goes."""
        days = self.world.sessions
        return days[max(len(days) // 2, len(days) - OUT_OF_SAMPLE)]

    @cached_property
    def last(self) -> dt.date:
        """The last session held."""
        return self.world.sessions[-1]

    @cached_property
    def quick(self) -> Experiment:
        """A ridge regression on one table, of every ticker of the world."""
        made = retrained(self.experiments["ridge"], QUICK_SLICES)
        inputs = FeatureInputs(kind="features", sets=(QUICK_TABLE,))
        ridge = RidgeArchitecture(kind="ridge", penalties=(1.0, 30.0))
        return made.model_copy(update={"inputs": inputs, "architecture": ridge, "tickers": self.world.tickers})

    @cached_property
    def plan(self) -> Plan:
        """What a walk trains."""
        mean = retrained(self.experiments["expanding_mean"], QUICK_SLICES)
        return Plan((self.quick, mean.model_copy(update={"tickers": self.world.tickers[-2:]})), self.first_oos)

    @cached_property
    def own_bars(self) -> Pipeline:
        """The pipeline with the one table that the quick model reads: it needs no context."""
        return replace(self.pipeline, features={QUICK_TABLE: self.pipeline.features[QUICK_TABLE]})

    @cached_property
    def bars(self) -> pl.DataFrame:
        """Anchored."""
        return self.pipeline.anchor(self.world.bars, self.world.actions)

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """Those of the walk."""
        return self.pipeline.folds(self.last, first_oos=self.first_oos, retrain_months=12)

    @cached_property
    def fold(self) -> Fold:
        """The fold with most sessions held."""
        return max(
            self.folds,
            key=lambda fold: sum(fold.first_session <= day < fold.end_session for day in self.world.sessions),
        )

    @cached_property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        """The table that the quick model reads."""
        return dict(feature_tables(self.own_bars, self.bars))

    @cached_property
    def targets(self) -> pl.DataFrame:
        """Of every ticker."""
        return self.pipeline.targets(self.bars, self.quick.target.horizons)

    def samples(self, experiment: Experiment, ticker: str) -> Samples:
        """One ticker's samples."""
        return self.pipeline.samples(ticker, experiment, self.tables, self.bars, self.targets)

    @cached_property
    def learners(self) -> tuple[str, ...]:
        """Two tickers that can be traded: QQQ where it is held, and another.

        Raises:
            NotEnoughDataError: there is none.
        """
        full = [ticker for ticker in self.world.tickers if not is_index(ticker)]
        if not full:
            raise NotEnoughDataError("no ticker that can be traded has bars")
        return tuple(sorted(full, key=lambda ticker: (ticker != "QQQ", ticker)))[:2]

    @cached_property
    def network(self) -> Experiment:
        """A network on raw bars."""
        return retrained(self.experiments[FOR_WINDOWS], QUICK_SLICES)

    @cached_property
    def shared(self) -> Experiment:
        """A shared model."""
        return retrained(self.experiments[FOR_MATRIX], QUICK_SLICES)

    @cached_property
    def matrix(self) -> MatrixSamples:
        """The shared model's, of the two learners."""
        return self.pipeline.matrix([self.samples(self.shared, ticker) for ticker in self.learners])

    def chance_samples(self) -> list[Samples]:
        """The learners' samples for the quick model."""
        return [self.samples(self.quick, ticker) for ticker in self.learners]


def retrained(experiment: Experiment, training: Mapping[str, float]) -> Experiment:
    """The experiment with other training values."""
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=dict(training))})


def probes(
    bench: Bench, stored: Callable[[], Sequence[tuple[str, pl.DataFrame]]] = tuple, told: Told = lambda _: None
) -> dict[str, Callable[[], Finding]]:
    """Every probe of the pipeline by its name; calling it looks.

    Args:
        bench: the pipeline and what it is probed on.
        stored: gives (table, rows with ticker and session) of what is held, for the probe of holidays.
        told: is told in words how far a long probe is.
    """
    pipeline = bench.pipeline
    looks: dict[str, Callable[[], Finding]] = {
        "truncation": lambda: truncation(
            pipeline, bench.world, bench.plan, cut_sessions(bench.first_oos, bench.last), told
        ),
        "warm_up": lambda: warm_up(pipeline, bench.world, bench.last),
        "normalisation": lambda: _normalisation(bench),
        "folds": lambda: slices.folds(pipeline, bench.first_oos, bench.last),
        "purge": lambda: slices.purge(
            pipeline,
            [(bench.quick, bench.samples(bench.quick, ticker)) for ticker in bench.learners],
            [(bench.shared, bench.matrix)],
            bench.folds,
        ),
        "thresholds": lambda: _thresholds(bench),
        "seeds": lambda: _seeds(bench),
        "universe": lambda: universe(pipeline, bench.shared, bench.world.only(bench.learners), bench.fold),
        "fill": lambda: fill(pipeline, bench.bars, bench.learners),
        "vix_clock": lambda: _vix_clock(bench),
        "holidays": lambda: holidays(pipeline, stored()),
        "restatement": lambda: _restatement(bench),
        "live_rows": lambda: live_rows(pipeline),
        "shuffled_labels": lambda: chance.shuffled_labels(
            pipeline, bench.quick, bench.chance_samples(), bench.first_oos, bench.runs
        ),
        "noise_market": lambda: chance.noise_market(bench.own_bars, bench.quick, bench.runs),
        "planted_signal": lambda: chance.planted_signal(
            bench.own_bars, bench.quick, bench.planted.world, bench.planted.oracle, bench.planted.first_oos
        ),
    }
    return {name: _enough(name, look) for name, look in looks.items()}


def _enough(name: str, probe: Callable[[], Finding]) -> Callable[[], Finding]:
    """The probe, or that there is too little to look at."""

    def look() -> Finding:
        try:
            return probe()
        except NotEnoughDataError as error:
            return Finding(name, "nothing", str(error))

    return look


def _normalisation(bench: Bench) -> Finding:
    first = bench.learners[0]
    hybrid = retrained(bench.experiments[FOR_FEATURES], QUICK_SLICES)
    networks = [(experiment, bench.samples(experiment, first)) for experiment in (bench.network, hybrid)]
    scaled = (bench.quick, bench.samples(bench.quick, first))
    return normalisation(bench.pipeline, bench.fold, scaled, networks)


def _thresholds(bench: Bench) -> Finding:
    return slices.thresholds(bench.pipeline, bench.quick, bench.samples(bench.quick, VIX), bench.fold)


def _seeds(bench: Bench) -> Finding:
    samples = bench.samples(bench.network, bench.learners[0])
    return seeds(bench.pipeline, bench.network, samples, bench.fold, SEEDS)


def _vix_clock(bench: Bench) -> Finding:
    held = bench.world.tickers
    lacking = [ticker for ticker in ("QQQ", VIX) if ticker not in held]
    if lacking:
        return Finding("vix_clock", "nothing", f"no bars of {' and '.join(lacking)}")
    bars = bench.bars.filter(pl.col("ticker").is_in(["QQQ", VIX]))
    both = bars.group_by("session").len().filter(pl.col("len") == 2)["session"].sort().to_list()
    looked = [day for day in both[-100:-5:30] if calendar.offset(day, 1) in both]
    return vix_clock(bench.pipeline, bars, looked)


def _restatement(bench: Bench) -> Finding:
    world, horizons = bench.planted.world, bench.quick.target.horizons
    return restatement(bench.pipeline, world, bench.planted.first_oos, horizons)
