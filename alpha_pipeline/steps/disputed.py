"""Which tickers a person has to decide on: a source contradicted the bars held, or gave days without a session."""

import polars as pl

from alpha_pipeline.ingestion.disputes import NOT_A_SESSION, OPEN, Dispute, disputes, rule
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import followed


def disputed(warehouse: Warehouse) -> list[Dispute]:
    """What was set aside of the answers about followed tickers and is not settled, by ticker."""
    tickers = followed(warehouse)
    rows = warehouse.read(raw.QUARANTINE, tickers).filter(rule().is_in([*OPEN, NOT_A_SESSION]))
    found = []
    for ticker in rows.get_column("ticker").unique().sort():
        quarantine = rows.filter(pl.col("ticker") == ticker)
        found += disputes(ticker, warehouse.read(raw.BARS, [ticker]), quarantine)
    return found
