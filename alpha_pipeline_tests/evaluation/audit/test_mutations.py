"""Each leak that is put into a copy of the pipeline is found by a probe, and the clean pipeline raises no alarm."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.datasets.folds import Fold, SliceRule, TrainingData
from alpha_pipeline.datasets.matrix import MatrixSamples
from alpha_pipeline.datasets.samples import NEVER, FloatArray, Samples, SingleArray
from alpha_pipeline.evaluation.audit.pipeline import FeatureStep, Pipeline
from alpha_pipeline.evaluation.audit.suite import Bench, probes
from alpha_pipeline.evaluation.audit.untrained import untrained
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.ingestion.ingest import Ingested
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.steps.pipeline import PIPELINE
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.audit_world import bench

MUTATIONS: dict[str, tuple[str, Callable[[], Pipeline]]] = {}
"""By name: the probe that catches it, and the pipeline that leaks."""


def caught_by(probe: str, name: str = "") -> Callable[[Callable[[], Pipeline]], Callable[[], Pipeline]]:
    """Name a mutation, after its function unless told, and the probe that catches it."""

    def add(make: Callable[[], Pipeline]) -> Callable[[], Pipeline]:
        MUTATIONS[name or f"{make.__name__} by {probe}"] = (probe, make)
        return make

    return add


def with_technical(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Pipeline:
    """The pipeline with its technical features changed."""
    clean = PIPELINE.features["technical"]
    return replace(
        PIPELINE,
        features={**PIPELINE.features, "technical": replace(clean, compute=lambda bars: change(clean.compute(bars)))},
    )


# Features, inputs and their normalisation.


@caught_by("truncation")
@caught_by("noise_market")
@caught_by("planted_signal")
def shifted_features() -> Pipeline:
    """Each session's features are those of the next session."""
    return with_technical(lambda made: made.with_columns(pl.exclude("ticker", "session").shift(-1).over("ticker")))


@caught_by("planted_signal")
def features_a_week_late() -> Pipeline:
    """No leak, and no signal found where there is one."""
    return with_technical(lambda made: made.with_columns(pl.exclude("ticker", "session").shift(5).over("ticker")))


@caught_by("truncation")
def feature_standardised_over_all_data() -> Pipeline:
    """One column of a feature table less its mean over the whole sample."""
    return with_technical(
        lambda made: made.with_columns(pl.col(made.columns[-1]) - pl.col(made.columns[-1]).mean().over("ticker"))
    )


@caught_by("warm_up")
def feature_beyond_its_look_back() -> Pipeline:
    """A window of 20 sessions is declared, and the mean is over all sessions so far."""
    clean = PIPELINE.features["technical"]

    def compute(bars: pl.DataFrame) -> pl.DataFrame:
        mean = (pl.col("close").cum_sum() / pl.int_range(1, pl.len() + 1)).over("ticker")
        return clean.compute(bars).with_columns(bars.select(mean.alias("to_mean")).to_series())

    step = FeatureStep((*clean.features, Feature("to_mean", 19, "Mean close")), compute)
    return replace(PIPELINE, features={**PIPELINE.features, "technical": step})


@dataclass(frozen=True)
class Overlooking(TrainingData):
    """Training data whose scaler sees every row that is held."""

    everything: SingleArray

    @property
    def scaling_rows(self) -> SingleArray:
        return self.everything


@caught_by("normalisation")
@caught_by("truncation")
def scaler_over_all_data() -> Pipeline:
    def cut(samples: Samples, fold: Fold, rule: SliceRule) -> TrainingData:
        data = PIPELINE.cut(samples, fold, rule)
        held = {field.name: getattr(data, field.name) for field in fields(data)}
        return Overlooking(**held, everything=samples.inputs)

    return replace(PIPELINE, cut=cut)


