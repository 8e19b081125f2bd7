import math
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss, mean_pinball_loss, roc_auc_score

from alpha_pipeline.evaluation import metrics


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_returns_by_hand() -> None:
    returns = np.array([0.1, -0.5, 0.2])
    assert metrics.max_drawdown(returns) == pytest.approx(-0.5)
    assert metrics.cagr(returns) == pytest.approx((1.1 * 0.5 * 1.2) ** 84 - 1)
    assert metrics.sharpe(np.array([0.0, 0.02])) == pytest.approx(0.01 / (0.01 * math.sqrt(2)) * math.sqrt(252))


def test_a_loss_on_the_first_session_is_a_drawdown() -> None:
    assert metrics.max_drawdown(np.array([-0.2, 0.1])) == pytest.approx(-0.2)
    assert metrics.max_drawdown(np.array([0.1, 0.1])) == 0


def test_trading_everything_once_a_quarter_is_four_turnovers_a_year() -> None:
    assert metrics.annual_turnover(np.array([1.0] + [0.0] * 62)) == pytest.approx(4)


def test_sharpe_of_a_year_of_constant_growth_is_undefined() -> None:
    assert math.isnan(metrics.sharpe(np.full(10, 0.01) * 0))
    assert math.isnan(metrics.sharpe(np.array([0.01])))


@pytest.mark.parametrize("decimals", [10, 1])  # One decimal makes many ties.
def test_correlations_and_auc_are_those_of_scipy_and_sklearn(decimals: int, rng: np.random.Generator) -> None:
    y = rng.normal(size=300)
    x = np.round(0.3 * y + rng.normal(size=300), decimals)
    assert metrics.information_coefficient(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert metrics.rank_ic(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert metrics.auc(x, y > 0) == pytest.approx(roc_auc_score(y > 0, x))


def test_brier_is_that_of_sklearn_and_the_base_rate_has_no_skill(rng: np.random.Generator) -> None:
    probability, event = rng.random(200), rng.random(200) < 0.6
    base = np.full(200, 0.6)
    assert metrics.brier(probability, event) == pytest.approx(brier_score_loss(event, probability))
    assert metrics.brier_skill(base, event, base) == 0
    assert metrics.brier_skill(event.astype(float), event, base) == 1
    assert metrics.brier_skill(probability, event, base) < 0


def test_direction_needs_more_than_an_even_chance() -> None:
    prob_up, rose = np.array([0.6, 0.5, 0.4, 0.9]), np.array([True, True, False, False])
    assert metrics.direction_accuracy(prob_up, rose) == 0.5


def test_r2_against_no_change() -> None:
    realised = np.array([0.01, -0.02])
    assert metrics.r2_naive(np.zeros(2), realised) == 0
    assert metrics.r2_naive(realised, realised) == 1
    assert metrics.r2_naive(-realised, realised) == pytest.approx(-3)


def test_what_is_undefined_is_nan_and_warns_nobody() -> None:
    constant, moving = np.ones(5), np.arange(5.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        undefined = [
            metrics.information_coefficient(constant, moving),
            metrics.rank_ic(moving, constant),
            metrics.auc(moving, np.ones(5, bool)),
            metrics.cagr(np.array([])),
            metrics.annual_turnover(np.array([])),
            metrics.brier(np.array([]), np.array([], bool)),
            metrics.brier_skill(constant, np.ones(5, bool), constant),
            metrics.r2_naive(moving, constant * 0),
            metrics.direction_accuracy(np.array([]), np.array([], bool)),
        ]
    assert all(map(math.isnan, undefined))


def test_log_and_pinball_losses_are_those_of_sklearn(rng: np.random.Generator) -> None:
    probability, event = rng.uniform(0.02, 0.98, 300), rng.random(300) < 0.4
    assert metrics.log_loss(probability, event) == pytest.approx(log_loss(event, probability))
    low, high, came = rng.normal(-1, 0.2, 300), rng.normal(1, 0.2, 300), rng.normal(size=300)
    ends = mean_pinball_loss(came, low, alpha=0.05) + mean_pinball_loss(came, high, alpha=0.95)
    assert metrics.pinball_losses(low, high, came).mean() == pytest.approx(ends)


def test_a_sure_forecast_that_is_wrong_once_stays_finite() -> None:
    assert 10 < metrics.log_loss(np.array([0.0]), np.array([True])) < 20


def test_skill_is_what_is_saved_of_the_rivals_loss() -> None:
    assert metrics.skill(np.array([1.0, 2.0]), np.array([4.0, 2.0])) == 0.5
    assert math.isnan(metrics.skill(np.zeros(2), np.zeros(2)))


def test_calibration_error_by_hand() -> None:
    # Two bins: ten forecasts of .2 with 4 events, ten of .7 with 5; each is .2 off.
    probability = np.repeat([0.2, 0.7], 10)
    event = np.concatenate([np.arange(10) < 4, np.arange(10) < 5])
    assert metrics.calibration_error(probability, event) == pytest.approx(0.2)


def test_forecasts_without_fault_show_the_calibration_error_of_chance(rng: np.random.Generator) -> None:
    probability = rng.uniform(0.3, 0.7, 2_000)
    shown = [metrics.calibration_error(probability, rng.random(2_000) < probability) for _ in range(200)]
    assert metrics.calibration_error_by_chance(probability) == pytest.approx(np.mean(shown), rel=0.05)
    assert metrics.calibration_error(probability + 0.1, rng.random(2_000) < probability) > 2 * np.mean(shown)


def test_the_naive_interval_covers_nine_normal_returns_of_ten(rng: np.random.Generator) -> None:
    volatility = rng.uniform(0.01, 0.03, 20_000)
    low, high = metrics.naive_interval(volatility)
    assert metrics.coverage(low, high, rng.normal(0, volatility)) == pytest.approx(0.9, abs=0.01)


def test_qlike_is_least_where_the_forecast_is_what_came() -> None:
    came = np.array([0.1, -0.05])
    assert metrics.qlike_losses(came, came) == pytest.approx([0, 0])
    # The squared index came out e^.2 times as high as forecast.
    assert metrics.qlike_losses(np.zeros(1), np.array([0.1])) == pytest.approx(math.exp(0.2) - 0.2 - 1)
