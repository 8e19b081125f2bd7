"""Forecasts: each session by its own fold, the same bits wherever the data end, and the table's columns."""

import dataclasses
import datetime as dt
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy import stats

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.walk_forward import BATCH, forecast
from alpha_pipeline.training.artifact import Artifact, read_artifact
from alpha_pipeline.training.trainer import Chain, train
from alpha_pipeline.training.weights import restore
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.learning_world import ARCHITECTURES, LAST, experiment, folds_to, samples_of

KINDS = tuple(ARCHITECTURES)


@cache
def artifacts_of(kind: str, ticker: str = "QQQ", seeds: int = 1) -> tuple[Artifact, ...]:
    made = experiment(kind)
    samples = samples_of(made, ticker, knowing=0.3)
    chains = [Chain(made, samples, seed, folds_to()) for seed in range(seeds)]
    return train(chains, load=lambda *_: None, save=lambda _: None).artifacts


def forecast_of(kind: str, ticker: str = "QQQ", *, last: dt.date = LAST, seeds: int = 1) -> pl.DataFrame:
    samples = samples_of(experiment(kind), ticker, last=last, knowing=0.3)
    return forecast(samples, experiment(kind), artifacts_of(kind, ticker, seeds))


@pytest.mark.parametrize("kind", KINDS)
def test_every_session_is_forecast_once_by_the_fold_that_holds_it(kind: str) -> None:
    frame = forecast_of(kind)
    folds = folds_to()
    expected = [s for s in samples_of(experiment(kind)).sessions if s >= folds[0].first_session]
    assert frame["session"].to_list() == [s for s in expected for _ in range(2)]
    for fold, artifact in zip(folds, artifacts_of(kind), strict=True):
        inside = frame.filter(pl.col("session").is_between(fold.first_session, fold.end_session, closed="left"))
        assert inside["model_id"].unique().to_list() == [artifact.card.model_id]
        assert (inside["trained_through"] < fold.first_session).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("last", [dt.date(2016, 1, 4), dt.date(2016, 8, 19), dt.date(2017, 1, 3), dt.date(2017, 4, 4)])
def test_where_the_data_end_changes_no_bit(kind: str, last: dt.date) -> None:
    """Trained and forecast on the cut data alone, all up to the cut is what the whole history gives."""
    made = experiment(kind)
    cut = samples_of(made, last=last, knowing=0.3)
    result = train([Chain(made, cut, 0, folds_to(last))], load=lambda *_: None, save=lambda _: None)
    short = forecast(cut, made, result.artifacts)
    whole = forecast_of(kind).filter(pl.col("session") <= last)
    assert short["session"].max() == last
    assert short.equals(whole)


