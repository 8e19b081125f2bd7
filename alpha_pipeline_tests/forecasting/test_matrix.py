"""Forecasts of the shared model: each ticker from its first fold on, the same bits wherever the data end."""

import datetime as dt
from functools import cache

import numpy as np
import polars as pl
import pytest
import torch

from alpha_pipeline.datasets.matrix import build_matrix
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.forecasting.matrix import forecast_matrix, looked_at
from alpha_pipeline.forecasting.walk_forward import BATCH
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.trainer import Chain, train
from alpha_pipeline.training.weights import restore
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.learning_world import LAST, folds_to, random_bars
from alpha_pipeline_tests.matrix_world import experiment, matrix, samples_from


@cache
def artifacts(seeds: int = 1, last: dt.date = LAST) -> tuple[Artifact, ...]:
    chains = [Chain(experiment(), matrix(last=last), seed, folds_to(last)) for seed in range(seeds)]
    return train(chains, load=lambda *_: None, save=lambda _: None).artifacts


@cache
def whole(seeds: int = 1) -> pl.DataFrame:
    return forecast_matrix(matrix(), experiment(), artifacts(seeds))


def test_every_ticker_is_forecast_once_a_session_from_its_first_fold_on() -> None:
    frame, folds, held = whole(), folds_to(), matrix()
    assert set(frame["ticker"]) == {"QQQ", "CRWD", "PDD"}
    for ticker, first in (("QQQ", 0), ("CRWD", 0), ("PDD", 1)):
        place = held.tickers.index(ticker)
        days = [day for day, here in zip(held.sessions, held.usable[:, place], strict=True) if here]
        expected = [day for day in days if day >= folds[first].first_session]
        assert frame.filter(ticker=ticker)["session"].to_list() == [day for day in expected for _ in range(2)]
    for fold, artifact in zip(folds, artifacts(), strict=True):
        inside = frame.filter(pl.col("session").is_between(fold.first_session, fold.end_session, closed="left"))
        assert inside["model_id"].unique().to_list() == [artifact.card.model_id]
        assert (inside["trained_through"] < fold.first_session).all()
    assert frame.height / 2 / len(folds) > BATCH


@pytest.mark.parametrize("last", [dt.date(2016, 1, 4), dt.date(2016, 2, 19), dt.date(2016, 8, 19), dt.date(2017, 1, 3)])
def test_where_the_data_end_changes_no_bit(last: dt.date) -> None:
    """Trained and forecast on the cut data alone, once before PDD is listed."""
    short = forecast_matrix(matrix(last=last), experiment(), artifacts(1, last))
    assert short["session"].max() == last
    assert short.equals(whole().filter(pl.col("session") <= last))


def test_an_absent_ticker_has_no_forecast_and_leaves_the_others_theirs() -> None:
    day = dt.date(2016, 9, 14)
    bars = random_bars("CRWD").filter(pl.col("session") != day)
    made = build_matrix([samples_from(random_bars()), samples_from(bars), samples_from(random_bars("PDD"))])
    frame = forecast_matrix(made, experiment(), artifacts()).filter(session=day)
    assert frame["ticker"].unique().sort().to_list() == ["PDD", "QQQ"]
    assert frame["expected_return"].is_finite().all()


def test_the_numbers_are_the_models() -> None:
    """The first forecast, recomputed by hand from the restored model."""
    held, artifact = matrix().only(("QQQ", "CRWD")), artifacts()[0]
    row = held.sessions.index(artifact.card.first_session)
    model, _ = restore(experiment(), artifact, 5)
    with torch.inference_mode():
        location = model(torch.from_numpy(held.inputs[None, row - 7 : row + 1])).location[0].double().numpy()  # (N, H)
    for place, ticker in enumerate(held.tickers):
        first = whole().filter(ticker=ticker).head(2)
        np.testing.assert_allclose(first["expected_return"], location[place] * held.unit[row, place], rtol=1e-4)


def test_the_frame_fits_its_table() -> None:
    frame = whole().filter(ticker="CRWD")
    stamped = frame.with_columns(made_at=pl.lit(dt.datetime(2020, 1, 1, tzinfo=dt.UTC)), is_live=pl.lit(value=False))
    DAILY.validate(DAILY.conform(stamped), "CRWD")
    assert frame["prob_spike"].null_count() == frame["prob_bull"].null_count() == frame.height


def test_seeds_are_averaged() -> None:
    both = whole(2)
    assert both["seeds"].unique().to_list() == [2]
    other = forecast_matrix(matrix(), experiment(), [a for a in artifacts(2) if a.card.seed == 1])
    mean = (whole()["expected_return"] + other["expected_return"]) / 2
    np.testing.assert_allclose(both["expected_return"], mean, rtol=1e-12, atol=1e-18)


def test_attention_says_who_looked_at_whom() -> None:
    looked = looked_at(matrix(), experiment(), artifacts(2), 20)
    assert looked.columns == ["ticker", "looked_at", "weight"]
    assert looked.height == 9
    assert looked["weight"].min() > 0
    sums = looked.group_by("ticker").agg(pl.col("weight").sum())
    np.testing.assert_allclose(sums["weight"], 1.0, rtol=1e-5)


def test_a_ticker_that_ended_looked_at_nobody() -> None:
    ended = samples_from(random_bars("CRWD", last=dt.date(2017, 1, 20)))
    made = build_matrix([samples_from(random_bars()), ended, samples_from(random_bars("PDD"))])
    looked = looked_at(made, experiment(), artifacts(), 20)
    assert set(looked["ticker"]) == {"QQQ", "PDD"}
    assert (looked.filter(looked_at="CRWD")["weight"] == 0).all()


def test_what_is_missing_is_named() -> None:
    with pytest.raises(NotEnoughDataError, match="small_matrix has no trained model"):
        forecast_matrix(matrix(), experiment(), [])
    with pytest.raises(NotEnoughDataError, match="no bars of CRWD"):
        forecast_matrix(matrix().only(["QQQ"]), experiment(), artifacts())
