"""Calibration against scikit-learn and by hand, and the threshold by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from alpha_pipeline.training.calibration import NEVER, PRIOR_DEVIATION, calibrate, firing_threshold


def test_the_fit_of_many_days_is_sklearns() -> None:
    """With so many days the prior says nothing any more."""
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 1, 400_000)
    happened = (rng.random(400_000) < 1 / (1 + np.exp(-(0.4 * odds - 0.7)))).astype(float)
    theirs = LogisticRegression(C=np.inf).fit(odds[:, None], happened)
    ours = calibrate(odds, happened)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=0.01)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=0.01)


def test_few_days_leave_the_log_odds_nearly_as_they_are() -> None:
    odds, happened = np.array([-1.0, 1.0]), np.array([1.0, 0.0])
    slope, intercept = calibrate(odds, happened)
    assert slope == pytest.approx(1.0, abs=2 * PRIOR_DEVIATION**2)
    assert intercept == pytest.approx(0.0, abs=1e-9)


def test_odds_that_say_the_contrary_become_the_base_rate() -> None:
    rng = np.random.default_rng(1)
    odds = rng.normal(0, 1, 20_000)
    happened = (rng.random(20_000) < 1 / (1 + np.exp(2 * odds + 1))).astype(float)
    found = calibrate(odds, happened)
    assert found.slope == 0.0
    assert found.probability(odds) == pytest.approx(np.full(20_000, happened.mean()), abs=0.02)


def test_the_threshold_is_the_lowest_that_shows_the_precision() -> None:
    probability = np.linspace(0.99, 0.0, 100)
    happened = np.zeros(100)
    happened[:20:2] = 1.0  # ten of the first twenty
    assert firing_threshold(probability, happened, 0.5) == pytest.approx(probability[19])
    assert firing_threshold(probability, happened, 0.1) == pytest.approx(probability[99])
    assert firing_threshold(probability, happened, 0.6) == NEVER


def test_equal_probabilities_fire_together() -> None:
    happened = np.array([1.0] * 10 + [0.0] * 30)
    assert firing_threshold(np.full(40, 0.3), happened, 0.5) == NEVER
    assert firing_threshold(np.full(40, 0.3), happened, 0.25) == 0.3
