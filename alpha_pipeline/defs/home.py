"""The Dagster home of a warehouse: one persistent instance beside the data it describes.

`alpha` knows its warehouse and enters the home before it opens the instance. A command of Dagster's own (`dagster dev`)
opens the instance first, from the `dagster.yaml` it finds; the storage that is named there finds the home here.
"""

import logging
import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import dagster as dg

from alpha_pipeline.defs.event_storage import BATCH_SIZE
from alpha_pipeline.settings import Settings, load_settings
from alpha_pipeline.warehouse.objects import LocalObjects
from alpha_pipeline.warehouse.places import HOME

# The one declaration of the instance and of the code location; the top of the checkout holds copies.
INSTANCE: Final = "dagster.yaml"
WORKSPACE: Final = "workspace.yaml"
UNGUARDED: Final = (
    "This web UI is not guarded: its instance, in %s, is not one of alpha_pipeline, and any web page that is open in a "
    "browser on this machine can start runs through it. Unset DAGSTER_HOME, or use `alpha ui`."
)


def prepare_home(settings: Settings) -> Path:
    """Make the Dagster home ``WAREHOUSE/.dagster`` and point this process and its children at it."""
    os.environ |= settings.environment()
    return _enter(settings.warehouse)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The persistent instance of a warehouse."""
    prepare_home(settings)
    return dg.DagsterInstance.get()


def named_warehouse(environ: Mapping[str, str]) -> Path:
    """The warehouse that a command of Dagster's own means.

    The one of ``ALPHA_WAREHOUSE``; else the one around ``DAGSTER_HOME``, where that is the home of a warehouse; else
    `warehouse` in the folder whose `dagster.yaml` is read: ``DAGSTER_HOME`` or, without it, the working directory.
    """
    given = environ.get("DAGSTER_HOME")
    if environ.get("ALPHA_WAREHOUSE") or not given:
        return _warehouse(environ)
    home = Path(given).expanduser().resolve()
    return home.parent if home.name == HOME else home / "warehouse"


def find_home() -> tuple[Path, bool]:
    """The home of the warehouse that the environment names, which this process and its children keep to from now on.

    Returns:
        The home, and whether neither this process nor a parent of it was in it before.
    """
    warehouse = named_warehouse(os.environ)
    if _pointers(warehouse).items() <= os.environ.items():
        return warehouse / HOME, False
    home = _enter(warehouse)
    logging.getLogger("dagster").info(f"Runs and partitions are kept in {home}.")
    return home, True


def introduce_tickers() -> None:
    """Show the tickers followed to an instance of the user's own, named by ``DAGSTER_HOME``; a home knows them already.

    For commands of Dagster's own: the instance is there before anything of this package is, and in a folder with other
    settings nothing else would tell it which partitions there are.
    """
    given = Path(os.environ.get("DAGSTER_HOME", "")).expanduser()
    is_entered = _pointers(named_warehouse(os.environ)).items() <= os.environ.items()
    if is_entered or not given.is_absolute() or not given.is_dir():
        return
    # The children of `dagster dev` are told so; of them the code server stands at its start, and not the runs.
    if os.environ.get("DAGSTER_IS_DEV_CLI") and sys.argv[1:3] == ["api", "grpc"]:
        _warn_of_no_guard(given)
    # They take seconds to import, which processes that only open an instance are spared.
    from alpha_pipeline.defs.membership import sync_experiments  # noqa: PLC0415
    from alpha_pipeline.defs.partitions import TICKERS  # noqa: PLC0415
    from alpha_pipeline.warehouse.store import Warehouse  # noqa: PLC0415
    from alpha_pipeline.warehouse.tickers import followed  # noqa: PLC0415

    instance = dg.DagsterInstance.get()
    try:
        # Where the assets write; a home has pointed at its own by now.
        warehouse = Warehouse(_warehouse(os.environ))
        instance.add_dynamic_partitions(str(TICKERS.name), followed(warehouse))
        sync_experiments(instance, warehouse, leaving=())
    finally:
        instance.dispose()


@cache  # Dagster asks for the definitions twice
def _warn_of_no_guard(home: Path) -> None:
    logging.getLogger("dagster").warning(UNGUARDED, home)


def _warehouse(environ: Mapping[str, str]) -> Path:
    """The warehouse of the settings; another setting that cannot be taken is for those to say who need it."""
    return load_settings(environ={"ALPHA_WAREHOUSE": environ.get("ALPHA_WAREHOUSE", "")}).warehouse


def _enter(warehouse: Path) -> Path:
    held = LocalObjects(warehouse)
    for name in (INSTANCE, WORKSPACE):
        wanted, key = files(__package__).joinpath(name).read_bytes(), f"{HOME}/{name}"
        if held.get(key) != wanted:
            held.put(key, wanted)
    os.environ |= _pointers(warehouse)
    return warehouse / HOME


def _pointers(warehouse: Path) -> dict[str, str]:
    return {
        "ALPHA_WAREHOUSE": str(warehouse),
        "DAGSTER_HOME": str(warehouse / HOME),
        "DAGSTER_EVENT_BATCH_SIZE": str(BATCH_SIZE),
    }
