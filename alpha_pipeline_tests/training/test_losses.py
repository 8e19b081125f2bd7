"""The loss against scipy, and its bounded pull."""

import math

import pytest
import torch
from scipy import optimize, stats
from torch.nn import functional as F

from alpha_pipeline.models.contract import Prediction, WindowSet
from alpha_pipeline.models.events import BullEvent, SpikeEvent
from alpha_pipeline.training.losses import event_loss, objective, student_t_nll


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


def test_with_equal_weights_an_event_is_scored_by_its_log_loss() -> None:
    torch.manual_seed(0)
    log_odds, happened = torch.randn(40, 2), torch.rand(40, 2).round()
    expected = F.binary_cross_entropy_with_logits(log_odds, happened)
    torch.testing.assert_close(event_loss(SpikeEvent(kind="spike"), log_odds, happened), expected)


@pytest.mark.parametrize("precision", [0.2, 0.4, 0.7])
def test_the_log_odds_stay_honest_whatever_a_false_alarm_costs(precision: float) -> None:
    """The constant that loses least is the base rate's."""
    happened = (torch.arange(100) < 30).double()[:, None]
    event = BullEvent(kind="bull", precision=precision)
    best = optimize.minimize_scalar(
        lambda z: float(event_loss(event, torch.full((100, 1), z, dtype=torch.float64), happened)), bounds=(-6, 6)
    )
    assert stats.logistic.cdf(best.x) == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("precision", [0.3, 0.5, 0.8])
def test_where_firing_just_pays_a_miss_and_a_false_alarm_pull_as_they_cost(precision: float) -> None:
    event = BullEvent(kind="bull", precision=precision)
    balance = math.log(event.false_alarm_cost / event.miss_cost)
    pulls = []
    for happened in (1.0, 0.0):
        log_odds = torch.full((1, 1), balance, dtype=torch.float64, requires_grad=True)
        event_loss(event, log_odds, torch.full((1, 1), happened, dtype=torch.float64)).backward()
        assert log_odds.grad is not None
        pulls.append(abs(float(log_odds.grad)))
    assert pulls[1] / pulls[0] == pytest.approx(4.0 * precision / (1 - precision) / 5.0)


def test_the_objective_adds_the_event_only_where_there_is_one() -> None:
    torch.manual_seed(0)
    targets, happened = torch.randn(8, 2), torch.rand(8, 2).round()
    plain = Prediction(torch.zeros(8, 2), torch.zeros(8, 2), torch.full((2,), 5.0))
    batch = WindowSet(torch.zeros(8, 3, 1), targets, happened)
    assert objective(None)(plain, batch) == student_t_nll(plain, targets)
    event = BullEvent(kind="bull", weight=3.0)
    odds = torch.randn(8, 2)
    both = objective(event)(plain._replace(event_logits=odds), batch)
    torch.testing.assert_close(both, student_t_nll(plain, targets) + 3 * event_loss(event, odds, happened))
