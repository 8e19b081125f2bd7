"""Recording: the same results with and without."""

import logging

import pytest
import torch
from torch import Tensor

from alpha_pipeline.training.capture import Captured

GPU = torch.cuda.is_available()


class Sum:
    """Adds to a total where it is told to."""

    def __init__(self, device: str) -> None:
        self.total = torch.zeros(3, device=device)
        self.calls = 0

    def __call__(self, values: Tensor, active: Tensor) -> None:
        self.calls += 1
        torch.where(active, self.total + values, self.total, out=self.total)


def idle(device: str) -> tuple[Tensor, Tensor]:
    return torch.zeros(3, device=device), torch.zeros(3, dtype=torch.bool, device=device)


def added(captured: Captured, device: str) -> None:
    for value in (1.0, 2.0):
        captured(torch.full((3,), value, device=device), torch.tensor([True, False, True], device=device))


def test_without_a_recording_the_function_is_called() -> None:
    function = Sum("cpu")
    added(Captured(function, idle("cpu"), record=False), "cpu")
    assert function.total.tolist() == [3, 0, 3]
    assert function.calls == 2


@pytest.mark.skipif(GPU, reason="here a recording would succeed")
def test_a_recording_that_fails_is_told_once_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    function = Sum("cpu")
    with caplog.at_level(logging.WARNING):
        added(Captured(function, idle("cpu"), record=True), "cpu")
    assert function.total.tolist() == [3, 0, 3]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "Training steps are not recorded as CUDA graphs and run slower"
    ]


@pytest.mark.skipif(not GPU, reason="needs a CUDA device")
def test_what_is_recorded_is_replayed_without_the_function() -> None:
    function = Sum("cuda")
    captured = Captured(function, idle("cuda"), record=True)
    rehearsed = function.calls
    added(captured, "cuda")
    assert function.total.tolist() == [3, 0, 3]
    assert function.calls == rehearsed
