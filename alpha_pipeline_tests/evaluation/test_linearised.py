from collections.abc import Callable

import numpy as np
import pytest

from alpha_pipeline.evaluation import bootstrap, linearised, metrics
from alpha_pipeline.evaluation.linearised import Summable

N = 400


def world(decimals: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = rng.standard_t(4, size=N)
    return np.round(0.3 * y + rng.normal(size=N), decimals), y


CASES = {
    "ic": (linearised.correlation, metrics.information_coefficient),
    "rank_ic": (linearised.rank_correlation, metrics.rank_ic),
    "auc": (
        lambda x, y: linearised.area_under_roc(x, y > 0),
        lambda x, y: metrics.auc(x, y > 0),
    ),
    "brier": (
        lambda x, y: linearised.mean((1 / (1 + np.exp(-x)) - (y > 0)) ** 2),
        lambda x, y: metrics.brier(1 / (1 + np.exp(-x)), y > 0),
    ),
    "r2_naive": (lambda x, y: linearised.skill((y - x) ** 2, y**2), metrics.r2_naive),
}
Form = Callable[[np.ndarray, np.ndarray], Summable]
Value = Callable[[np.ndarray, np.ndarray], float]


@pytest.mark.parametrize("decimals", [10, 1])  # One decimal makes many ties.
@pytest.mark.parametrize(("form", "value"), CASES.values(), ids=CASES)
def test_on_the_whole_sample_it_is_the_metric(form: Form, value: Value, decimals: int) -> None:
    x, y = world(decimals)
    part = form(x, y)
    assert float(part.statistic(part.columns.sum(axis=0))) == pytest.approx(value(x, y))


@pytest.mark.parametrize(("form", "value"), CASES.values(), ids=CASES)
def test_its_interval_is_that_of_computing_the_metric_on_every_resample(form: Form, value: Value) -> None:
    x, y = world()
    counts = bootstrap.resampled_counts(N, 600, 5, 2)
    drawn = [np.repeat(np.arange(N), row.astype(int)) for row in counts]
    exact = bootstrap.interval(np.array([value(x[i], y[i]) for i in drawn]))
    part = form(x, y)
    fast = bootstrap.interval(part.statistic(counts @ part.columns))
    assert fast == pytest.approx(exact, abs=0.12 * (exact.high - exact.low))
    assert fast.high - fast.low == pytest.approx(exact.high - exact.low, rel=0.1)
