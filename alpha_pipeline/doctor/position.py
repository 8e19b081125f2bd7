"""The newest position against the exchange's calendar and now."""

from collections.abc import Iterator

from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.steps.age import age_at
from alpha_pipeline.warehouse.store import span
from alpha_pipeline.warehouse.tables.signals import QQQ_POSITION


def look(patient: Patient) -> Iterator[Finding]:
    """How old the newest position is; nothing where there is none."""
    warehouse = patient.warehouse
    held = span(warehouse.read(QQQ_POSITION, warehouse.newest(QQQ_POSITION), columns=["session"]))
    if held is None:
        return
    age = age_at(held[1], patient.settings.now())
    yield Finding("position", not age.words, age.words or f"of {held[1]}, the last session that has closed")
