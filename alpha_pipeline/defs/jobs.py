"""The jobs: which assets run together. Each is one stage of the day, so that a stage can be retried alone."""

import dagster as dg

from alpha_pipeline.defs.partitions import SESSIONS, TICKERS

REFRESH_BARS = dg.define_asset_job(
    "refresh_bars",
    selection=dg.AssetSelection.groups("raw"),
    partitions_def=TICKERS,
    description="Fetch, judge and store the bars of the tickers named.",
)
FORECAST = dg.define_asset_job(
    "forecast",
    selection=dg.AssetSelection.groups("features", "targets", "models", "forecasts"),
    partitions_def=TICKERS,
    description="Features, targets, what is missing of the models, and forecasts of the tickers named.",
)
TRAIN = dg.define_asset_job(
    "train",
    selection=dg.AssetSelection.groups("models"),
    partitions_def=TICKERS,
    description="Train what is missing and nothing else.",
)
SIGNALS = dg.define_asset_job(
    "daily_signals",
    selection=dg.AssetSelection.groups("signals"),
    partitions_def=SESSIONS,
    description="The vote, the rotation, the regime and the QQQ position of the sessions named.",
)
RESULTS = dg.define_asset_job(
    "results",
    selection=dg.AssetSelection.groups("portfolio", "evaluation"),
    description="The ledger of every strategy and the scores of every model.",
)

ALL = [REFRESH_BARS, FORECAST, TRAIN, SIGNALS, RESULTS]
