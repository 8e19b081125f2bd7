import itertools
import math

import numpy as np
import pytest
from arch.bootstrap import SPA
from scipy.stats import kurtosis, rankdata, skew

from alpha_pipeline.evaluation import luck
from alpha_pipeline.evaluation.bootstrap import MEAN_BLOCK, N_RESAMPLES, SEED


def test_the_example_of_bailey_and_lopez_de_prado() -> None:
    # The Deflated Sharpe Ratio, 2014: 2.5 a year over 1250 days of 250 a year, the best of 100 with a variance of 1/2.
    variance = 0.5 / 250
    assert luck.expected_maximum_sharpe(100, variance) == pytest.approx(0.1132, abs=5e-5)
    deflated = luck.deflated_sharpe(2.5 / math.sqrt(250), 1250, -3, 10, n_trials=100, variance=variance)
    assert deflated == pytest.approx(0.9004, abs=5e-5)
    # The same example after 46 independent trials: 95 %, where the strategy would just have been accepted.
    best = luck.deflated_sharpe(2.5 / math.sqrt(250), 1250, -3, 10, n_trials=46, variance=variance)
    assert best == pytest.approx(0.9505, abs=5e-4)


def test_the_best_of_many_without_skill_is_as_good_as_said() -> None:
    rng = np.random.default_rng(1)
    for n_trials in (5, 50, 300):
        best = rng.normal(0, 0.03, (4000, n_trials)).max(axis=1).mean()
        assert luck.expected_maximum_sharpe(n_trials, 0.03**2) == pytest.approx(best, rel=0.04)


def test_one_trial_has_no_luck_of_selection() -> None:
    assert luck.expected_maximum_sharpe(1, 0.5) == 0
    assert luck.expected_maximum_sharpe(1.01, 0.5) == 0
    alone = luck.deflated_sharpe(0.05, 500, 0, 3, n_trials=1, variance=0.01)
    assert alone == luck.probabilistic_sharpe(0.05, 500, 0, 3)


def test_without_skill_the_probability_is_uniform() -> None:
    rng = np.random.default_rng(2)
    said = []
    for _ in range(400):
        returns = rng.standard_t(6, 500) * 0.01
        moments = (float(returns.mean() / returns.std(ddof=1)), 500, float(skew(returns)), float(kurtosis(returns) + 3))
        said.append(luck.probabilistic_sharpe(*moments))
    assert np.mean(said) == pytest.approx(0.5, abs=0.05)
    assert 0.02 <= np.mean(np.array(said) > 0.95) <= 0.08


def test_crashes_make_a_ratio_less_certain() -> None:
    assert luck.probabilistic_sharpe(0.1, 250, -3, 20) < luck.probabilistic_sharpe(0.1, 250, 0, 3)
    assert math.isnan(luck.probabilistic_sharpe(0.1, 1, 0, 3))


def test_effective_trials_lie_between_one_and_all() -> None:
    assert luck.effective_trials(100, 1.0) == 1
    assert luck.effective_trials(100, 0.0) == 100
    assert luck.effective_trials(100, -0.3) == 100
    assert luck.effective_trials(100, 0.5) == pytest.approx(50.5)


def test_mean_correlation_is_that_of_numpy_and_bears_gaps() -> None:
    rng = np.random.default_rng(3)
    returns = rng.normal(size=(200, 4)) + rng.normal(size=(200, 1))
    assert luck.mean_correlation(returns) == pytest.approx(np.corrcoef(returns.T)[np.triu_indices(4, 1)].mean())
    returns[:150, 0] = np.nan
    own = [np.corrcoef(returns[150:, 0], returns[150:, j])[0, 1] for j in (1, 2, 3)]
    others = np.corrcoef(returns[:, 1:].T)[np.triu_indices(3, 1)]
    assert luck.mean_correlation(returns) == pytest.approx(np.mean([*own, *others]))
    assert math.isnan(luck.mean_correlation(returns[:, :1]))


