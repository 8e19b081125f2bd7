"""The experiments, as their files say."""

from collections.abc import Iterator

from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.models.spec import load_experiments


def look(_: Patient) -> Iterator[Finding]:
    """Their names; a malformed file is an `AlphaError` that names it."""
    yield Finding("experiments", True, ", ".join(load_experiments()))