def test_a_missing_session_moves_no_other() -> None:
    """Batches are counted in sessions of the calendar, not in rows."""
    samples = samples_of(experiment("hybrid"))
    gone = samples.sessions.index(dt.date(2016, 3, 15))
    keep = np.arange(len(samples.sessions)) != gone
    holed = dataclasses.replace(
        samples,
        sessions=tuple(np.array(samples.sessions)[keep].tolist()),
        **{name: getattr(samples, name)[keep] for name in ("positions", "inputs", "targets", "known_at", "vol")},
    )
    made, artifacts = experiment("hybrid"), artifacts_of("hybrid")
    window_is_past = pl.col("session") > samples.sessions[gone + samples.window]
    whole, short = (forecast(s, made, artifacts).filter(window_is_past) for s in (samples, holed))
    assert short.equals(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_stored_and_read_again_an_artifact_forecasts_the_same(kind: str) -> None:
    made = experiment(kind)
    again = [read_artifact(a.card_json, a.weights) for a in artifacts_of(kind)]
    assert forecast(samples_of(made, knowing=0.3), made, again).equals(forecast_of(kind))


def test_the_frame_fits_its_table() -> None:
    for ticker in ("QQQ", "^VIX"):
        frame = forecast_of("v17", ticker)
        stamped = frame.with_columns(
            made_at=pl.lit(dt.datetime(2020, 1, 1, tzinfo=dt.UTC)), is_live=pl.lit(value=False)
        )
        DAILY.validate(DAILY.conform(stamped), ticker)
        assert set(frame.columns) == set(DAILY.columns) - {"made_at", "is_live"}


def test_the_numbers_are_the_models() -> None:
    """The first forecast, recomputed by hand from the restored model."""
    made, artifact = experiment("ridge"), artifacts_of("ridge")[0]
    samples = samples_of(made, knowing=0.3)
    row = samples.sessions.index(artifact.card.first_session)
    model, scaler = restore(made, artifact, len(samples.columns))
    assert scaler is not None
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    x = scaler.apply(samples.inputs[row]).astype(np.float64)
    location = state["weight"] @ x + state["intercept"]
    scale = np.exp(state["log_scale"])
    first = forecast_of("ridge").head(2)
    unit = samples.vol[row] * np.sqrt([1, 5])
    np.testing.assert_allclose(first["expected_return"], location * unit, rtol=1e-5)
    np.testing.assert_allclose(first["forecast_vol"], scale * unit * np.sqrt(5 / 3), rtol=1e-5)
    for name, probability in (("low_90", 0.05), ("high_90", 0.95)):
        bound = (location + scale * stats.t.ppf(probability, 5)) * unit
        np.testing.assert_allclose(first[name], bound, rtol=1e-5)
    np.testing.assert_allclose(first["prob_up"], stats.t.cdf(location / scale, 5), rtol=1e-5)
    assert first["prob_spike"].null_count() == first["spike_threshold"].null_count() == 2


def test_spikes_are_forecast_for_volatility_only() -> None:
    vix = forecast_of("v17", "^VIX")
    assert vix["prob_spike"].null_count() == vix["spike_threshold"].null_count() == 0
    assert (vix["prob_spike"] <= vix["prob_up"]).all()


def test_bull_moves_are_forecast_by_the_sniper_alone() -> None:
    frame, samples = forecast_of("sniper"), samples_of(experiment("sniper"), knowing=0.3)
    assert frame.select("prob_bull", "bull_threshold", "bull_move").null_count().sum_horizontal().item() == 0
    assert frame["prob_spike"].null_count() == frame.height
    row = samples.sessions.index(frame["session"][0])
    np.testing.assert_allclose(frame["bull_move"].head(2), 0.5 * samples.vol[row] * np.sqrt([1, 5]))
    card = artifacts_of("sniper")[0].card.event
    assert card is not None
    assert frame["bull_threshold"].head(2).to_list() == list(card.thresholds)
    assert (
        forecast_of("hybrid").select("prob_bull", "bull_threshold", "bull_move").null_count().row(0)
        == (frame.height,) * 3
    )


def test_a_spike_model_forecasts_spikes_of_any_ticker() -> None:
    frame = forecast_of("spotter")
    assert frame["prob_spike"].null_count() == frame["spike_threshold"].null_count() == 0
    assert frame["prob_bull"].null_count() == frame.height


def test_seeds_are_averaged() -> None:
    both, single = forecast_of("hybrid", seeds=2), forecast_of("hybrid")
    made, samples = experiment("hybrid"), samples_of(experiment("hybrid"), knowing=0.3)
    other = forecast(samples, made, [a for a in artifacts_of("hybrid", seeds=2) if a.card.seed == 1])
    mean = (single["expected_return"] + other["expected_return"]) / 2
    np.testing.assert_allclose(both["expected_return"], mean, rtol=1e-12)
    np.testing.assert_allclose(both["seed_spread"], (single["expected_return"] - mean).abs(), rtol=1e-6, atol=1e-15)
    assert both["seeds"].unique().to_list() == [2]
    assert both["model_id"][0] == f"{single['model_id'][0]}+{other['model_id'][0]}"


def test_a_fold_is_longer_than_a_batch() -> None:
    """Otherwise the tests above would see one batch only."""
    assert forecast_of("ridge").height / 2 / len(folds_to()) > BATCH


def test_without_a_trained_model_the_ticker_is_named() -> None:
    with pytest.raises(NotEnoughDataError, match="QQQ: small_ridge has no trained model"):
        forecast(samples_of(experiment("ridge")), experiment("ridge"), [])