def by_the_book(returns: np.ndarray, blocks: int) -> float:
    """The paper's recipe, step by step."""
    parts = np.split(returns, blocks)
    below = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[i] for i in chosen])
        outside = np.concatenate([parts[i] for i in range(blocks) if i not in chosen])
        best = np.argmax(inside.mean(axis=0) / inside.std(axis=0))
        rank = rankdata(outside.mean(axis=0) / outside.std(axis=0))[best] / (returns.shape[1] + 1)
        below.append(math.log(rank / (1 - rank)) <= 0)
    return float(np.mean(below))


def test_overfitting_is_that_of_the_papers_recipe() -> None:
    returns = np.random.default_rng(4).normal(size=(120, 7))
    assert luck.backtest_overfitting(returns, blocks=6) == pytest.approx(by_the_book(returns, 6))
    # Sessions that do not fill the blocks are left out at the start.
    assert luck.backtest_overfitting(np.vstack([np.full((3, 7), 9.0), returns]), blocks=6) == by_the_book(returns, 6)


def test_without_skill_the_best_is_below_the_median_half_of_the_time_and_with_skill_hardly_ever() -> None:
    rng = np.random.default_rng(5)
    noise = [luck.backtest_overfitting(rng.normal(size=(320, 9))) for _ in range(20)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.1)
    skilled = rng.normal(size=(640, 9))
    skilled[:, 3] += 0.3
    assert luck.backtest_overfitting(skilled) < 0.01


def test_overfitting_needs_a_choice_and_sessions() -> None:
    rng = np.random.default_rng(6)
    assert math.isnan(luck.backtest_overfitting(rng.normal(size=(320, 1))))
    assert math.isnan(luck.backtest_overfitting(rng.normal(size=(31, 5))))
    # What never moved has a ratio of 0 and is no error.
    assert 0 <= luck.backtest_overfitting(np.column_stack([np.zeros(320), rng.normal(size=320)])) <= 1


def test_superior_ability_finds_what_was_planted() -> None:
    rng = np.random.default_rng(7)
    losses = rng.normal(size=(600, 6))
    better = losses[:, 1:] - np.array([0, 0, 0.3, 0, 0])
    assert luck.superior_ability(losses[:, 0], better) < 0.01
    assert luck.superior_ability(losses[:, 0], losses[:, 1:] + 1) > 0.5, "all are worse"
    assert math.isnan(luck.superior_ability(losses[:, 0], losses[:, :1]))


def test_superior_ability_does_not_depend_on_the_unit_of_one_loss_and_is_that_of_arch() -> None:
    rng = np.random.default_rng(8)
    benchmark, losses = rng.normal(size=400), rng.normal(size=(400, 3)) - 0.05
    gains = benchmark[:, None] - losses
    test = SPA(np.zeros(400), -gains / gains.std(axis=0), block_size=MEAN_BLOCK, reps=N_RESAMPLES, seed=SEED)
    test.compute()
    assert luck.superior_ability(benchmark, losses) == test.pvalues["consistent"]
    wide = benchmark[:, None] - gains * np.array([1, 100, 1])
    assert luck.superior_ability(benchmark, wide) == pytest.approx(test.pvalues["consistent"])


def test_the_chance_of_superior_ability_on_noise_is_about_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luck, "N_RESAMPLES", 200)
    rng = np.random.default_rng(9)
    found = []
    for _ in range(40):
        losses = rng.normal(size=(300, 4))
        found.append(luck.superior_ability(losses[:, 0], losses[:, 1:]) < 0.1)
    # A bootstrap of few blocks is a little too sure: 12 % rather than 10.
    assert 0.02 <= np.mean(found) <= 0.25


def test_the_confidence_set_leaves_out_the_worse_and_keeps_its_order() -> None:
    rng = np.random.default_rng(10)
    common = rng.normal(size=(500, 1))
    losses = common + 0.5 * rng.normal(size=(500, 4)) + np.array([0, 0.4, 0, 0])
    p = luck.model_confidence(losses)
    assert p[1] <= luck.SIZE
    assert (p[[0, 2, 3]] > luck.SIZE).all()
    twice = luck.model_confidence(np.column_stack([losses, losses[:, 1]]))
    assert twice[4] == twice[1] <= luck.SIZE
    assert luck.model_confidence(losses[:, [0, 0]]).tolist() == [1, 1]
