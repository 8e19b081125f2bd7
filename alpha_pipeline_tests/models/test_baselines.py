"""The baselines against textbook answers."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import Ridge as SklearnRidge

from alpha_pipeline.models.architectures import ExpandingMeanArchitecture, LastValueArchitecture, RidgeArchitecture
from alpha_pipeline.models.baselines import ExpandingMean, LastValue, Ridge
from alpha_pipeline.models.contract import WindowSet, student_t_scale


def windows_of(n: int, f: int, seed: int) -> torch.Tensor:
    return torch.randn(n, 3, f, generator=torch.Generator().manual_seed(seed))


def test_expanding_mean_is_the_mean_of_all_labels() -> None:
    model = ExpandingMean(ExpandingMeanArchitecture(kind="expanding_mean"), horizons=1)
    model.fit(
        WindowSet(windows_of(2, 1, 0), torch.tensor([[1.0], [2.0]])),
        WindowSet(windows_of(1, 1, 1), torch.tensor([[6.0]])),
    )
    assert model(windows_of(4, 1, 2)).location.ravel().tolist() == [3.0] * 4


def test_the_last_value_forecasts_no_change() -> None:
    model = LastValue(LastValueArchitecture(kind="last_value"), horizons=1)
    targets = torch.tensor([[1.0], [3.0], [5.0]])
    model.fit(WindowSet(windows_of(2, 1, 0), targets[:2]), WindowSet(windows_of(1, 1, 1), targets[2:]))
    prediction = model(windows_of(4, 1, 2))
    assert prediction.location.ravel().tolist() == [0.0] * 4
    torch.testing.assert_close(prediction.log_scale[0], student_t_scale(targets, 5.0).log())


def test_ridge_is_sklearns() -> None:
    model = Ridge(RidgeArchitecture(kind="ridge", penalties=(0.7,)), inputs=4, horizons=2)
    training, validation = windows_of(80, 4, 0), windows_of(20, 4, 1)
    targets = torch.randn(100, 2) + torch.cat((training, validation))[:, -1, :2]
    model.fit(WindowSet(training, targets[:80]), WindowSet(validation, targets[80:]))
    x = torch.cat((training, validation))[:, -1].numpy()
    theirs = SklearnRidge(alpha=0.7 * 100).fit(x, targets.numpy())
    np.testing.assert_allclose(model.weight.numpy(), theirs.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model(windows_of(9, 4, 2)).location, theirs.predict(windows_of(9, 4, 2)[:, -1]), rtol=1e-4
    )


def test_the_validation_slice_chooses_the_penalty_per_horizon() -> None:
    """A horizon that repeats its signal wants a small penalty, one that reverses it a large one."""
    training, validation = windows_of(300, 2, 0), windows_of(100, 2, 1)
    signal, out = training[:, -1, 0], validation[:, -1, 0]
    model = Ridge(RidgeArchitecture(kind="ridge", penalties=(0.01, 100.0)), inputs=2, horizons=2)
    model.fit(
        WindowSet(training, torch.stack((signal, signal), dim=1)),
        WindowSet(validation, torch.stack((out, -out), dim=1)),
    )
    assert model.penalty.tolist() == [0.01, 100.0]


def test_ridge_forecasts_a_row_the_same_in_any_batch() -> None:
    model = Ridge(RidgeArchitecture(kind="ridge"), inputs=37, horizons=2)
    training = windows_of(200, 37, 0)
    model.fit(WindowSet(training, torch.randn(200, 2)), WindowSet(training[:50], torch.randn(50, 2)))
    whole = model(training).location
    for size in (1, 2, 7, 64):
        assert torch.equal(model(training[:size]).location, whole[:size])


@pytest.mark.parametrize("df", [3.0, 5.0, 30.0])
def test_the_scale_is_scipys_maximum_likelihood(df: float) -> None:
    draws = stats.t.rvs(df, scale=1.7, size=3_000, random_state=0)
    _, _, expected = stats.t.fit(draws, fdf=df, floc=0)
    assert float(student_t_scale(torch.tensor(draws)[:, None], df)) == pytest.approx(expected, rel=1e-3)
