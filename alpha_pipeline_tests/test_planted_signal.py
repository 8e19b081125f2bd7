"""A signal planted in the simulated market is found, and none is found where none was planted.

Through the real steps, from bars to scores. The oracle knows the best forecast there is; its own information
coefficient in the same sample is what the models are measured against.
"""

import datetime as dt
import os
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.datasets.folds import walk_forward_folds
from alpha_pipeline.evaluation.outcomes import beside_outcomes, in_own_unit
from alpha_pipeline.evaluation.scores import WHOLE, scores, standard_windows
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.sources.simulated import SimulatedSource, oracle, simulate
from alpha_pipeline.steps import training
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline_tests.pipeline_world import after_close, build_features, forecast_all, ingest_all

TICKERS = ("QQQ", "NVDA", "AAPL", "XLE", "XLP", "XLF")
# Ten years to learn from and three to be judged on: fewer labels teach ridge less than half of what there is.
FIRST_OUT_OF_SAMPLE, LAST = dt.date(2020, 1, 2), dt.date(2022, 12, 30)
# The share of the oracle's information coefficient that each must reach in this sample, and the share to expect. A
# return is what the oracle expects and noise that nobody can know, so that is the correlation of a forecast with the
# oracle's; the share in a sample of three years strays from it by a tenth. A regression on k inputs and N labels can
# expect sqrt(N IC^2 / (N IC^2 + k)) of what is there: two thirds at N = 2,500 and k = 30.
LEARNERS = {
    "lightgbm": (0.3, 0.4),
    "ridge": (0.5, 0.6),
    "v11_hybrid": (0.7, 0.7),
    "v12_super_model": (0.7, 0.7),
    "v13_bull_sniper": (0.7, 0.7),
    "v15_sector_context": (0.7, 0.7),
    "v17_no_kan": (0.7, 0.7),
    "v17_no_revin": (0.7, 0.65),
    "v17_pilot": (0.7, 0.7),
}
SEED = 7


def pooled_ic(root: Path, planted_ic: float) -> pl.DataFrame:
    """Pooled information coefficient at horizon 1 of every experiment and of the oracle, with its interval.

    `share` is the correlation with the oracle's forecast, pooled like the coefficient.
    """
    warehouse = Warehouse(root)
    ingest_all(warehouse, SimulatedSource(SEED, planted_ic), CORE, LAST)  # the others are context
    build_features(warehouse, TICKERS)
    forecast_all(warehouse, list(load_experiments().values()), TICKERS, after_close(LAST))
    made = warehouse.read(DAILY).filter(horizon=1)
    best = oracle(simulate(SEED, planted_ic, tickers=TICKERS)).rename({"expected_return": "best"})
    known = made.filter(model="ridge").join(best, on=["ticker", "session"])
    known = known.with_columns(model=pl.lit("oracle"), expected_return="best").select(made.columns)
    windows = standard_windows(FIRST_OUT_OF_SAMPLE, LAST)[:1]
    both = pl.concat([made, known])
    rows = scores(both, warehouse.read(FORWARD), windows)
    pooled = in_own_unit(beside_outcomes(both, warehouse.read(FORWARD)))
    ideal = pooled.filter(model="oracle").select("ticker", "session", ideal="expected")
    shares = pooled.join(ideal, on=["ticker", "session"]).group_by("model").agg(share=pl.corr("expected", "ideal"))
    figures = rows.filter(ticker="*", horizon=1, window=WHOLE, metric="ic").select(
        "model", "value", "ci_low", "ci_high"
    )
    figures = figures.join(shares, on="model")
    with pl.Config(tbl_rows=-1):
        print(f"\nplanted_ic={planted_ic}\n{figures}")
    return figures


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(training, "walk_forward_folds", partial(walk_forward_folds, first_oos=FIRST_OUT_OF_SAMPLE))


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_a_planted_signal_is_recovered(tmp_path: Path) -> None:
    figures = {row["model"]: row for row in pooled_ic(tmp_path, 0.10).iter_rows(named=True)}
    best = figures["oracle"]["value"]
    assert best == pytest.approx(0.10, abs=0.04)
    assert set(figures) > set(LEARNERS)
    for model, (in_sample, expected) in LEARNERS.items():
        assert figures[model]["value"] > in_sample * best, model
        assert figures[model]["share"] > expected, model
        assert figures[model]["ci_low"] > 0, model
    assert abs(figures["expanding_mean"]["value"]) < 0.05, "it looks at no bar, so it finds nothing"


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
def test_where_nothing_is_planted_nothing_is_found(tmp_path: Path) -> None:
    figures = {row["model"]: row for row in pooled_ic(tmp_path, 0.0).iter_rows(named=True)}
    assert set(figures) > set(LEARNERS)
    # Of eleven intervals at 95 % two may miss 0 by chance, a third in one market of fifty.
    missing = [model for model, row in figures.items() if not row["ci_low"] <= 0 <= row["ci_high"]]
    assert len(missing) <= 2, missing
    assert {model: row["value"] for model, row in figures.items() if abs(row["value"]) > 0.04} == {}
