"""A worker process keeps the memory that a step frees for the next one."""

import ctypes
import os
import subprocess
import sys

import pytest

from alpha_pipeline.training.worker import glibc_mallopt, keep_freed_memory

# What a step does: it takes 64 MiB, writes them and frees them. Page faults of the first step and of the tenth.
STEPS = """
import resource, sys
import numpy as np
from alpha_pipeline.training.worker import keep_freed_memory

def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.full(2**24, 1.0, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed_memory()
faults = [step() for _ in range(10)]
print(faults[0], faults[-1])
"""


def page_faults(memory: str) -> tuple[int, int]:
    """Page faults of the first step and of the tenth, in a process of their own."""
    # Huge pages, where the machine happens to have some free, would make hundreds of faults one.
    small = {**os.environ, "NUMPY_MADVISE_HUGEPAGE": "0"}
    called = [sys.executable, "-c", STEPS, memory]
    printed = subprocess.run(called, capture_output=True, check=True, text=True, env=small)
    first, tenth = map(int, printed.stdout.split())
    return first, tenth


@pytest.mark.skipif(glibc_mallopt() is None, reason="the allocator is not glibc's")
def test_a_step_takes_the_memory_that_the_steps_before_have_freed() -> None:
    first, tenth = page_faults("kept")
    assert tenth < first / 10
    first, tenth = page_faults("given back")
    assert tenth > first / 2, "what is kept here has no need to be kept"


def no_handle(_: None) -> object:
    raise TypeError("bad argument type for built-in operation")


@pytest.mark.parametrize("library", [no_handle, lambda _: object()], ids=["Windows", "macOS"])
def test_another_allocator_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, library: object) -> None:
    monkeypatch.setattr(ctypes, "CDLL", library)
    assert glibc_mallopt() is None
    keep_freed_memory.__wrapped__()
