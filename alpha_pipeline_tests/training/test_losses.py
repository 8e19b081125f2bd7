"""The loss against scipy, and its bounded pull."""

import torch
from scipy import stats

from alpha_pipeline.models.contract import Prediction
from alpha_pipeline.training.losses import student_t_nll


def test_the_loss_is_scipys_negative_log_density() -> None:
    torch.manual_seed(0)
    y, location, log_scale = torch.randn(50, 2).double(), torch.randn(50, 2).double(), torch.randn(50, 2).double()
    df = torch.tensor([3.0, 8.0]).double()
    expected = -stats.t.logpdf(y.numpy(), df.numpy(), location.numpy(), log_scale.exp().numpy()).mean()
    assert abs(float(student_t_nll(Prediction(location, log_scale, df), y)) - expected) < 1e-12


def test_a_crash_pulls_no_harder_than_a_bad_day() -> None:
    pulls = []
    for y in (3.0, 100.0):
        location = torch.zeros(1, 1, requires_grad=True)
        student_t_nll(Prediction(location, torch.zeros(1, 1), torch.tensor([5.0])), torch.tensor([[y]])).backward()
        assert location.grad is not None
        pulls.append(abs(float(location.grad)))
    assert pulls[1] < pulls[0]