@caught_by("normalisation")
def horizon_inside_the_window_statistics() -> Pipeline:
    """As in Kronos #227: the window that is normalised ends with the horizon."""

    def statistics(inputs: SingleArray, window: int, rows: Sequence[int]) -> FloatArray:
        return PIPELINE.window_statistics(inputs, window + 1, [row + 1 for row in rows])

    return replace(PIPELINE, window_statistics=statistics)


@caught_by("normalisation")
def window_that_ends_a_session_late() -> Pipeline:
    """The networks are shown the session after the one that they forecast."""

    def forecast(samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact]) -> pl.DataFrame:
        ahead = np.concatenate([samples.inputs[1:], samples.inputs[-1:]])
        return PIPELINE.forecast(replace(samples, inputs=ahead), experiment, artifacts)

    return replace(PIPELINE, forecast=forecast)


# Folds, slices and thresholds.


@caught_by("purge")
def label_not_purged() -> Pipeline:
    """A label counts as known at its own session, whatever its horizon."""

    def cut(samples: Samples, fold: Fold, rule: SliceRule) -> TrainingData:
        at_once = np.where(samples.known_at == NEVER, NEVER, samples.positions[:, None])
        return PIPELINE.cut(replace(samples, known_at=at_once), fold, rule)

    return replace(PIPELINE, cut=cut)


@caught_by("purge")
def no_embargo() -> Pipeline:
    return replace(
        PIPELINE, cut=lambda samples, fold, rule: PIPELINE.cut(samples, fold, replace(rule, embargo_sessions=0))
    )


@caught_by("purge")
def targets_known_a_session_early() -> Pipeline:
    def targets(bars: pl.DataFrame, horizons: Sequence[int]) -> pl.DataFrame:
        made = PIPELINE.targets(bars, horizons)
        return made.with_columns(pl.col("known_at").shift(1).over("ticker", "horizon").fill_null(pl.col("session")))

    return replace(PIPELINE, targets=targets)


@caught_by("purge")
def matrix_label_not_purged() -> Pipeline:
    def cut(samples: MatrixSamples, fold: Fold, rule: SliceRule) -> Any:
        at_once = np.where(samples.known_at == NEVER, NEVER, samples.positions[:, None, None])
        return PIPELINE.matrix_cut(replace(samples, known_at=at_once), fold, rule)

    return replace(PIPELINE, matrix_cut=cut)


@caught_by("purge")
@caught_by("shuffled_labels")
@caught_by("noise_market")
def shuffled_folds() -> Pipeline:
    """Ten-fold cross-validation: every tenth block is forecast, and what lies around it is learned from."""

    def cut(samples: Samples, fold: Fold, rule: SliceRule) -> TrainingData:
        usable = np.flatnonzero(np.isfinite(samples.targets).all(axis=1))
        usable = usable[usable >= samples.first_usable]
        order = np.random.default_rng(0).permutation(len(usable))
        validation, train = np.sort(usable[order[:120]]), np.sort(usable[order[120:]])
        # Training data end with the last label; here that is the end of all data.
        end = int(usable[-1]) + 1
        clean = PIPELINE.cut(samples, fold, rule)
        return replace(
            clean,
            inputs=samples.inputs[:end],
            targets=(samples.targets[:end] / samples.unit[:end]).astype(np.float32),
            unit=samples.unit[:end],
            train_rows=train,
            validation_rows=validation,
            trained_through=samples.sessions[end - 1],
        )

    return replace(PIPELINE, cut=cut)


@caught_by("folds")
def folds_out_of_order() -> Pipeline:
    def folds(last: dt.date, **given: Any) -> tuple[Fold, ...]:
        return PIPELINE.folds(last, **given)[::-1]

    return replace(PIPELINE, folds=folds)


@caught_by("folds")
def folds_counted_from_the_end_of_the_data() -> Pipeline:
    def folds(last: dt.date, *, first_oos: dt.date, retrain_months: int) -> tuple[Fold, ...]:
        made = PIPELINE.folds(last, first_oos=first_oos, retrain_months=retrain_months)
        middle = first_oos + (last - first_oos) / 2
        return (replace(made[0], end_session=middle), Fold(1, middle, made[-1].end_session))

    return replace(PIPELINE, folds=folds)


