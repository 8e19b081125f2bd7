"""Forecasts beside what came of them, and beside what was known when they were made.

What could be earned is scored: the open-to-open return of what can be traded, the close-to-close change of an
index. Base rates and volatilities at a session use labels with ``known_at`` before it, as training does.
"""

import math
from typing import Final

import polars as pl

from alpha_pipeline.forecasting.firing import fires
from alpha_pipeline.universe import VOLATILITY_FUNDS, is_index

SPIKE_LOG: Final = math.log(1.1)  # A rise of more than 10 %.
VOLATILITY_LABELS: Final = 63  # Labels behind the volatility that pools tickers: a quarter.
MIN_LABELS: Final = 20
POOLED: Final = "*"  # stands for the ticker where several are taken together


def beside_outcomes(forecasts: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """Forecasts whose outcome is known, with it and what was known before: the columns of `scores.Sample`.

    Also model, ticker, horizon and `volatility` (standard deviation of the ticker's last known labels, null
    while there are too few).
    """
    by = ["ticker", "horizon"]
    indices = [t for t in targets["ticker"].unique() if is_index(t)]
    is_index_row = pl.col("ticker").is_in(indices)
    labels = targets.select(
        *by,
        "session",
        "known_at",
        realised=pl.when(is_index_row).then("close_log_return").otherwise("open_log_return"),
    ).with_columns(rose=pl.col("realised") > 0, spiked=pl.col("realised") > SPIKE_LOG)
    known = labels.sort("known_at").select(
        *by,
        "known_at",
        up_rate=_rate("rose").over(by),
        spike_rate=_rate("spiked").over(by),
        volatility=pl.col("realised").rolling_std(VOLATILITY_LABELS, min_samples=MIN_LABELS).over(by),
    )
    joined = forecasts.join(labels.drop("known_at"), on=[*by, "session"]).sort("session")
    # Strictly before: a label completed by the open of a session was not used by the models of that session.
    learned = joined.join_asof(
        known,
        left_on="session",
        right_on="known_at",
        by=by,
        allow_exact_matches=False,
        check_sortedness=False,
    )
    return learned.select(
        "model",
        *by,
        "session",
        "realised",
        "prob_up",
        "rose",
        "spiked",
        "volatility",
        expected="expected_return",
        up_rate=pl.col("up_rate").fill_null(0.5),
        spike_rate=pl.col("spike_rate").fill_null(0.5),
        low=pl.col("low_90").cast(pl.Float64).fill_null(math.nan),
        high=pl.col("high_90").cast(pl.Float64).fill_null(math.nan),
        prob_spike=pl.col("prob_spike").cast(pl.Float64).fill_null(math.nan),
        prob_bull=pl.col("prob_bull").cast(pl.Float64).fill_null(math.nan),
        bull=(pl.col("realised") > pl.col("bull_move")).fill_null(value=False),
        fires=fires().fill_null(value=False),
        naive_right=pl.col("rose") ^ is_index_row,
    ).sort("model", "ticker", "horizon", "session")


def in_own_unit(scored: pl.DataFrame) -> pl.DataFrame:
    """The rows that are pooled, their returns in units of the ticker's own volatility: stocks and funds.

    Those on volatility are left out: with a fund that decays in the pool, a constant per ticker would already look like
    skill. So are rows of a ticker whose volatility is not yet known.

    Args:
        scored: rows of `beside_outcomes`.
    """
    left_out = [ticker for ticker in scored["ticker"].unique() if is_index(ticker) or ticker in VOLATILITY_FUNDS]
    shares = scored.filter(~pl.col("ticker").is_in(left_out), pl.col("volatility") > 0)
    return shares.with_columns(pl.col("expected", "realised", "low", "high", "volatility") / pl.col("volatility"))


def _rate(event: str) -> pl.Expr:
    """Share of an event so far, with one event and one non-event added so that it is never 0 or 1."""
    return (pl.col(event).cast(pl.Float64).cum_sum() + 1) / (pl.int_range(1, pl.len() + 1) + 2)
