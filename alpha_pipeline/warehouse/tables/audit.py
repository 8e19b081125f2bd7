"""The leak audit: what each probe found."""

from typing import Annotated

import pandera.polars as pa
import polars as pl

from alpha_pipeline.warehouse.table import table


class Audit(pa.DataFrameModel):
    """One row per probe of the leak audit: whether the pipeline, or what is held, knows the future."""

    probe: str
    passed: bool = pa.Field(description="No leak was found")
    verdict: str = pa.Field(isin=["ok", "warning", "bad", "nothing"], description="'nothing': none held to look at")
    words: str = pa.Field(description="What was looked at, and the culprits where something is wrong")
    figures: str = pa.Field(description="JSON object, figure by name")
    checked_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(description="When this was first found so")

    class Config:
        strict = True
        unique = ["probe"]


AUDIT = table("evaluation.audit", Audit, key=("probe",), unit="probe", volatile=("checked_at",))
