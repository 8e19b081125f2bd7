"""The leak audit as an asset: what every probe found, and the check that fails when one found a leak."""

import dagster as dg

from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.evaluation.audit.finding import Finding
from alpha_pipeline.warehouse.tables.audit import AUDIT
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tables.results import LEDGER

CODE_VERSION = "1"


@dg.asset(
    key=AUDIT.asset_key,
    deps=[BARS.asset_key, DAILY.asset_key, LEDGER.asset_key],
    kinds={"polars", "torch", "parquet"},
    code_version=CODE_VERSION,
)
def audit(context: dg.AssetExecutionContext, alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Run every probe; what it found is shown as a table."""
    from alpha_pipeline.steps.audit import audit as look  # noqa: PLC0415 - it trains, and so brings torch

    found = list(look(alpha.warehouse(), alpha.settings().now()))
    for one in found:
        context.log.info(f"{one.verdict}: {one.probe}: {one.words}")
    return dg.MaterializeResult(
        metadata={
            "findings": dg.MetadataValue.md(in_markdown(found)),
            "n_bad": sum(not one.passed for one in found),
            "n_warnings": sum(one.verdict == "warning" for one in found),
        }
    )


@dg.asset_check(asset=AUDIT.asset_key, description="No probe of the leak audit found a leak.")
def leak_free(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Fails with the words of the probes that found one."""
    from alpha_pipeline.steps.audit import findings  # noqa: PLC0415

    found = findings(alpha.warehouse())
    bad = [f"{one.probe}: {one.words}" for one in found if not one.passed]
    return dg.AssetCheckResult(
        passed=not bad,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"probes": len(found), "leaks": "; ".join(bad) or "-"},
    )


def in_markdown(found: list[Finding]) -> str:
    """A row per finding."""
    rows = [f"| {one.probe} | {one.verdict} | {one.words.replace('|', '/')} |" for one in found]
    return "\n".join(["| probe | verdict | words |", "|---|---|---|", *rows])


ASSETS = [audit]
CHECKS = [leak_free]
