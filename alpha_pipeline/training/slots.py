"""How many slots a stack has: as many as the device's memory bears, whoever is there to fill them."""

from typing import Final

import torch

from alpha_pipeline.training.fitting import Start
from alpha_pipeline.training.stack import Stack

LADDER: Final = (1, 8, 32, 128)
# Of the device's memory: an experiment has at most two shapes of model (an index has a head of its own in a V17), and
# something is left for the device's own libraries.
_SHARE: Final = 0.4
_PEAK: Final = 3.0  # a step holds that many times what it keeps for its gradient: windows, intermediates, gradients


def slots_for(start: Start, device: str) -> int:
    """The slots of the stack of a member like this one on a GPU.

    By all of the device's memory, not by what is free of it: the number bears on rounding, and the weights must not
    depend on what else runs there.
    """
    return slots_in(torch.cuda.get_device_properties(device).total_memory, slot_bytes(start))


def slots_in(memory: float, slot: float) -> int:
    """The highest rung of the ladder that fits.

    Args:
        memory: of the device, in bytes.
        slot: what one slot takes at most, in bytes.
    """
    return max((rung for rung in LADDER if rung * slot <= _SHARE * memory), default=LADDER[0])


def slot_bytes(start: Start) -> float:
    """What one slot takes at most, measured on a stack of one."""
    return _PEAK * Stack(start, 1, "cpu").saved_bytes()
