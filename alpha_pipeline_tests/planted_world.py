"""A simulated market with a planted signal, through the real steps from bars to forecasts, beside its oracle."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import polars as pl

from alpha_pipeline.datasets.folds import walk_forward_folds
from alpha_pipeline.evaluation.outcomes import beside_outcomes, in_own_unit
from alpha_pipeline.evaluation.scores import WHOLE, scores, standard_windows
from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.sources.simulated import SimulatedSource, oracle, simulate
from alpha_pipeline.steps import training
from alpha_pipeline.steps.features import build_targets
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline_tests.pipeline_world import FIRST_BAR, after_close, build_features, forecast_all, ingest_all

TICKERS = ("QQQ", "NVDA", "AAPL", "XLE", "XLP", "XLF")
# Ten years to learn from and three to be judged on: fewer labels teach ridge less than half of what there is.
FIRST_OUT_OF_SAMPLE, LAST = dt.date(2020, 1, 2), dt.date(2022, 12, 30)


def found(
    root: Path, planted_ic: float, *, seed: int, tickers: Sequence[str], first: dt.date = FIRST_BAR
) -> pl.DataFrame:
    """What every experiment finds at horizon 1, pooled over its tickers.

    Args:
        root: of a warehouse that is not there yet.
        planted_ic: of the signal; 0 plants none.
        seed: of the market.
        tickers: of models of one ticker. A model that all its tickers share has all of them.
        first: session from which there are bars to learn from.

    Returns:
        model; value, ci_low and ci_high of its information coefficient; best, that of the oracle in the same sessions;
        share, the correlation of the two forecasts. A return is what the oracle expects and noise that nobody can know,
        so the share is the part of `best` that the model can expect; value / best strays from it by chance.
    """
    warehouse = Warehouse(root)
    zoo = load_experiments().values()
    shared = [experiment for experiment in zoo if is_shared(experiment.architecture)]
    single = [experiment for experiment in zoo if not is_shared(experiment.architecture)]
    theirs = sorted({ticker for experiment in shared for ticker in experiment.tickers})
    everyone = sorted({*CORE, *theirs, *tickers})  # the core is context
    ingest_all(warehouse, SimulatedSource(seed, planted_ic), everyone, LAST, first)
    build_features(warehouse, tickers)
    build_targets(warehouse, theirs)
    folds = partial(walk_forward_folds, first_oos=FIRST_OUT_OF_SAMPLE)
    with mock.patch.object(training, "walk_forward_folds", folds):
        forecast_all(warehouse, single, tickers, after_close(LAST))
        forecast_all(warehouse, shared, theirs, after_close(LAST))
    made, labels = warehouse.read(DAILY).filter(horizon=1), warehouse.read(FORWARD)
    known = oracle(simulate(seed, planted_ic, tickers=everyone)).rename({"expected_return": "best"})
    ideal = made.join(known, on=["ticker", "session"]).with_columns(expected_return="best").select(made.columns)
    pooled, ideal = (in_own_unit(beside_outcomes(rows, labels)) for rows in (made, ideal))
    keys = ["model", "ticker", "session"]
    beside = pooled.join(ideal.select(*keys, best="expected"), on=keys)
    against = beside.group_by("model").agg(best=pl.corr("best", "realised"), share=pl.corr("expected", "best"))
    rows = scores(made, labels, standard_windows(FIRST_OUT_OF_SAMPLE, LAST)[:1])
    rows = rows.filter(ticker="*", horizon=1, window=WHOLE, metric="ic")
    return rows.select("model", "value", "ci_low", "ci_high").join(against, on="model").sort("model")
