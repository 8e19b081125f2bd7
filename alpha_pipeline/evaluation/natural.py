"""The natural strategy of a model: what acting on the sign of its forecasts would have earned.

At each close: hold the ticker from the next open while the expected return is above 0, else cash. It is marked
from open to open, so the return of session t runs from the open of t+1 to that of t+2. An index cannot be held.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS, cost_rate
from alpha_pipeline.universe import is_index

TRIAL: Final = ("model", "config", "ticker", "seeds")


def natural_returns(forecasts: pl.DataFrame, targets: pl.DataFrame, cost_bps: float = DEFAULT_COST_BPS) -> pl.DataFrame:
    """What the natural strategy of every model, configuration, ticker and seed set earned.

    Args:
        forecasts: columns model, config, ticker, seeds, session, horizon and expected_return. A model is followed
            at its shortest horizon.
        targets: rows of ``targets.forward``.
        cost_bps: basis points of the traded notional, each side.

    Returns:
        Columns model, config, ticker, seeds, session and net_return (simple; null for an index), sorted, one row
        per forecast whose outcome is known.
    """
    shortest = forecasts.filter(pl.col("horizon") == pl.col("horizon").min().over("model"))
    outcomes = targets.filter(horizon=1).select("ticker", "session", "open_log_return")
    rows = shortest.join(outcomes, on=["ticker", "session"]).sort(*TRIAL, "session")
    indices = [ticker for ticker in rows["ticker"].unique() if is_index(ticker)]
    earned = followed("expected_return", "open_log_return", TRIAL, cost_bps)
    return rows.select(*TRIAL, "session", net_return=pl.when(~pl.col("ticker").is_in(indices)).then(earned))


def followed(expected: str, log_return: str, by: Sequence[str], cost_bps: float = DEFAULT_COST_BPS) -> pl.Expr:
    """The simple return after costs of being long while a forecast is above 0; rows in the order of their sessions.

    Args:
        expected: column of the forecasts.
        log_return: column of what followed.
        by: columns that name one series.
        cost_bps: basis points of the traded notional, each side.
    """
    weight = (pl.col(expected) > 0).cast(pl.Float64)
    traded = (weight - weight.shift(1, fill_value=0.0)).abs().over(by)
    return (1 + weight * (pl.col(log_return).exp() - 1)) * (1 - cost_rate(cost_bps) * traded) - 1
