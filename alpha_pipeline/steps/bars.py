"""The bars that everything derived is made from."""

import polars as pl

from alpha_pipeline.features.adjust import anchored
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw


def final_bars(warehouse: Warehouse, tickers: list[str] | None = None) -> pl.DataFrame:
    """The bars that features may use: those of closed sessions, adjusted closes counted forward from the first bar."""
    return anchored(warehouse.read(raw.BARS, tickers).filter("is_final"), warehouse.read(raw.ACTIONS, tickers))
