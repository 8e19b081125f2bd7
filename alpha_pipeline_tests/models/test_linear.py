"""The closed forms against scikit-learn, and what a hybrid that starts from them forecasts."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as SklearnRidge

from alpha_pipeline.models.architectures import HybridArchitecture
from alpha_pipeline.models.contract import WindowSet
from alpha_pipeline.models.hybrid import Hybrid
from alpha_pipeline.models.linear import logistic, ridge

N, F, H = 400, 5, 2


def world() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs (N, F), targets (N, H) and events (N, H) that depend on them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, F, generator=generator, dtype=torch.float64)
    y = x[:, :H] + torch.randn(N, H, generator=generator, dtype=torch.float64)
    return x, y, (y > 1.0).double()


def test_ridge_is_sklearns() -> None:
    x, y, _ = world()
    weight, intercept = ridge(x, y, torch.tensor([0.3, 0.3], dtype=torch.float64))
    theirs = SklearnRidge(alpha=0.3 * N).fit(x, y)
    np.testing.assert_allclose(weight, theirs.coef_, rtol=1e-9)
    np.testing.assert_allclose(intercept, theirs.intercept_, rtol=1e-9)


def test_logistic_is_sklearns() -> None:
    x, _, happened = world()
    penalties = torch.tensor([0.02, 0.2], dtype=torch.float64)
    weight, intercept = logistic(x, happened, penalties)
    for column, penalty in enumerate(penalties.tolist()):
        theirs = LogisticRegression(C=1 / (penalty * N), tol=1e-10).fit(x, happened[:, column])
        np.testing.assert_allclose(weight[column], theirs.coef_[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(intercept[column], theirs.intercept_[0], rtol=1e-4)


@pytest.mark.parametrize("has_event", [False, True])
def test_a_hybrid_can_start_from_the_regressions(has_event: bool) -> None:
    x, y, happened = world()
    windows = torch.randn(N, 6, F)
    windows[:, -1] = x.float()
    torch.manual_seed(0)
    architecture = HybridArchitecture(kind="hybrid", width=8, heads=2, linear_start=0.3)
    model = Hybrid(architecture, F, H, has_event=has_event)
    model.prepare(WindowSet(windows, y.float(), happened.float()))
    with torch.no_grad():
        prediction = model.eval()(windows)
    weight, intercept = ridge(x, y, torch.full((H,), 0.3, dtype=torch.float64))
    expected = x @ weight.T + intercept
    # The summary of the encoder starts with weights of a thousandth.
    torch.testing.assert_close(prediction.location.double(), expected, rtol=0, atol=0.02)
    assert (prediction.event_logits is not None) == has_event
    if prediction.event_logits is not None:
        rate = happened.mean(dim=0)
        weight, intercept = logistic(x, happened, 0.3 * rate * (1 - rate))
        torch.testing.assert_close(prediction.event_logits.double(), x @ weight.T + intercept, rtol=0, atol=0.02)
