"""Probe: a strategy that lives on the last session's news is suspicious."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation import metrics
from alpha_pipeline.evaluation.audit.finding import Figures, Finding
from alpha_pipeline.evaluation.audit.pipeline import Pipeline
from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR

PROBE: Final = "lag"


def lag(pipeline: Pipeline, decided: Mapping[str, pl.DataFrame], bars: pl.DataFrame) -> Finding:
    """Fill each decision a session later: a Sharpe ratio that halves is suspicious, and no proof.

    A ratio within one standard error of 0 may halve by chance and is left out.

    Args:
        pipeline: its ledger is used.
        decided: what each strategy decides, by its name.
        bars: anchored bars of all their tickers.
    """
    suspicious: list[str] = []
    figures: Figures = {}
    for name, weights in decided.items():
        own = bars.filter(pl.col("ticker").is_in(weights["ticker"].unique().to_list()))
        later = weights.with_columns(
            session=pl.Series([calendar.offset(day, 1) for day in weights["session"]], dtype=pl.Date)
        )
        now, then = (
            pipeline.ledger(name, rows, own, DEFAULT_COST_BPS)["net_return"].to_numpy() for rows in (weights, later)
        )
        if len(now) < 2 or np.std(now) == 0 or not math.isfinite(metrics.sharpe(then)):
            continue
        figures |= {f"{name}_sharpe": metrics.sharpe(now), f"{name}_lagged": metrics.sharpe(then)}
        error = math.sqrt(SESSIONS_PER_YEAR / len(now))
        if metrics.sharpe(now) > error and metrics.sharpe(then) < metrics.sharpe(now) / 2:
            suspicious.append(
                f"{name}'s Sharpe ratio falls from {metrics.sharpe(now):.2f} to {metrics.sharpe(then):.2f}"
            )
    if not figures:
        return Finding(PROBE, "nothing", "no strategy has moved yet")
    if suspicious:
        return Finding(PROBE, "warning", "filled a session later, " + "; ".join(suspicious), figures)
    return Finding(
        PROBE, "ok", f"filled a session later, no Sharpe ratio of {len(figures) // 2} strategies halves", figures
    )
