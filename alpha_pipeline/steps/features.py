"""Features and targets of the followed tickers, from the final bars; what is unchanged is left alone."""

import hashlib
from collections.abc import Callable, Sequence

import polars as pl

from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.features.market_context import market_context
from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.features.sector_context import sector_context
from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, SECTOR_CONTEXT, TECHNICAL, VOLATILITY
from alpha_pipeline.features.technical import technical
from alpha_pipeline.features.volatility import volatility
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.universe import MAG7, SECTORS, VIX, VOLATILITY_FUNDS
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import FORWARD
from alpha_pipeline.warehouse.tables.raw import ACTIONS, BARS

# Raise a version when the arithmetic changes, so that held rows are built anew.
TECHNICAL_VERSION = "1"
PRICE_ACTION_VERSION = "1"
MARKET_CONTEXT_VERSION = "1"
VOLATILITY_VERSION = "1"
SECTOR_CONTEXT_VERSION = "1"
TARGETS_VERSION = "1"
VERSIONS = {
    TECHNICAL.name: TECHNICAL_VERSION,
    PRICE_ACTION.name: PRICE_ACTION_VERSION,
    MARKET_CONTEXT.name: MARKET_CONTEXT_VERSION,
    VOLATILITY.name: VOLATILITY_VERSION,
    SECTOR_CONTEXT.name: SECTOR_CONTEXT_VERSION,
    FORWARD.name: TARGETS_VERSION,
}
HORIZONS = (1, 5)
# To build a ticker's rows of one table on an idle machine, and to find them built.
SECONDS_A_TICKER = 0.037
SECONDS_A_TICKER_FOUND = 0.02
MARKET_TICKERS = ("QQQ", "SPY", VIX, *MAG7, *SECTORS)
VOLATILITY_TICKERS = ("QQQ", "SPY", VIX, *VOLATILITY_FUNDS)
# Tickers whose bars a table reads beside those of the row's own.
AROUND = {
    MARKET_CONTEXT.name: MARKET_TICKERS,
    VOLATILITY.name: VOLATILITY_TICKERS,
    SECTOR_CONTEXT.name: SECTORS,
}

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
    return _build_around(warehouse, MARKET_CONTEXT, tickers, market_context, MARKET_CONTEXT_VERSION)


def build_volatility(warehouse: Warehouse, tickers: Sequence[str]) -> Report:
    """Fill `features.volatility` from each ticker, QQQ, SPY, ^VIX and UVXY. Returns rows held per ticker."""
    return _build_around(warehouse, VOLATILITY, tickers, volatility, VOLATILITY_VERSION)


def build_sector_context(warehouse: Warehouse, tickers: Sequence[str]) -> Report:
    """Fill `features.sector_context` from each ticker and the sectors. Returns rows held per ticker."""
    return _build_around(warehouse, SECTOR_CONTEXT, tickers, sector_context, SECTOR_CONTEXT_VERSION)


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


def _build_around(
    warehouse: Warehouse,
    table: Table,
    tickers: Sequence[str],
    compute: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame],
    version: str,
) -> Report:
    """Fill a table whose rows depend on other tickers too: a change of any of them builds every ticker anew."""
    others = AROUND[table.name]
    around = _inputs(warehouse, version, others)
    return _build(
        warehouse,
        table,
        tickers,
        # Read after the fingerprints: bars that change in between are built again, not taken for built.
        lambda bars: compute(bars, final_bars(warehouse, list(others))),
        lambda t: _inputs(warehouse, around, [t]),
    )


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
