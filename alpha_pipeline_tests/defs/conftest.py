import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.defs_state.base import set_defs_state_storage

from alpha_pipeline_tests.defs.world import World, make_world


@pytest.fixture(autouse=True)
def clean_environment() -> Iterator[None]:
    """No setting of the machine's, and none that a test leaves behind (a Dagster home is an environment variable)."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("ALPHA_", "DAGSTER_")):
            del os.environ[name]
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def no_instance_left_behind() -> Iterator[None]:
    """Dagster keeps a current instance, and forgets to reset it where a test enters one that is entered already."""
    with set_defs_state_storage(None):
        yield


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Bars of three tickers."""
    return make_world(tmp_path, ["QQQ", "SPY", "NVDA"])
