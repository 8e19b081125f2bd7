import math
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

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
