"""A signal planted in the simulated market is found, and none is found where none was planted."""

import datetime as dt
import os
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline_tests.pipeline_world import FIRST_BAR
from alpha_pipeline_tests.planted_world import TICKERS, found

# The share of the oracle's information coefficient that each must reach in this sample, and the share to expect, which
# strays from market to market by a twentieth: `benchmarks.planted` has the mean of several. A regression on k inputs
# and N labels can expect sqrt(N IC^2 / (N IC^2 + k)) of what is there: two thirds at N = 2,500 and k = 30.
LEARNERS = {
    "lightgbm": (0.3, 0.4),
    "ridge": (0.5, 0.6),
    "v11_hybrid": (0.7, 0.7),
    "v12_super_model": (0.7, 0.7),
    "v13_bull_sniper": (0.7, 0.7),
    "v15_sector_context": (0.7, 0.7),
    "v17_no_kan": (0.7, 0.7),
    "v17_no_revin": (0.7, 0.7),
    "v17_pilot": (0.7, 0.7),
    "matrix_transformer": (0.7, 0.75),
}
SEED = 7


@pytest.fixture
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)


def figures_of(root: Path, planted_ic: float, first: dt.date = FIRST_BAR) -> dict[str, dict[str, float]]:
    """By model, columns of `found`; printed too."""
    figures = found(root, planted_ic, seed=SEED, tickers=TICKERS, first=first)
    with pl.Config(tbl_rows=-1):
        print(f"\nplanted_ic={planted_ic}\n{figures}")
    return {row["model"]: row for row in figures.iter_rows(named=True)}


@pytest.mark.slow
@pytest.mark.minutes(4)
@pytest.mark.usefixtures("one_process")
def test_a_planted_signal_is_recovered(tmp_path: Path) -> None:
    figures = figures_of(tmp_path, 0.10)
    assert set(figures) > set(LEARNERS)
    for model, (in_sample, expected) in LEARNERS.items():
        row = figures[model]
        assert row["best"] == pytest.approx(0.10, abs=0.04), model
        assert row["value"] > in_sample * row["best"], model
        assert row["share"] > expected, model
        assert row["ci_low"] > 0, model
    assert abs(figures["expanding_mean"]["value"]) < 0.05, "it looks at no bar, so it finds nothing"


@pytest.mark.slow
@pytest.mark.minutes(2)
@pytest.mark.usefixtures("one_process")
def test_where_nothing_is_planted_nothing_is_found(tmp_path: Path) -> None:
    # Where there is nothing to learn, the fewer labels the more a model makes of chance: four years instead of ten.
    figures = figures_of(tmp_path, 0.0, dt.date(2015, 1, 2))
    assert set(figures) > set(LEARNERS)
    # Of eleven intervals at 95 % two may miss 0 by chance, a third in one market of fifty.
    missing = [model for model, row in figures.items() if not row["ci_low"] <= 0 <= row["ci_high"]]
    assert len(missing) <= 2, missing
    assert {model: row["value"] for model, row in figures.items() if abs(row["value"]) > 0.04} == {}
