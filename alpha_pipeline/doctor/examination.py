"""What `alpha doctor` looks at, in the order in which it is said.

A kind of state is a module here with a look that returns its findings as values (`finding.Look`), and a line in
`LOOKS`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from alpha_pipeline import failures
from alpha_pipeline.doctor import (
    alerts,
    bars,
    databases,
    experiments,
    folders,
    leftovers,
    machine,
    objects,
    position,
    state,
    views,
)
from alpha_pipeline.doctor.finding import Finding, Look, Patient
from alpha_pipeline.errors import AlphaError
from alpha_pipeline.settings import Settings
from alpha_pipeline.warehouse.store import Warehouse

# What is said of a look that could not be made is said under its name.
LOOKS: Final[Mapping[str, Look]] = {
    "machine": machine.look,
    "disk": folders.room,
    "permissions": folders.permissions,
    "experiments": experiments.look,
    "alerts": alerts.look,
    "alerts sent": alerts.sent,
    "pace": machine.pace,
    "market": state.market,
    "source files": state.files,
    "tickers": state.tickers,
    "bars": bars.look,
    "position": position.look,
    "objects": objects.look,
    "models": objects.artifacts,
    "Dagster": databases.look,
    "alpha.duckdb": views.look,
    "leftovers": leftovers.look,
}


def examine(settings: Settings, *, is_deep: bool = False) -> list[Finding]:
    """Look at the machine, the settings and the warehouse; nothing is changed, and no damage stops the looking."""
    patient = Patient(settings, Warehouse(settings.warehouse), is_deep)
    return [finding for name, look in LOOKS.items() for finding in _looked(name, look, patient)]


def _looked(name: str, look: Look, patient: Patient) -> Iterator[Finding]:
    try:
        yield from look(patient)
    except AlphaError as error:
        yield Finding(name, False, str(error))
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  whatever it is, also a panic of Polars, the other looks go on
        why = failures.words(error) or f"{type(error).__name__}: {error}. That is a defect of ours: please report it"
        yield Finding(name, False, f"could not be looked at: {' '.join(why.split())}")
