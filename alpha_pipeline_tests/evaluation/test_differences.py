import math

import numpy as np
import pytest

from alpha_pipeline.evaluation import metrics
from alpha_pipeline.evaluation.differences import detectable, judged, sharpe_difference, widening


def two(rng: np.random.Generator, n: int, edge: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Two strategies on one market, which moves both; the first has an edge a session, in standard deviations."""
    market = rng.normal(0.04, 0.8, n)
    return market + rng.normal(edge, 0.6, n), market + rng.normal(0, 0.6, n)


def test_the_value_is_the_difference_of_the_two_ratios() -> None:
    a, b = two(np.random.default_rng(1), 500)
    found = sharpe_difference(a / 100, b / 100)
    assert found.value == pytest.approx(metrics.sharpe(a / 100) - metrics.sharpe(b / 100))
    assert found.ci_low < found.value < found.ci_high
    other = sharpe_difference(b / 100, a / 100)
    assert (other.value, other.ci_low, other.ci_high) == pytest.approx((-found.value, -found.ci_high, -found.ci_low))
    assert found.n == 500


def test_on_noise_one_in_twenty_is_found() -> None:
    rng = np.random.default_rng(2)
    found = [sharpe_difference(*two(rng, 1000)).verdict != "undecided" for _ in range(200)]
    assert 0.02 <= np.mean(found) <= 0.08


def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(3)
    detected = np.mean([sharpe_difference(*two(rng, 1000)).minimum_detectable for _ in range(30)])
    edge = float(detected) / math.sqrt(252)  # Both have a standard deviation of 1.
    verdicts = [sharpe_difference(*two(rng, 1000, edge)).verdict for _ in range(100)]
    assert 0.70 <= np.mean([verdict == "better" for verdict in verdicts]) <= 0.90
    assert "worse" not in verdicts


def test_the_standard_error_is_that_of_theory_for_independent_returns() -> None:
    # Jobson and Korkie with Memmel's correction: (2 - 2 r) / n for ratios near 0.
    a, b = two(np.random.default_rng(4), 4000)
    r = float(np.corrcoef(a, b)[0, 1])
    error = math.sqrt((2 - 2 * r) / 4000 * 252)
    assert sharpe_difference(a, b).minimum_detectable == pytest.approx(2.8016 * error, rel=0.15)
    assert detectable(1.0) == pytest.approx(2.8016, abs=1e-4)


def test_what_moves_both_cancels() -> None:
    a, b = two(np.random.default_rng(5), 800)
    paired = sharpe_difference(a, b).minimum_detectable
    assert paired < 0.75 * sharpe_difference(a, np.roll(b, 400)).minimum_detectable


def test_few_blocks_make_an_interval_wider() -> None:
    # Eighteen months are 19 blocks: Student's quantile with 17.6 degrees of freedom.
    assert widening(372) == pytest.approx(2.1045 / 1.9600, abs=1e-3)
    assert widening(2385) == pytest.approx(1.01, abs=0.003)
    assert widening(20) == widening(40) > 6, "two blocks tell next to nothing"


def test_the_same_ledger_twice_is_undecided() -> None:
    a, _ = two(np.random.default_rng(6), 200)
    found = sharpe_difference(a, a)
    assert (found.value, found.ci_low, found.ci_high, found.p_value, found.verdict) == (0, 0, 0, 1, "undecided")


def test_a_strategy_in_cash_has_a_ratio_of_0() -> None:
    a, _ = two(np.random.default_rng(7), 200)
    assert sharpe_difference(a, np.zeros(200)).value == pytest.approx(metrics.sharpe(a))


def test_unpaired_ledgers_are_refused() -> None:
    with pytest.raises(ValueError, match="a has 3 returns and b 2"):
        sharpe_difference(np.ones(3), np.ones(2))


def test_a_difference_that_most_resamples_leave_undefined_is_undecided() -> None:
    found = judged(0.3, np.array([0.1, math.nan, math.nan]), 5)
    assert math.isnan(found.ci_low)
    assert found.verdict == "undecided"


def test_the_p_value_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        found = judged(0.0, rng.normal(rng.uniform(-3, 3), 1, 999), 1)
        if abs(found.p_value - 0.05) > 0.01:
            assert (found.p_value < 0.05) == (found.verdict != "undecided")
