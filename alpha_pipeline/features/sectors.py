"""The seven sectors side by side: what a ticker, or one of them, is held against."""

import functools
import math
import operator
from collections.abc import Sequence

import polars as pl

from alpha_pipeline.features.context import by_ticker, count, features_of, mean
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Panel
from alpha_pipeline.features.windows import indicator, lag, ratio
from alpha_pipeline.universe import SECTORS

CYCLICAL = ("XLK", "XLY")
DEFENSIVE = ("XLU", "XLP")


def sector_returns(context: pl.DataFrame, sessions: pl.DataFrame, lengths: Sequence[int]) -> dict[int, pl.DataFrame]:
    """The sectors' log returns over each length: one row per session, one column per sector, null where missing."""
    features = [Feature(str(n), n, "Log return") for n in lengths]

    def returns(panel: Panel) -> dict[str, pl.Series]:
        return {str(n): (panel["close"] / lag(panel["close"], n)).log() for n in lengths}

    members = by_ticker(features_of(context, SECTORS, features, returns), SECTORS, sessions)
    return {
        n: pl.DataFrame([own[str(n)].alias(ticker) for ticker, own in zip(SECTORS, members, strict=True)])
        for n in lengths
    }


def between_sectors(returns: pl.DataFrame, n: int) -> pl.DataFrame:
    """How far the sectors' returns over n sessions lie apart, and whether the cyclical ones lead."""
    middle = mean(returns.get_columns())
    squares = [(column - middle) * (column - middle) for column in returns.get_columns()]
    cyclical = returns[CYCLICAL[0]] + returns[CYCLICAL[1]]
    defensive = returns[DEFENSIVE[0]] + returns[DEFENSIVE[1]]
    return pl.DataFrame(
        {f"sector_dispersion_{n}": mean(squares).sqrt(), f"risk_appetite_{n}": (cyclical - defensive) / 2}
    )


def yardsticks(returns: pl.DataFrame, n: int) -> pl.DataFrame:
    """What a log return over n sessions is held against; a missing sector is never lower than the ticker.

    Returns:
        ``XLY_n`` and so on, ``sectors_mean_n`` and ``sectors_present_n``, one row per session.
    """
    columns = returns.get_columns()
    sectors = returns.select(pl.all().fill_null(math.inf).name.suffix(f"_{n}"))
    middle = mean(columns).fill_null(math.nan).alias(f"sectors_mean_{n}")
    return sectors.with_columns(middle, count(columns).alias(f"sectors_present_{n}"))


def sector_rank(panel: Panel, own: pl.Series, n: int) -> pl.Series:
    """Part of the sectors with a lower log return over n sessions than the ticker; null where there is none.

    Args:
        panel: bars with the `yardsticks` over n sessions beside them.
        own: the ticker's log returns over n sessions.
        n: sessions.
    """
    lower = functools.reduce(operator.add, [indicator(own > panel[f"{ticker}_{n}"] + SAME) for ticker in SECTORS])
    return ratio(lower, panel[f"sectors_present_{n}"], otherwise=None)
