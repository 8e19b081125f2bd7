"""Scaling: by hand, with unknown values, and blind to everything but the training slice."""

import datetime as dt

import numpy as np

from alpha_pipeline.datasets.folds import SliceRule, training_data, walk_forward_folds
from alpha_pipeline.datasets.scaling import fit_scaler
from alpha_pipeline_tests.learning_world import experiment, samples_of

NAN = float("nan")


def test_scaler_by_hand() -> None:
    rows = np.array([[1.0, NAN, 7.0], [3.0, NAN, 7.0], [5.0, 10.0, 7.0]], dtype=np.float32)
    scaler = fit_scaler(rows)
    np.testing.assert_allclose(scaler.mean, [3.0, 10.0, 7.0])
    np.testing.assert_allclose(scaler.std, [np.sqrt(8 / 3), 1.0, 1.0], rtol=1e-6)


def test_unknown_becomes_the_mean_and_outliers_are_clipped() -> None:
    scaler = fit_scaler(np.array([[-1.0], [1.0]], dtype=np.float32))
    scaled = scaler.apply(np.array([[NAN], [0.5], [99.0], [-99.0]], dtype=np.float32))
    assert scaled.ravel().tolist() == [0.0, 0.5, 5.0, -5.0]
    assert scaled.dtype == np.float32


def test_a_column_never_known_becomes_zero() -> None:
    rows = np.full((4, 1), NAN, dtype=np.float32)
    assert fit_scaler(rows).apply(rows).tolist() == [[0.0]] * 4


def test_only_the_training_slice_is_seen() -> None:
    samples = samples_of(experiment("ridge"))
    data = training_data(samples, walk_forward_folds(dt.date(2016, 12, 30))[0], SliceRule(20, 3, 100))
    before = fit_scaler(data.scaling_rows)
    data.inputs[data.train_rows[-1] + 1 :] = 1e6  # validation and later; the array is the test's own
    after = fit_scaler(data.scaling_rows)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.std, after.std)
    assert len(data.scaling_rows) == len(data.train_rows) + data.window - 1
