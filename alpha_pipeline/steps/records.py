"""Fills `evaluation.records`: every strategy with costs, without them, and a session late."""

import hashlib

import polars as pl

from alpha_pipeline.evaluation.records import records
from alpha_pipeline.portfolio.ledger import ledger
from alpha_pipeline.portfolio.strategies import lagged
from alpha_pipeline.steps.results import COST_BPS, decisions, traded_bars
from alpha_pipeline.warehouse.store import Warehouse, frame_hash
from alpha_pipeline.warehouse.tables.proof import RECORDS
from alpha_pipeline.warehouse.tables.results import LEDGER

RECORDS_VERSION = "2"


def write_records(warehouse: Warehouse) -> dict[tuple[str, str], float]:
    """Record every strategy that has a ledger; returns Sharpe ratios by strategy and variant.

    A strategy whose decisions, ledger and bars are unchanged keeps its records.
    """
    bars = traded_bars(warehouse)
    prices = frame_hash(bars.drop("fetched_at"))
    for name, decided in decisions(warehouse, bars).items():
        held = warehouse.read(LEDGER, [name])
        said = (RECORDS_VERSION, warehouse.fingerprint(LEDGER, name), frame_hash(decided), prices)
        inputs = hashlib.sha256("".join(said).encode()).hexdigest()
        if held.height < 2 or warehouse.is_current(RECORDS, name, inputs):
            continue
        made = records(name, held, ledger(name, lagged(decided), bars, cost_bps=COST_BPS))
        warehouse.write(RECORDS, name, made, inputs)
    ratios = warehouse.read(RECORDS).filter(pl.col("metric") == "sharpe")
    return {
        (name, variant): value for name, variant, value in ratios.select("strategy", "variant", "value").iter_rows()
    }
