"""Every table of the warehouse, for what concerns them all: the views, `alpha sql`, the checks."""

from pathlib import Path

from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, SECTOR_CONTEXT, TECHNICAL, VOLATILITY
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import audit, forecasts, proof, raw, results, signals

TABLES: tuple[Table, ...] = (
    raw.BARS,
    raw.ACTIONS,
    raw.REVISIONS,
    raw.QUARANTINE,
    raw.COVERAGE,
    raw.SECOND_OPINION,
    TECHNICAL,
    PRICE_ACTION,
    MARKET_CONTEXT,
    VOLATILITY,
    SECTOR_CONTEXT,
    forecasts.FORWARD,
    forecasts.DAILY,
    signals.MAG7_BALLOTS,
    signals.MAG7_VOTE,
    signals.SECTOR_RANKS,
    signals.SECTOR_ROTATION,
    signals.VIX_REGIME,
    signals.QQQ_POSITION,
    results.LEDGER,
    results.SCORES,
    results.RELIABILITY,
    results.DECAY,
    results.FOLDS,
    proof.RECORDS,
    proof.TRIALS,
    proof.COMPARISONS,
    proof.LEAD_LAG,
    proof.LUCK,
    audit.AUDIT,
)


def open_warehouse(root: Path) -> Warehouse:
    """A warehouse to write to: `alpha.duckdb` shows all of these tables from the first write on.

    Args:
        root: folder of the warehouse.
    """

    def publish(warehouse: Warehouse) -> None:
        from alpha_pipeline.warehouse.publication import keep_published  # noqa: PLC0415  DuckDB takes long to import

        keep_published(warehouse, TABLES)

    return Warehouse(root, publish)
