"""Probabilities of a Student-t forecast."""

import numpy as np
import pytest

from alpha_pipeline.models.predictive import SPIKE_LOG_RETURN, flagging_threshold, prob_above, standard_deviation


def test_probabilities_by_hand() -> None:
    location, scale, df = np.array([[0.0], [1.0]]), np.ones((2, 1)), np.array([1e9])
    assert prob_above(0.0, location, scale, df).ravel() == pytest.approx([0.5, 0.8413447])


def test_a_spike_is_more_than_ten_per_cent() -> None:
    assert np.exp(SPIKE_LOG_RETURN) == pytest.approx(1.1)


def test_the_threshold_flags_the_base_rate() -> None:
    probabilities = np.linspace(0, 1, 1_001)
    threshold = flagging_threshold(probabilities, 0.085)
    assert (probabilities > threshold).mean() == pytest.approx(0.085, abs=1e-3)
    assert flagging_threshold(probabilities, 0.0) == 1.0


def test_a_student_t_spreads_more_than_its_scale() -> None:
    assert standard_deviation(np.array([[2.0]]), np.array([4.0])) == pytest.approx(2 * np.sqrt(2))
