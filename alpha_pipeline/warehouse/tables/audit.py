"""The leak audit: what each probe found."""

import pandera.polars as pa

from alpha_pipeline.warehouse.table import table
from alpha_pipeline.warehouse.tables.columns import UtcTime


class Audit(pa.DataFrameModel):
    """One row per probe of the leak audit: whether the pipeline, or what is held, knows the future."""

    probe: str = pa.Field(description="Probe of the leak audit, by name")
    passed: bool = pa.Field(description="No leak was found; a warning passes, too")
    verdict: str = pa.Field(isin=["ok", "warning", "bad", "nothing"], description="'nothing': none held to look at")
    words: str = pa.Field(description="What was looked at, and the culprits where something is wrong")
    figures: str = pa.Field(description="What the probe measured: a JSON object, figure by name")
    checked_at: UtcTime = pa.Field(description="UTC time at which this was first found so")

    class Config:
        strict = True
        unique = ["probe"]


AUDIT = table("evaluation.audit", Audit, key=("probe",), unit="probe", volatile=("checked_at",))
