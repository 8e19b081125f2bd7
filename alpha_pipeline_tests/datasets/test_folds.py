"""Folds: boundaries of the calendar, purging by hand, and what a fold's model may not see."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from alpha_pipeline import sessions
from alpha_pipeline.datasets.folds import Fold, SliceRule, training_data, walk_forward_folds
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline_tests.learning_world import experiment, samples_of

RULE = SliceRule(validation_sessions=20, embargo_sessions=3, minimum_training=100)


def test_yearly_folds_begin_with_the_year() -> None:
    folds = walk_forward_folds(dt.date(2017, 6, 30))
    assert folds == (
        Fold(0, dt.date(2016, 1, 4), dt.date(2017, 1, 3)),
        Fold(1, dt.date(2017, 1, 3), dt.date(2018, 1, 2)),
    )


def test_quarterly_folds_begin_with_the_quarter_wherever_the_first_begins() -> None:
    folds = walk_forward_folds(dt.date(2016, 12, 1), first_oos=dt.date(2016, 5, 7), retrain_months=3)
    assert [fold.first_session for fold in folds] == [dt.date(2016, 5, 9), dt.date(2016, 7, 1), dt.date(2016, 10, 3)]


def test_where_the_data_end_moves_no_boundary() -> None:
    whole = walk_forward_folds(dt.date(2025, 6, 30), retrain_months=3)
    for last in (dt.date(2016, 1, 4), dt.date(2019, 12, 31), dt.date(2020, 1, 2)):
        short = walk_forward_folds(last, retrain_months=3)
        assert short == whole[: len(short)]
        assert short[-1].first_session <= last < short[-1].end_session


def test_folds_need_a_divisor_of_a_year_and_some_data() -> None:
    with pytest.raises(ValueError, match="divide 12"):
        walk_forward_folds(dt.date(2017, 1, 3), retrain_months=5)
    with pytest.raises(NotEnoughDataError, match="2015-12-31, before the first out-of-sample session 2016-01-04"):
        walk_forward_folds(dt.date(2015, 12, 31))


def test_slices_by_hand() -> None:
    """Horizon 5 is known six sessions later, and a model of fold session s needs it known before s."""
    samples = samples_of(experiment("v17"))
    fold = walk_forward_folds(dt.date(2016, 12, 30))[0]
    data = training_data(samples, fold, RULE)
    first = samples.sessions.index(fold.first_session)
    assert data.validation_rows.tolist() == list(range(first - 26, first - 6))
    # Known at t + 6, an embargo of 3, then validation: t + 6 + 3 < first validation row.
    assert data.train_rows[-1] + 6 + 3 == data.validation_rows[0] - 1
    assert data.train_rows[0] == samples.first_usable
    assert data.trained_through == samples.sessions[first - 7]
    assert len(data.inputs) == first - 6


def test_labels_become_usable_when_known_not_when_their_session_is_past() -> None:
    samples = samples_of(experiment("v17"))
    late = samples.known_at.copy()
    late[600:] += 50  # as if the completing bars had arrived late
    fold = walk_forward_folds(dt.date(2016, 12, 30))[0]
    data = training_data(dataclasses.replace(samples, known_at=late), fold, RULE)
    usable = np.concatenate((data.train_rows, data.validation_rows))
    assert (late[usable].max(axis=1) < sessions.position(fold.first_session)).all()
    assert usable.max() == samples.sessions.index(fold.first_session) - 57


def test_targets_outside_the_slices_are_hidden() -> None:
    data = training_data(samples_of(experiment("v17")), walk_forward_folds(dt.date(2016, 12, 30))[0], RULE)
    used = np.zeros(len(data.targets), dtype=bool)
    used[data.train_rows] = used[data.validation_rows] = True
    assert np.isfinite(data.targets[used]).all()
    assert np.isnan(data.targets[~used]).all()


def test_the_digest_sees_what_is_used_and_nothing_later() -> None:
    fold = walk_forward_folds(dt.date(2016, 12, 30))[0]
    made = experiment("v17")
    whole = training_data(samples_of(made), fold, RULE)
    short = training_data(samples_of(made, last=dt.date(2016, 2, 1)), fold, RULE)
    assert whole.digest() == short.digest()
    touched = whole.inputs.copy()
    touched[400, 0] += 1
    assert dataclasses.replace(whole, inputs=touched).digest() != whole.digest()


def test_too_little_data_is_said_with_ticker_and_fold() -> None:
    rule = dataclasses.replace(RULE, minimum_training=5_000)
    fold = walk_forward_folds(dt.date(2017, 1, 3))[1]
    with pytest.raises(NotEnoughDataError, match=r"QQQ: fold 1 \(from 2017-01-03\) has \d+ training samples, 5000"):
        training_data(samples_of(experiment("v17")), fold, rule)
