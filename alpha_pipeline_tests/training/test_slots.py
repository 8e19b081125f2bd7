"""The number of slots: by the device and the architecture alone."""

import pytest

from alpha_pipeline.training.pool import StackingCrew
from alpha_pipeline.training.slots import LADDER, slot_bytes, slots_in
from alpha_pipeline_tests.learning_world import experiment
from alpha_pipeline_tests.stack_world import start_of, with_architecture


@pytest.mark.parametrize(("gigabytes", "slots"), [(0.1, 1), (4, 8), (16, 32), (80, 128), (1_000, 128)])
def test_the_highest_rung_that_fits_is_taken(gigabytes: float, slots: int) -> None:
    assert slots_in(gigabytes * 1e9, slot=0.2e9) == slots
    assert slots in LADDER


def test_a_crew_is_handed_enough_to_refill_the_largest_stack() -> None:
    assert StackingCrew(1, "cuda", None).room == 2 * LADDER[-1]


def test_a_slot_of_a_larger_model_takes_more() -> None:
    made = experiment("hybrid")
    small = slot_bytes(start_of(made))
    assert slot_bytes(start_of(with_architecture(made, width=32))) > 2 * small
    assert slot_bytes(start_of(experiment("hybrid", window=32))) > 2 * small
