"""Boosted trees: what they learn, when they stop, and that their text is the whole model."""

import numpy as np
import torch

from alpha_pipeline.models.architectures import LightGBMArchitecture
from alpha_pipeline.models.boosted import LightGBM
from alpha_pipeline.models.contract import WindowSet


def sets(n: int = 1_200) -> tuple[WindowSet, WindowSet]:
    """Horizon 1 is a step of the first input, horizon 2 noise; the last third is for validation."""
    generator = torch.Generator().manual_seed(0)
    windows = torch.randn(n, 3, 4, generator=generator)
    step = (windows[:, -1, 0] > 0).float() * 2 - 1
    targets = torch.stack((step, torch.zeros(n)), dim=1) + torch.randn(n, 2, generator=generator)
    cut = 2 * n // 3
    return WindowSet(windows[:cut], targets[:cut]), WindowSet(windows[cut:], targets[cut:])


def fitted() -> LightGBM:
    model = LightGBM(LightGBMArchitecture(kind="lightgbm", learning_rate=0.1), inputs=4, horizons=2)
    model.fit(*sets())
    return model


def test_it_finds_the_step_and_leaves_the_noise() -> None:
    model, (_, held_out) = fitted(), sets()
    location = model(held_out.windows).location.numpy()
    assert np.corrcoef(location[:, 0], held_out.targets[:, 0])[0, 1] > 0.6
    assert location[:, 1].std() < 0.3 * location[:, 0].std()


def test_its_state_is_the_whole_model() -> None:
    model, (training, _) = fitted(), sets()
    fresh = LightGBM(model.architecture, inputs=4, horizons=2)
    fresh.load_state_dict(model.state_dict())
    for ours, theirs in zip(model(training.windows), fresh(training.windows), strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)


def test_a_row_is_forecast_the_same_in_any_batch() -> None:
    model, (training, _) = fitted(), sets()
    whole = model(training.windows).location
    assert torch.equal(model(training.windows[5:6]).location, whole[5:6])
