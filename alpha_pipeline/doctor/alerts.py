"""Alerts: where they go, and what is remembered of those that went."""

from collections.abc import Iterator

from alpha_pipeline.alerts import check
from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.steps.alerts import KEY, read_sent
from alpha_pipeline.warehouse.aside import set_aside
from alpha_pipeline.warehouse.state import StateError


def look(patient: Patient) -> Iterator[Finding]:
    """Where they go; a URL that cannot be read is an `AlphaError` that names its place."""
    services = check(patient.settings.alerts)
    yield Finding("alerts", True, ", ".join(services) or "to the log alone; ALPHA_ALERTS names services")


def sent(patient: Patient) -> Iterator[Finding]:
    """What is remembered of the alerts sent."""
    try:
        waiting = read_sent(patient.warehouse)[1]
    except StateError as error:
        path = patient.warehouse.objects.path(KEY)
        yield Finding(
            "alerts sent",
            False,
            str(error),
            lambda: set_aside(patient.warehouse.root, path, patient.settings.now()),
        )
        return
    if waiting:
        names = ", ".join(sorted({name for one in waiting for name in one.services}))
        yield Finding("alerts sent", True, f"{len(waiting)} not taken by {names}; the next run sends them again")