@caught_by("thresholds")
@caught_by("truncation")
def threshold_chosen_on_test() -> Pipeline:
    """The threshold that flags as many of the fold's own sessions as spiked in it."""

    def forecast(samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact]) -> pl.DataFrame:
        made = PIPELINE.forecast(samples, experiment, artifacts)
        rate = float(np.nanmean(samples.targets[-len(made) // 2 :, 0] > 0.05))
        best = pl.col("prob_spike").quantile(1 - rate).over("horizon")
        return made.with_columns(spike_threshold=pl.when(pl.col("prob_spike").is_not_null()).then(best))

    return replace(PIPELINE, forecast=forecast)


@caught_by("thresholds")
def threshold_chosen_by_training_beyond_validation() -> Pipeline:
    """The card's threshold is raised after the fact."""

    def fit(member: Any, parent: Artifact | None, device: str) -> Artifact:
        made = PIPELINE.fit(member, parent, device)
        held = made.card.spike_thresholds
        raised = None if held is None else tuple(1.2 * one for one in held)
        return Artifact(made.card.model_copy(update={"spike_thresholds": raised}), made.weights)

    return replace(PIPELINE, fit=fit)


@caught_by("seeds")
def seeds_picked_on_test() -> Pipeline:
    """The member whose forecasts went best is the one that is shown."""

    def forecast(samples: Samples, experiment: Experiment, artifacts: Iterable[Artifact]) -> pl.DataFrame:
        came = dict(zip(samples.sessions, samples.targets[:, 0], strict=True))

        def skill(made: pl.DataFrame) -> float:
            own = made.filter(horizon=1)
            realised = np.nan_to_num([came[day] for day in own["session"]])
            return float(np.corrcoef(own["expected_return"].to_numpy(), realised)[0, 1])

        return max((PIPELINE.forecast(samples, experiment, [one]) for one in artifacts), key=skill)

    return replace(PIPELINE, forecast=forecast)


# The universe, the sources, the clock and the ledger.


@caught_by("universe")
def survivor_universe() -> Pipeline:
    """Only tickers that are there to the last are learned from."""

    def matrix(samples: Sequence[Samples]) -> MatrixSamples:
        last = max(one.sessions[-1] for one in samples)
        return PIPELINE.matrix([one for one in samples if one.sessions[-1] == last])

    return replace(PIPELINE, matrix=matrix)


@caught_by("universe")
def survivors_without_a_label() -> Pipeline:
    quiet = {name: one.model_copy(update={"description": "One model."}) for name, one in PIPELINE.experiments().items()}
    return replace(PIPELINE, experiments=lambda: quiet)


@caught_by("restatement")
def restated_history() -> Pipeline:
    """Adjusted closes as the source tells them today."""
    return replace(PIPELINE, anchor=lambda bars, _: bars)


@caught_by("live_rows")
def live_row_rewritten() -> Pipeline:
    return replace(
        PIPELINE, merge=lambda held, fresh: pl.concat([held.join(fresh, on=list(DAILY.key), how="anti"), fresh])
    )


@caught_by("live_rows")
def late_row_counted_as_live() -> Pipeline:
    return replace(PIPELINE, stamp=lambda made, now: PIPELINE.stamp(made, now).with_columns(is_live=True))


@caught_by("holidays")
def holiday_rows_taken_for_bars() -> Pipeline:
    """A row of a day on which the exchange was shut counts for the session after it."""

    def ingest(answer: Answer, *held: pl.DataFrame, **given: Any) -> Ingested:
        made = PIPELINE.ingest(answer, *held, **given)
        row = made.bars.head(1).with_columns(session=dt.date(2024, 1, 15))
        return replace(made, bars=pl.concat([made.bars, row]).sort("session"))

    return replace(PIPELINE, ingest=ingest)


def at_the_close(name: str, weights: pl.DataFrame, bars: pl.DataFrame, cost_bps: float) -> pl.DataFrame:
    """A ledger that fills a decision at the close that it was made on."""
    factor = pl.col("close") / pl.col("adj_close")
    close_before = pl.col("adj_close").shift(1).over("ticker").fill_null(pl.col("open") / factor) * factor
    at_close = bars.sort("ticker", "session").with_columns(
        open=close_before,
        high=pl.max_horizontal("high", close_before),
        low=pl.min_horizontal("low", close_before),
    )
    return PIPELINE.ledger(name, weights, at_close, cost_bps)


@caught_by("fill")
def same_close_fill() -> Pipeline:
    return replace(PIPELINE, ledger=at_the_close)


@caught_by("fill")
def fill_without_costs() -> Pipeline:
    return replace(PIPELINE, ledger=lambda name, weights, bars, _: PIPELINE.ledger(name, weights, bars, 0.0))


@caught_by("vix_clock")
def vix_after_1600_filled_at_the_close() -> Pipeline:
    """What ^VIX prints at 16:15 leaves QQQ at 16:00."""

    def ledger(name: str, weights: pl.DataFrame, bars: pl.DataFrame, cost_bps: float) -> pl.DataFrame:
        has_exit = (weights["weight"] == 0).any()
        return (at_the_close if has_exit else PIPELINE.ledger)(name, weights, bars, cost_bps)

    return replace(PIPELINE, ledger=ledger)


@caught_by("vix_clock")
def bar_taken_for_final_at_1600() -> Pipeline:
    """What ^VIX says at 16:00 is not yet its close."""

    def ingest(answer: Answer, *held: pl.DataFrame, **given: Any) -> Ingested:
        made = PIPELINE.ingest(answer, *held, **given)
        return replace(made, bars=made.bars.with_columns(is_final=pl.lit(value=True)))

    return replace(PIPELINE, ingest=ingest)


@caught_by("vix_clock")
def vix_of_the_next_session() -> Pipeline:
    """^VIX, joined a session early because its day ends later."""

    def regime(forecasts: pl.DataFrame, closes: pl.DataFrame, bars: pl.DataFrame, days: Any) -> pl.DataFrame:
        made = PIPELINE.regime(forecasts, closes, bars, days)
        return made.with_columns(pl.col("exit_longs").shift(-1).fill_null(value=False))

    return replace(PIPELINE, regime=regime)


def mutated(make: Callable[[], Pipeline]) -> Bench:
    return replace(bench(), pipeline=make())


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_leak_is_caught(name: str) -> None:
    probe, make = MUTATIONS[name]
    found = probes(mutated(make))[probe]()
    assert found.verdict == "bad", found
    assert not found.passed
    assert found.words


@pytest.mark.parametrize("seed", [7, 11])
@pytest.mark.parametrize("probe", probes(bench()))
def test_the_clean_pipeline_raises_no_alarm(probe: str, seed: int) -> None:
    found = probes(bench(seed))[probe]()
    assert found.verdict == "ok", found


def test_there_are_mutations_of_every_probe() -> None:
    assert {probe for probe, _ in MUTATIONS.values()} == set(probes(bench()))
    assert len({make for _, make in MUTATIONS.values()}) >= 12


def test_members_that_were_never_trained_differ_by_their_seed() -> None:
    """Else the probe of seeds could see nothing."""
    own = bench()
    data = PIPELINE.cut(own.samples(own.network, "QQQ"), own.fold, own.network.training.slice_rule)
    weights = {untrained(own.network, data, seed).weights for seed in (0, 0, 1)}
    assert len(weights) == 2


def test_the_world_holds_what_the_probes_need() -> None:
    assert {"QQQ", VIX} < set(bench().world.tickers)
