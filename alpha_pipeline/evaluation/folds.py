"""Fold by fold: how good the forecasts of each stretch were, and how far the seeds behind them were apart."""

from typing import Any

import numpy as np
import polars as pl

from alpha_pipeline.evaluation import linearised, metrics
from alpha_pipeline.evaluation.bootstrap import interval_of
from alpha_pipeline.evaluation.outcomes import beside_outcomes, in_own_unit
from alpha_pipeline.warehouse.tables.results import FOLDS


def folds(forecasts: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """The pooled information coefficient of one-session forecasts in every fold.

    Args:
        forecasts: rows of ``forecasts.daily``, of any number of models.
        targets: rows of ``targets.forward`` from the first session on.

    Returns:
        Rows of ``evaluation.folds``. A fold begins where the ticker with the longest history got another model. The
        spread is the standard deviation of the expected return between seeds over the forecast's volatility, the mean
        over forecasts: 0 with one seed, which says nothing of how much a seed matters.
    """
    made = forecasts.filter(horizon=1).with_columns(spread=pl.col("seed_spread") / pl.col("forecast_vol"))
    own = in_own_unit(beside_outcomes(forecasts.filter(horizon=1), targets)).join(
        made.select("model", "ticker", "session", "spread", "seeds", "trained_through"),
        on=["model", "ticker", "session"],
    )
    rows: list[tuple[Any, ...]] = []
    for (model,), group in own.group_by("model", maintain_order=True):
        begins = _begins(made.filter(model=model)).rename({"session": "first_session"})
        placed = group.sort("session").join_asof(begins, left_on="session", right_on="first_session")
        for (first,), part in placed.drop_nulls("first_session").group_by("first_session", maintain_order=True):
            x, y = part["expected"].to_numpy(), part["realised"].to_numpy()
            value = metrics.information_coefficient(x, y)
            if not np.isfinite(value):
                continue
            ci = interval_of(linearised.correlation(x, y), part["session"])
            end, trained, seeds, spread = (
                part["session"].max(),
                part["trained_through"].max(),
                part["seeds"].max(),
                part["spread"].mean(),
            )
            rows.append((model, first, end, trained, value, ci.low, ci.high, seeds, spread, len(x)))
    if not rows:
        return FOLDS.empty()
    frame = pl.DataFrame(rows, schema=FOLDS.columns, orient="row", infer_schema_length=None)
    return FOLDS.conform(frame.with_columns(pl.col("ci_low", "ci_high").fill_nan(None)))


def _begins(forecasts: pl.DataFrame) -> pl.DataFrame:
    """Column session: where the ticker with the most forecasts of one model got another model, in order."""
    longest = forecasts.group_by("ticker").len().sort("len", "ticker", descending=[True, False])["ticker"][0]
    firsts = forecasts.filter(ticker=longest).group_by("model_id").agg(pl.col("session").min())
    return firsts.select("session").sort("session")
