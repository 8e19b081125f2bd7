"""The matrix: who is absent where, purging by hand, and what a fold's model may not see."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.datasets.folds import SliceRule, training_data, walk_forward_folds
from alpha_pipeline.datasets.matrix import build_matrix, matrix_training_data
from alpha_pipeline.datasets.samples import NEVER, VOL_LOOK_BACK
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline_tests.learning_world import experiment, samples_of
from alpha_pipeline_tests.matrix_world import LISTED, MISSED, matrix

RULE = SliceRule(validation_sessions=20, embargo_sessions=3, minimum_training=100)
FOLD = walk_forward_folds(dt.date(2016, 12, 30))[0]


def test_shapes_and_the_same_numbers_as_the_ticker_has_alone() -> None:
    made, alone = matrix(), samples_of(experiment("v17"), "QQQ")
    n = len(made.sessions)
    assert made.tickers == ("QQQ", "CRWD", "PDD")
    assert (made.inputs.shape, made.present.shape) == ((n, 3, 5), (n, 3))
    assert made.targets.shape == made.unit.shape == made.known_at.shape == (n, 3, 2)
    assert made.sessions == alone.sessions
    assert made.inputs.dtype == np.float32
    np.testing.assert_array_equal(made.inputs[:, 0], alone.inputs)
    np.testing.assert_array_equal(made.targets[:, 0], alone.targets)
    np.testing.assert_array_equal(made.unit[:, 0], alone.unit)
    np.testing.assert_array_equal(made.known_at[:, 0], alone.known_at)


def test_a_ticker_is_absent_before_its_listing_and_where_its_bar_is_missing() -> None:
    made = matrix()
    listed, missed = made.sessions.index(LISTED), made.sessions.index(MISSED)
    absent = np.flatnonzero(~made.present[:, 1])
    assert absent.tolist() == [*range(listed), missed]
    assert np.isnan(made.inputs[absent, 1]).all()
    assert np.isnan(made.targets[absent, 1]).all()
    assert (made.known_at[absent, 1] == NEVER).all()


def test_a_ticker_can_be_forecast_from_its_own_warm_up_on_where_it_has_a_bar() -> None:
    made = matrix()
    listed, missed = made.sessions.index(LISTED), made.sessions.index(MISSED)
    usable = np.flatnonzero(made.usable[:, 1])
    assert usable[0] == listed + VOL_LOOK_BACK
    assert missed not in usable
    assert usable[-1] == len(made.sessions) - 1


def test_the_first_row_has_a_whole_window_of_sessions() -> None:
    made = dataclasses.replace(matrix(), window=100)
    assert np.flatnonzero(made.usable.any(axis=1))[0] == 99


def test_one_ticker_alone_is_cut_as_without_a_matrix() -> None:
    samples = samples_of(experiment("v17"))
    expected, data = training_data(samples, FOLD, RULE), matrix_training_data(build_matrix([samples]), FOLD, RULE)
    # On the grid a window may begin in the warm-up of the ticker's volatility, whose bars are known.
    assert data.train_rows[0] == VOL_LOOK_BACK
    np.testing.assert_array_equal(data.train_rows[samples.window - 1 :], expected.train_rows)
    np.testing.assert_array_equal(data.validation_rows, expected.validation_rows)
    np.testing.assert_array_equal(data.targets[expected.train_rows, 0], expected.targets[expected.train_rows])
    assert data.trained_through == expected.trained_through


def test_slices_by_hand() -> None:
    """Horizon 5 is known six sessions later, and a model of fold session s needs it known before s."""
    made = matrix()
    data = matrix_training_data(made, FOLD, RULE)
    first, missed = made.sessions.index(FOLD.first_session), made.sessions.index(MISSED)
    assert data.tickers == ("QQQ", "CRWD")
    assert data.validation_rows.tolist() == list(range(first - 26, first - 6))
    assert data.train_rows[-1] + 6 + 3 == data.validation_rows[0] - 1
    assert data.trained_through == made.sessions[first - 7]
    assert data.inputs.shape == (first - 6, 2, 5)
    # A missing bar spoils its own label, and those that would enter or leave at it: at its close or at its open.
    spoilt = missed - np.array([0, 1, 2, 5, 6])
    listed = made.sessions.index(LISTED)
    expected = np.setdiff1d(np.arange(listed + VOL_LOOK_BACK, data.train_rows[-1] + 1), spoilt)
    np.testing.assert_array_equal(np.flatnonzero(data.labelled[: data.train_rows[-1] + 1, 1]), expected)
    np.testing.assert_array_equal(data.present, made.present[: first - 6, :2])


def test_a_label_is_usable_when_it_is_known_ticker_by_ticker() -> None:
    made = matrix()
    late = made.known_at.copy()
    late[600:, 1] += 50  # as if the completing bars of one ticker had arrived late
    data = matrix_training_data(dataclasses.replace(made, known_at=late), FOLD, RULE)
    known = late[: len(data.inputs), :2].max(axis=2)
    assert (known[data.labelled] < sessions.position(FOLD.first_session)).all()
    first_validation = made.positions[data.validation_rows[0]]
    trained = data.labelled[data.train_rows]
    assert (known[data.train_rows][trained] + 3 < first_validation).all()
    assert data.labelled[data.validation_rows, 0].all()
    assert not data.labelled[data.validation_rows, 1].any()


def test_no_label_lies_outside_the_slices() -> None:
    data = matrix_training_data(matrix(), FOLD, RULE)
    used = np.zeros(len(data.targets), dtype=bool)
    used[data.train_rows] = used[data.validation_rows] = True
    assert data.labelled[used].any(axis=1).all()
    assert np.isnan(data.targets[~used]).all()


@pytest.mark.parametrize("cut", [FOLD.first_session, dt.date(2016, 9, 14)])
def test_cutting_the_future_changes_no_bit(cut: dt.date) -> None:
    """Whether PDD, listed within the fold, is held or not yet: what the fold learns from has the same bits."""
    whole, short = matrix(), matrix(last=cut)
    n, N = short.present.shape
    np.testing.assert_array_equal(whole.inputs[:n, :N], short.inputs)
    np.testing.assert_array_equal(whole.unit[:n, :N], short.unit)
    np.testing.assert_array_equal(whole.usable[:n, :N], short.usable)
    assert matrix_training_data(whole, FOLD, RULE).digest() == matrix_training_data(short, FOLD, RULE).digest()


def test_the_digest_sees_every_value_and_the_order_of_the_tickers() -> None:
    data = matrix_training_data(matrix(), FOLD, RULE)
    digests = {data.digest()}
    for name in ("inputs", "targets", "unit", "train_rows", "validation_rows"):
        touched = getattr(data, name).copy()
        touched[-1] += 1
        digests.add(dataclasses.replace(data, **{name: touched}).digest())
    digests.add(dataclasses.replace(data, tickers=data.tickers[::-1]).digest())
    assert len(digests) == 7


def test_too_little_data_is_said_with_the_fold() -> None:
    rule = dataclasses.replace(RULE, minimum_training=5_000)
    with pytest.raises(NotEnoughDataError, match=r"3 tickers: fold 0 \(from 2016-01-04\) has \d+ training sessions"):
        matrix_training_data(matrix(), FOLD, rule)


def test_some_of_the_tickers_and_one_alone() -> None:
    made = matrix()
    some = made.only(["PDD", "QQQ"])
    assert some.tickers == ("PDD", "QQQ")
    np.testing.assert_array_equal(some.inputs, made.inputs[:, [2, 0]])
    np.testing.assert_array_equal(some.unit, made.unit[:, [2, 0]])
    alone = made.of("CRWD")
    np.testing.assert_array_equal(alone.unit, made.unit[:, 1])
    assert alone.first_usable == made.sessions.index(LISTED) + VOL_LOOK_BACK
    with pytest.raises(NotEnoughDataError, match="no bars of NVDA"):
        made.only(["QQQ", "NVDA"])


def test_what_does_not_fit_together_is_named() -> None:
    qqq = samples_of(experiment("v17"))
    with pytest.raises(NotEnoughDataError, match="at least one ticker"):
        build_matrix([])
    with pytest.raises(ValueError, match="given twice: QQQ"):
        build_matrix([qqq, qqq])
    with pytest.raises(ValueError, match="SPY: other horizons or another window than QQQ"):
        build_matrix([qqq, samples_of(experiment("v17", window=9), "SPY")])
    with pytest.raises(ValueError, match="SPY: a matrix is made of"):
        build_matrix([qqq, samples_of(experiment("ridge"), "SPY")])
