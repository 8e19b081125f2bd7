"""The jobs: which assets run together. Each is one stage of the day, so that a stage can be retried alone."""

import dagster as dg

from alpha_pipeline.defs.assets.forecasts import TRAINED
from alpha_pipeline.defs.partitions import SESSIONS, TICKERS

# Dagster's own job for any assets at all, whatever their partitions: the web UI starts its runs there.
ANY_ASSETS = "__ASSET_JOB"


def _tables(*groups: str) -> dg.AssetSelection:
    """The assets of some layers. Checks look at whole tables: once a day, not once a partition."""
    return dg.AssetSelection.groups(*groups).without_checks()


REFRESH_BARS = dg.define_asset_job(
    "refresh_bars",
    selection=_tables("raw"),
    partitions_def=TICKERS,
    description="Fetch, judge and store the bars of the tickers named.",
)
PREPARE = dg.define_asset_job(
    "prepare",
    selection=_tables("features", "targets"),
    partitions_def=TICKERS,
    description="Features and targets of the tickers named.",
)
LEARN = dg.define_asset_job(
    "learn",
    selection=_tables("features", "targets") | dg.AssetSelection.assets(TRAINED),
    partitions_def=TICKERS,
    description="Features, targets and what is missing of the models, of the tickers named.",
)
TRAIN = dg.define_asset_job(
    "train",
    # Dagster refuses a job over assets of several partitions definitions: this one trains them all.
    selection=dg.AssetSelection.assets(TRAINED),
    partitions_def=TICKERS,
    description="Train what is missing of every experiment on those of the tickers named that it has.",
)
PREDICT = dg.define_asset_job(
    "predict",
    selection=_tables("forecasts"),
    partitions_def=TICKERS,
    description="Forecasts of the tickers named, by the models already trained.",
)
SIGNALS = dg.define_asset_job(
    "daily_signals",
    selection=_tables("signals"),
    partitions_def=SESSIONS,
    description="The vote, the rotation, the regime and the QQQ position of the sessions named.",
)
RESULTS = dg.define_asset_job(
    "results",
    selection=_tables("portfolio", "evaluation", "reports") | dg.AssetSelection.all_asset_checks(),
    description="Every ledger, the scores, what luck would explain, the leak audit, the reports, and every check.",
)

ALL = [REFRESH_BARS, PREPARE, TRAIN, LEARN, PREDICT, SIGNALS, RESULTS]
