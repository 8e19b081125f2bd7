"""The Dagster home of a warehouse: one persistent instance beside the data it describes."""

import os
import shutil
from pathlib import Path

import dagster as dg

from alpha_pipeline.defs.event_storage import BATCH_SIZE
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]


def prepare_home(settings: Settings) -> Path:
    """Make the Dagster home ``WAREHOUSE/.dagster`` and point this process and its children at it.

    Raises:
        AlphaError: the checkout's `dagster.yaml` is missing.
    """
    template = CHECKOUT / "dagster.yaml"
    if not template.exists():
        raise AlphaError(f"{template} is missing: restore it from the repository, it holds the instance's settings.")
    home = settings.warehouse / ".dagster"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists() or (home / "dagster.yaml").read_bytes() != template.read_bytes():
        shutil.copyfile(template, home / "dagster.yaml")
    os.environ |= {
        **settings.environment(),
        "DAGSTER_HOME": str(home),
        "DAGSTER_EVENT_BATCH_SIZE": str(BATCH_SIZE),
    }
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The persistent instance of a warehouse."""
    prepare_home(settings)
    return dg.DagsterInstance.get()
