"""Portfolio and evaluation assets: what the signals earned, how good the forecasts were."""

import dagster as dg

from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.steps import results as steps
from alpha_pipeline.warehouse.tables import signals
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tables.results import DECAY, FOLDS, LEDGER, RELIABILITY, SCORES

CODE_VERSION = "2"


@dg.asset(
    key=LEDGER.asset_key,
    deps=[
        signals.QQQ_POSITION.asset_key,
        signals.SECTOR_ROTATION.asset_key,
        signals.MAG7_VOTE.asset_key,
        signals.VIX_REGIME.asset_key,
        BARS.asset_key,
    ],
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
)
def ledger(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Run every strategy through the ledger; its Sharpe ratios and equity plot in the web UI."""
    summary = steps.write_ledger(alpha.warehouse())
    metadata: dict[str, float] = {}
    for name, figures in summary.items():
        ratio = {} if figures.sharpe is None else {f"{name}_sharpe": figures.sharpe}
        metadata |= {**ratio, f"{name}_equity": figures.equity}
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(
    key=SCORES.asset_key,
    deps=[DAILY.asset_key, FORWARD.asset_key, signals.VIX_REGIME.asset_key],
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
)
def scores(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Score every model out of sample; the pooled information coefficients plot in the web UI."""
    pooled = steps.write_scores(alpha.warehouse())
    return dg.MaterializeResult(metadata={f"{model}_ic": value for model, value in pooled.items()})


@dg.asset(
    key=RELIABILITY.asset_key,
    deps=[DAILY.asset_key, FORWARD.asset_key],
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
)
def reliability(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Hold every probability forecast against how often the event came."""
    return dg.MaterializeResult(metadata={"dagster/row_count": steps.write_reliability(alpha.warehouse())})


@dg.asset(
    key=DECAY.asset_key,
    deps=[DAILY.asset_key, FORWARD.asset_key],
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
)
def decay(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Correlate every forecast with the returns of later and later sessions."""
    return dg.MaterializeResult(metadata={"dagster/row_count": steps.write_decay(alpha.warehouse())})


@dg.asset(
    key=FOLDS.asset_key,
    deps=[DAILY.asset_key, FORWARD.asset_key],
    kinds={"polars", "parquet"},
    code_version=CODE_VERSION,
)
def folds(alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Score every walk-forward fold, beside the spread between its seeds."""
    return dg.MaterializeResult(metadata={"dagster/row_count": steps.write_folds(alpha.warehouse())})


ASSETS = [ledger, scores, reliability, decay, folds]
