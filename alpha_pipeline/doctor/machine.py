"""The machine: Python, torch and the device; and the state that all processes of this user share."""

import platform
from collections.abc import Iterator
from functools import partial

import torch

from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.sources.pace import STATE, is_sound
from alpha_pipeline.sources.shared_state import machine_folder
from alpha_pipeline.warehouse.aside import set_aside


def look(_: Patient) -> Iterator[Finding]:
    """What the machine has; nothing of it can be wrong by itself."""
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU only"
    yield Finding("machine", True, f"Python {platform.python_version()}, torch {torch.__version__}, {device}")


def pace(patient: Patient) -> Iterator[Finding]:
    """The files in which the processes of this machine say how fast a server may be asked."""
    for path in sorted(machine_folder(".").glob(f"*/{STATE}")):
        if is_sound(path):
            continue
        yield Finding(
            "pace",
            False,
            f"{path} says nothing that can be read, and counts as empty. `alpha doctor --mend` sets it aside",
            partial(set_aside, patient.warehouse.root, path, patient.settings.now()),
        )
