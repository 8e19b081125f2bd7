import datetime as dt

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation.folds import folds
from alpha_pipeline.warehouse.tables.results import FOLDS

HISTORY = calendar.between(dt.date(2015, 6, 1), dt.date(2017, 12, 29))
BEGINS = (dt.date(2016, 1, 4), dt.date(2017, 1, 3))


def world(skills: tuple[float, float], seeds: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Forecasts of two tickers in two folds, each with its own skill, and the targets. NEW is listed within a fold."""
    rng = np.random.default_rng(3)
    made, came = [], []
    for ticker, first in (("QQQ", BEGINS[0]), ("NEW", dt.date(2016, 5, 2))):
        days = [day for day in HISTORY if ticker == "QQQ" or day >= dt.date(2016, 1, 4)]
        realised = rng.normal(0, 0.01, len(days))
        came.append(
            pl.DataFrame(
                {
                    "ticker": ticker,
                    "session": days,
                    "horizon": 1,
                    "close_log_return": realised,
                    "open_log_return": realised,
                    "known_at": [calendar.offset(day, 2) for day in days],
                },
                schema_overrides={"horizon": pl.Int64},
            )
        )
        for day, outcome in zip(days, realised, strict=True):
            if day < first:
                continue
            fold = int(day >= BEGINS[1])
            skill = skills[fold]
            expected = skill * outcome + np.sqrt(1 - skill**2) * rng.normal(0, 0.01)
            made.append((ticker, day, float(expected), f"{ticker}{fold}", dt.date(2015 + fold, 12, 1)))
    forecasts = pl.DataFrame(
        made, schema=["ticker", "session", "expected_return", "model_id", "trained_through"], orient="row"
    ).with_columns(
        model=pl.lit("m"),
        horizon=pl.lit(1, pl.Int64),
        prob_up=pl.lit(0.5),
        forecast_vol=pl.lit(0.01),
        seeds=pl.lit(seeds, pl.Int64),
        seed_spread=pl.lit(0.002 if seeds > 1 else 0.0),
        **{
            name: pl.lit(None, pl.Float64)
            for name in ("low_90", "high_90", "prob_spike", "prob_bull", "bull_threshold", "bull_move")
        },
    )
    return forecasts, pl.concat(came)


def test_each_fold_is_scored_on_its_own_sessions() -> None:
    rows = folds(*world((0.0, 0.5))).sort("first_session")
    FOLDS.validate(rows, "m")
    # NEW's model begins within the first fold, and makes no fold of its own.
    assert rows["first_session"].to_list() == list(BEGINS)
    assert rows["last_session"].to_list() == [dt.date(2016, 12, 30), HISTORY[-1]]
    assert rows["trained_through"].to_list() == [dt.date(2015, 12, 1), dt.date(2016, 12, 1)]
    blind, skilled = rows.iter_rows(named=True)
    assert blind["ci_low"] < 0 < blind["ci_high"]
    assert skilled["ic"] == pytest.approx(0.5, abs=0.1)
    assert skilled["ci_low"] > 0.3


def test_the_spread_is_that_of_the_seeds_over_the_volatility() -> None:
    assert folds(*world((0.1, 0.1)))["spread"].to_list() == [0.0, 0.0]
    spread = folds(*world((0.1, 0.1), seeds=3))
    assert spread["spread"].to_list() == pytest.approx([0.2, 0.2])
    assert spread["seeds"].to_list() == [3, 3]
