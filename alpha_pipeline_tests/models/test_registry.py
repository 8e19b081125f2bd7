"""Every architecture through the one interface: shapes, gradients, and what it must not depend on."""

import numpy as np
import pytest
import torch
from torch import Tensor

from alpha_pipeline.models.contract import ClosedFormModel, Model, TrainedModel, WindowSet
from alpha_pipeline.models.registry import build
from alpha_pipeline.models.v17 import V17
from alpha_pipeline.training.losses import objective
from alpha_pipeline_tests.learning_world import ARCHITECTURES, TRAINED, experiment

T, F, H = 16, 5, 2


def model_of(kind: str, *, level_matters: bool = False) -> TrainedModel | ClosedFormModel:
    torch.manual_seed(0)
    made = experiment(kind)
    return build(
        made.architecture,
        inputs=F,
        window=T,
        horizons=H,
        level_matters=level_matters,
        has_event=made.event is not None,
    )


def price_windows(n: int, level: float = 300.0) -> Tensor:
    """Log OHLC and log volume of random walks."""
    rng = np.random.default_rng(0)
    close = np.log(level) + rng.normal(0, 0.01, (n, T)).cumsum(axis=1)
    bars = close[:, :, None] + rng.normal(0, 0.003, (n, T, 5))
    bars[:, :, 3], bars[:, :, 4] = close, rng.normal(10, 0.3, (n, T))
    return torch.tensor(bars, dtype=torch.float32)


def fitted(model: Model, windows: Tensor) -> Model:
    data = WindowSet(windows, torch.randn(len(windows), H), torch.rand(len(windows), H).round())
    if isinstance(model, ClosedFormModel):
        model.fit(data, data)
    elif isinstance(model, TrainedModel):
        model.prepare(data)
    return model.eval()


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
def test_shapes(kind: str) -> None:
    windows = price_windows(40)
    prediction = fitted(model_of(kind), windows)(windows)
    assert prediction.location.shape == prediction.log_scale.shape == (40, H)
    assert prediction.degrees_of_freedom.shape == (H,)
    assert (prediction.degrees_of_freedom > 2).all()
    has_event = experiment(kind).event is not None
    assert (prediction.event_logits is not None) == has_event
    assert prediction.event_logits is None or prediction.event_logits.shape == (40, H)


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("level_matters", [False, True])
def test_every_parameter_gets_a_gradient(kind: str, level_matters: bool) -> None:
    model = model_of(kind, level_matters=level_matters)
    windows = price_windows(64)
    fitted(model, windows).train()
    batch = WindowSet(windows, torch.randn(64, H), torch.rand(64, H).round())
    (objective(experiment(kind).event)(model(windows), batch) + model.penalty()).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("kind", TRAINED)
def test_training_starts_from_the_expanding_mean(kind: str) -> None:
    windows, targets = price_windows(200), 0.3 + 2 * torch.randn(200, H)
    model = model_of(kind)
    assert isinstance(model, TrainedModel)
    model.prepare(WindowSet(windows, targets))
    with torch.no_grad():
        for parameter in (model.head.location.weight, model.head.log_scale.weight):
            parameter.zero_()
        prediction = model.eval()(windows)
    torch.testing.assert_close(prediction.location[0], targets.mean(dim=0))
    assert (prediction.log_scale.std(dim=0) == 0).all()


def test_an_event_starts_from_its_base_rate() -> None:
    model = model_of("sniper")
    assert isinstance(model, TrainedModel)
    happened = (torch.arange(200)[:, None] < torch.tensor([20, 100])).float()
    model.prepare(WindowSet(price_windows(200), torch.randn(200, H), happened))
    with torch.no_grad():
        model.event_head.log_odds.weight.zero_()
        odds = model.eval()(price_windows(3)).event_logits
    torch.testing.assert_close(torch.sigmoid(odds[0]), torch.tensor([21 / 202, 101 / 202]))


@pytest.mark.parametrize("kind", ["v17", "v17_no_kan", "v17_no_revin"])
def test_v17_does_not_see_the_price_level(kind: str) -> None:
    """Prepared at a price of 300, it forecasts the same path the same at 500 and at 0.03."""
    model = fitted(model_of(kind), price_windows(64))
    at_300 = model(price_windows(8, level=300.0))
    for level in (500.0, 0.03):
        elsewhere = model(price_windows(8, level=level))
        torch.testing.assert_close(elsewhere.location, at_300.location, rtol=0, atol=2e-4)
        torch.testing.assert_close(elsewhere.log_scale, at_300.log_scale, rtol=0, atol=2e-4)


def test_v17_sees_the_level_of_an_index() -> None:
    model = model_of("v17", level_matters=True)
    torch.nn.init.ones_(model.head.location.weight)
    fitted(model, torch.cat((price_windows(64, 15.0), price_windows(64, 25.0))))
    gap = model(price_windows(8, 25.0)).location - model(price_windows(8, 15.0)).location
    assert (gap > 1.0).all()  # two standard deviations of the prepared levels, weight 1


def test_v17_sees_the_volatility_that_revin_takes_away() -> None:
    model = model_of("v17")
    torch.nn.init.ones_(model.head.location.weight)
    calm = price_windows(64)
    middle = calm.mean(dim=1, keepdim=True)
    wild = middle + 3 * (calm - middle)
    fitted(model, torch.cat((calm, wild)))
    assert (model(wild).location - model(calm).location > 1.0).all()


def test_without_revin_changes_are_in_units_of_the_training_slice() -> None:
    """To RevIN a window that moves three times as much looks alike; without it its changes are three times as large."""
    calm = price_windows(64)
    middle = calm.mean(dim=1, keepdim=True)
    wild = middle + 3 * (calm - middle)
    plain, normalised = (fitted(model_of(kind), calm) for kind in ("v17_no_revin", "v17"))
    assert isinstance(plain, V17)
    assert isinstance(normalised, V17)
    spread = plain.changes(calm).std(dim=0)
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=0.02, atol=0)
    torch.testing.assert_close(plain.changes(wild), (3 * plain.changes(calm)).clamp(-5, 5), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(normalised.changes(wild), normalised.changes(calm), rtol=1e-3, atol=1e-3)


def test_the_ablation_has_about_as_many_parameters() -> None:
    with_kan, without = (sum(p.numel() for p in model_of(kind).parameters()) for kind in ("v17", "v17_no_kan"))
    assert without == pytest.approx(with_kan, rel=0.15)


def test_only_bends_are_penalised_and_the_ablation_has_none() -> None:
    model, perceptron = model_of("v17"), model_of("v17_no_kan")
    assert isinstance(model, TrainedModel)
    assert isinstance(perceptron, TrainedModel)
    bent = float(torch.as_tensor(model.penalty()).detach())
    with torch.no_grad():
        for layer in (model.kan, model.deeper_kan):
            layer.coefficients[..., 1:] = 0
    assert 0 < float(torch.as_tensor(model.penalty()).detach()) < bent
    assert perceptron.penalty() == 0.0


def test_v17_survives_a_halted_stock() -> None:
    windows = torch.full((4, T, F), 5.0)
    prediction = fitted(model_of("v17"), price_windows(64))(windows)
    assert torch.isfinite(prediction.location).all()
    assert torch.isfinite(prediction.log_scale).all()
