"""Features and targets of the followed tickers, from the final bars; what is unchanged is left alone."""

import hashlib
from collections.abc import Callable, Sequence

import polars as pl

from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.features.market_context import market_context
from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, TECHNICAL
from alpha_pipeline.features.technical import technical
from alpha_pipeline.steps.ingest import final_bars
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import FORWARD
from alpha_pipeline.warehouse.tables.raw import ACTIONS, BARS

# Raise a version when the arithmetic changes, so that held rows are built anew.
TECHNICAL_VERSION = "1"
PRICE_ACTION_VERSION = "1"
MARKET_CONTEXT_VERSION = "1"
TARGETS_VERSION = "1"
HORIZONS = (1, 5)
CONTEXT_TICKERS = ("QQQ", "SPY", VIX, *MAG7, *SECTORS)

Report = dict[str, int]


def build_technical(warehouse: Warehouse, tickers: Sequence[str]) -> Report:
    """Fill `features.technical`. Returns rows held per ticker."""
    return _build(warehouse, TECHNICAL, tickers, technical, lambda t: _inputs(warehouse, TECHNICAL_VERSION, [t]))


def build_price_action(warehouse: Warehouse, tickers: Sequence[str]) -> Report:
    """Fill `features.price_action`. Returns rows held per ticker."""
    return _build(
        warehouse,
        PRICE_ACTION,
        tickers,
        price_action,
        lambda t: _inputs(warehouse, PRICE_ACTION_VERSION, [t]),
    )


def build_market_context(warehouse: Warehouse, tickers: Sequence[str]) -> Report:
    """Fill `features.market_context` from each ticker and the context tickers. Returns rows held per ticker."""
    context = final_bars(warehouse, list(CONTEXT_TICKERS))
    around = _inputs(warehouse, MARKET_CONTEXT_VERSION, CONTEXT_TICKERS)
    return _build(
        warehouse,
        MARKET_CONTEXT,
        tickers,
        lambda bars: market_context(bars, context),
        lambda t: _inputs(warehouse, around, [t]),
    )


def build_targets(warehouse: Warehouse, tickers: Sequence[str]) -> Report:
    """Fill `targets.forward`. Returns rows held per ticker."""
    version = f"{TARGETS_VERSION} {HORIZONS}"
    return _build(
        warehouse,
        FORWARD,
        tickers,
        lambda bars: forward(bars, HORIZONS),
        lambda t: _inputs(warehouse, version, [t]),
    )


def _inputs(warehouse: Warehouse, version: str, tickers: Sequence[str]) -> str:
    prints = [warehouse.fingerprint(table, ticker) for ticker in tickers for table in (BARS, ACTIONS)]
    return hashlib.blake2b("|".join([version, *prints]).encode(), digest_size=16).hexdigest()


def _build(
    warehouse: Warehouse,
    table: Table,
    tickers: Sequence[str],
    compute: Callable[[pl.DataFrame], pl.DataFrame],
    inputs: Callable[[str], str],
) -> Report:
    hashes = {ticker: inputs(ticker) for ticker in tickers}
    stale = [ticker for ticker in tickers if not warehouse.is_current(table, ticker, hashes[ticker])]
    bars = final_bars(warehouse, stale)
    if not bars.is_empty():
        for (ticker,), rows in compute(bars).group_by("ticker", maintain_order=True):
            warehouse.write(table, str(ticker), rows, hashes[str(ticker)])
    return {ticker: warehouse.height(table, ticker) for ticker in tickers}
