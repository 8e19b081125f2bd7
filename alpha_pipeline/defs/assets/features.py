"""Feature and target assets, one partition per ticker; each is a pure function of the final bars."""

from collections.abc import Callable, Sequence

import dagster as dg

from alpha_pipeline.defs.partitions import TICKERS
from alpha_pipeline.defs.policy import asset, code_of
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, SECTOR_CONTEXT, TECHNICAL, VOLATILITY
from alpha_pipeline.steps import features as steps
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import FORWARD
from alpha_pipeline.warehouse.tables.raw import BARS

Build = Callable[[Warehouse, Sequence[str]], steps.Report]


def _ticker_asset(table: Table, build: Build, version: str) -> dg.AssetsDefinition:
    """An asset that fills one table for every ticker named and reports its rows per ticker."""

    @asset(
        key=table.asset_key,
        # Ticker by ticker, those too that read other tickers' bars: a backfill follows the edges downstream, and
        # one ticker chosen in the web UI would become the models of all of them.
        deps=[BARS.asset_key],
        partitions_def=TICKERS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"polars", "parquet"},
        code_version=version,
        metadata=code_of(build),
    )
    def fill(context: dg.AssetExecutionContext, alpha: AlphaResource) -> None:
        alpha.require_bars(context.partition_keys)
        for ticker, rows in build(alpha.warehouse(), context.partition_keys).items():
            context.add_asset_metadata({"dagster/partition_row_count": rows}, partition_key=ticker)

    return fill


ASSETS = [
    _ticker_asset(TECHNICAL, steps.build_technical, steps.TECHNICAL_VERSION),
    _ticker_asset(PRICE_ACTION, steps.build_price_action, steps.PRICE_ACTION_VERSION),
    _ticker_asset(MARKET_CONTEXT, steps.build_market_context, steps.MARKET_CONTEXT_VERSION),
    _ticker_asset(VOLATILITY, steps.build_volatility, steps.VOLATILITY_VERSION),
    _ticker_asset(SECTOR_CONTEXT, steps.build_sector_context, steps.SECTOR_CONTEXT_VERSION),
    _ticker_asset(FORWARD, steps.build_targets, steps.TARGETS_VERSION),
]
