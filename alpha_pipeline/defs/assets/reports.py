"""The reports as an asset: where they lie, and the pictures that a person wants at a glance."""

from typing import Final

import dagster as dg

from alpha_pipeline.defs.policy import picture
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.reports import pictures
from alpha_pipeline.steps.report import LATEST, LATEST_BRIEF, write_report
from alpha_pipeline.warehouse.tables import audit, proof, results, signals

CODE_VERSION = "2"
SHOWN: Final = (
    results.LEDGER,
    results.SCORES,
    results.RELIABILITY,
    results.DECAY,
    results.FOLDS,
    proof.COMPARISONS,
    proof.RECORDS,
    proof.LEAD_LAG,
    proof.LUCK,
    proof.TRIALS,
    audit.AUDIT,
)


@dg.asset(
    key=["reports", "tear_sheet"],
    description="The tear sheet and the daily brief of the newest session: HTML beside the tables that needs nothing.",
    deps=[signals.QQQ_POSITION.asset_key, *(table.asset_key for table in SHOWN)],
    kinds={"html"},
    code_version=CODE_VERSION,
)
def tear_sheet(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Write both; without a position yet there is nothing to report."""
    warehouse = alpha.warehouse()
    kept = alpha.settings().reports_kept
    if not warehouse.newest(signals.QQQ_POSITION):
        return dg.MaterializeResult(metadata={"written": "no position yet"})
    written = write_report(warehouse, kept)
    metadata: dict[str, dg.MetadataValue] = {
        "tear_sheet": dg.MetadataValue.path(written),
        "latest": dg.MetadataValue.path(str(warehouse.objects.path(LATEST))),
        "latest_brief": dg.MetadataValue.path(str(warehouse.objects.path(LATEST_BRIEF))),
    }
    ledger, scores = warehouse.read(results.LEDGER), warehouse.read(results.SCORES)
    if ledger.height:
        metadata["equity"] = picture(pictures.equity(ledger))
    if scores.height:
        metadata["information_coefficients"] = picture(pictures.information_coefficients(scores))
    return dg.MaterializeResult(metadata=metadata)


ASSETS = [tear_sheet]
