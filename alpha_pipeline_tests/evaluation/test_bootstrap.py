import math

import numpy as np
import pytest

from alpha_pipeline.evaluation import bootstrap
from alpha_pipeline.evaluation.bootstrap import Interval
from alpha_pipeline.evaluation.linearised import mean


def mean_interval(values: np.ndarray, mean_block: float = 5) -> Interval:
    """Of the mean; values is (n_sessions,)."""
    form = mean(values)
    return bootstrap.interval(form.statistic(bootstrap.resampled_totals(form.columns, mean_block=mean_block)))


def test_every_resample_draws_as_many_sessions_and_the_same_seed_the_same() -> None:
    counts = bootstrap.resampled_counts(250, 50, 20, 3)
    assert (counts.sum(axis=1) == 250).all()
    assert (bootstrap.resampled_counts.__wrapped__(250, 50, 20, 3) == counts).all()
    assert (bootstrap.resampled_counts(250, 50, 20, 4) != counts).any()


def test_every_session_is_drawn_equally_often() -> None:
    # The wrap around the end: without it the first and last sessions would be drawn less.
    drawn = bootstrap.resampled_counts(60, 4000, 20, 5).mean(axis=0)
    np.testing.assert_allclose(drawn, 1, atol=0.12)


def test_blocks_have_the_mean_length_asked_for() -> None:
    counts = bootstrap.resampled_counts(2000, 100, 20, 6)
    # Within a block neighbours are drawn together; a draw stands next to its successor 19 times in 20.
    neighbours = np.mean(counts[:, 1:] * counts[:, :-1]) - 1
    assert neighbours == pytest.approx(0.95, abs=0.06)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    covered = [low <= 0 <= high for low, high in (mean_interval(rng.normal(size=250)) for _ in range(300))]
    assert 0.90 <= np.mean(covered) <= 0.98


def test_dependent_sessions_need_blocks() -> None:
    # An AR(1) of .7 has a mean 2.4 times as uncertain as independent draws would say.
    rng = np.random.default_rng(8)
    noise = rng.normal(size=(200, 500))
    paths = np.zeros_like(noise)
    for t in range(1, 500):
        paths[:, t] = 0.7 * paths[:, t - 1] + noise[:, t]
    blocks = [low <= 0 <= high for low, high in (mean_interval(path, 20) for path in paths)]
    singles = [low <= 0 <= high for low, high in (mean_interval(path, 1) for path in paths)]
    assert np.mean(blocks) > 0.85
    assert np.mean(singles) < 0.70


def test_ten_copies_of_a_ticker_are_no_more_evidence_than_one() -> None:
    values = np.random.default_rng(9).normal(size=400)
    once = bootstrap.interval(mean(values).statistic(bootstrap.resampled_totals(mean(values).columns)))
    form = mean(np.repeat(values, 10))
    by_date = form.columns.reshape(400, 10, 2).sum(axis=1)
    pooled = bootstrap.interval(form.statistic(bootstrap.resampled_totals(by_date)))
    np.testing.assert_allclose(pooled, once)


def test_a_figure_that_most_resamples_leave_undefined_has_no_interval() -> None:
    values = np.array([1.0, math.nan, math.nan])
    assert all(map(math.isnan, bootstrap.interval(values)))
    assert bootstrap.interval(np.array([1.0, 2.0, math.nan])).low == pytest.approx(1.025)
