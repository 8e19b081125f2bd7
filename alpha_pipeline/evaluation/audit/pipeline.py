"""The pipeline as a value: the functions that production calls, bundled so that a probe can be handed a copy.

A mutation is a copy in which one of them leaks, made with `dataclasses.replace`; nothing global is patched. The
clean one is `alpha_pipeline.steps.pipeline.PIPELINE`, and a test holds that the steps call the very functions in it.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from alpha_pipeline.datasets.folds import Fold, SliceRule, TrainingData
from alpha_pipeline.datasets.matrix import MatrixSamples, MatrixTrainingData
from alpha_pipeline.datasets.samples import FloatArray, Samples, SingleArray
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.ingestion.ingest import Ingested
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.portfolio.strategies import SignalRows
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.member import Member

Frame = pl.DataFrame
Days = Sequence[dt.date]


@dataclass(frozen=True)
class FeatureStep:
    """How one feature table is made.

    Attributes:
        features: what is declared of its columns.
        compute: from the bars of the tickers to describe, and those of the context where there is one, to ticker,
            session and features.
        context: the tickers of the context; none where a ticker is described by its own bars alone.
    """

    features: tuple[Feature, ...]
    compute: Callable[..., Frame]
    context: tuple[str, ...] = ()

    def table(self, bars: Frame) -> Frame:
        """The table of every ticker in some bars, the context among them."""
        if not self.context:
            return self.compute(bars)
        return self.compute(bars, bars.filter(pl.col("ticker").is_in(self.context)))


@dataclass(frozen=True)
class Pipeline:
    """The functions from a source's answer to a ledger, in the order in which they are called.

    Attributes:
        ingest: an answer and what is held to trusted bars (`ingestion.ingest.ingest`).
        anchor: bars and actions to bars whose past no later dividend moves (`features.adjust.anchored`).
        features: by table name without its schema.
        targets: bars and horizons to `targets.forward` (`datasets.targets.forward`).
        samples: one ticker's rows (`datasets.samples.build_samples`).
        matrix: several tickers' samples on one grid (`datasets.matrix.build_matrix`).
        folds: from the last session to the walk-forward folds (`datasets.folds.walk_forward_folds`).
        cut: what a fold's model may learn from (`datasets.folds.training_data`).
        matrix_cut: the same of a shared model (`datasets.matrix.matrix_training_data`).
        fit: a member, what its weights start from and a device to its artifact (`training.fitting.fit_member`).
        window_statistics: inputs (n, C), window T and rows (R,) to what each row's window is normalised by, (R, 2, C).
        forecast: samples, experiment and artifacts to forecasts (`forecasting.walk_forward.forecast`).
        stamp: forecasts and a clock's time to forecasts that say whether they are live.
        merge: held and fresh forecasts to what is held from then on.
        ballots: forecasts of one model to ballots.
        vote: ballots and sessions to the vote.
        ranks: forecasts of one model to ranks.
        rotation: ranks and sessions to the rotation.
        regime: forecasts, closes of ^VIX, bars of QQQ and sessions to the regime.
        position: vote, rotation and regime to the position.
        decisions: signals and bars to what each strategy decides, by its name.
        ledger: a strategy's name, its decisions, bars and the cost to its ledger.
        experiments: gives them by name (`models.spec.load_experiments`).
    """

    ingest: Callable[..., Ingested]
    anchor: Callable[[Frame, Frame], Frame]
    features: Mapping[str, FeatureStep]
    targets: Callable[[Frame, Sequence[int]], Frame]
    samples: Callable[[str, Experiment, Mapping[str, Frame], Frame, Frame], Samples]
    matrix: Callable[[Sequence[Samples]], MatrixSamples]
    folds: Callable[..., tuple[Fold, ...]]
    cut: Callable[[Samples, Fold, SliceRule], TrainingData]
    matrix_cut: Callable[[MatrixSamples, Fold, SliceRule], MatrixTrainingData]
    fit: Callable[[Member, Artifact | None, str], Artifact]
    window_statistics: Callable[[SingleArray, int, Sequence[int]], FloatArray]
    forecast: Callable[[Samples, Experiment, Iterable[Artifact]], Frame]
    stamp: Callable[[Frame, dt.datetime], Frame]
    merge: Callable[[Frame, Frame], Frame]
    ballots: Callable[[Frame], Frame]
    vote: Callable[[Frame, Days], Frame]
    ranks: Callable[[Frame], Frame]
    rotation: Callable[[Frame, Days], Frame]
    regime: Callable[[Frame, Frame, Frame, Days], Frame]
    position: Callable[[Frame, Frame, Frame], Frame]
    decisions: Callable[[SignalRows, Frame], Mapping[str, Frame]]
    ledger: Callable[[str, Frame, Frame, float], Frame]
    experiments: Callable[[], Mapping[str, Experiment]]
