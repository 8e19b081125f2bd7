"""Market context: what the rest of the market said at that session's close.

The context is the bars of QQQ, SPY, ^VIX, the Magnificent Seven and the seven sectors. Any of them may be
missing or begin late: what needs it is null, and breadth counts those present. Context joins by session and
is never carried forward. ^VIX prints until 16:15 New York: its close is known before the next open, not at
16:00.

Only `vix_log` depends on a level. Everything else is unchanged when any one history is rescaled.
Source of the turn of the month: Lakonishok and Smidt, "Are Seasonal Anomalies Real?", 1988.
"""

import math

import polars as pl

from alpha_pipeline.features.context import (
    by_ticker,
    closes,
    co_deviations,
    correlation,
    features_of,
    joined,
    mean,
    sessions_of,
)
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Panel, described
from alpha_pipeline.features.sectors import between_sectors, sector_rank, sector_returns, yardsticks
from alpha_pipeline.features.technical import SESSIONS_A_YEAR
from alpha_pipeline.features.windows import Sums, Variances, indicator, lag, ratio
from alpha_pipeline.sessions import all_sessions
from alpha_pipeline.universe import MAG7, VIX

VIX_FEATURES = (
    Feature("vix_log", 0, "Log of the VIX close, in index points"),
    Feature("vix_change_1", 1, "Log change of the VIX over 1 session"),
    Feature("vix_change_5", 5, "Log change of the VIX over 5 sessions"),
    Feature("vix_z_252", 251, "VIX from its 252-session mean, in standard deviations"),
    Feature("vix_percentile_252", 251, "Part of the 251 sessions before with a lower VIX, ties by half"),
    Feature("vix_to_mean_20", 19, "VIX over its 20-session mean, minus 1"),
)
QQQ_FEATURES = (
    Feature("qqq_return_1", 1, "Log return of QQQ over 1 session"),
    Feature("qqq_return_5", 5, "Log return of QQQ over 5 sessions"),
    Feature("qqq_return_20", 20, "Log return of QQQ over 20 sessions"),
    Feature("qqq_volatility_20", 20, "Standard deviation of QQQ's log returns over 20 sessions, a year"),
    Feature("qqq_to_sma_50", 49, "QQQ over its 50-session mean, minus 1"),
    Feature("qqq_to_sma_200", 199, "QQQ over its 200-session mean, minus 1"),
)
BREADTH_FEATURES = (
    Feature("mag7_above_sma_20", 19, "Part of the Magnificent Seven above their 20-session mean"),
    Feature("mag7_above_sma_50", 49, "Part of the Magnificent Seven above their 50-session mean"),
    Feature("mag7_up", 1, "Part of the Magnificent Seven that closed higher"),
    Feature("mag7_return_5", 5, "Mean log return of the Magnificent Seven over 5 sessions"),
)
SECTOR_FEATURES = (
    Feature("sector_dispersion_20", 20, "Standard deviation between the sectors' 20-session log returns"),
    Feature("risk_appetite_20", 20, "Mean 20-session log return of XLK and XLY minus that of XLU and XLP"),
)
RELATIVE_FEATURES = (
    Feature("relative_to_qqq_5", 5, "Log return of the ticker minus that of QQQ over 5 sessions"),
    Feature("relative_to_qqq_20", 20, "Log return of the ticker minus that of QQQ over 20 sessions"),
    Feature("relative_to_qqq_60", 60, "Log return of the ticker minus that of QQQ over 60 sessions"),
    Feature("relative_to_spy_20", 20, "Log return of the ticker minus that of SPY over 20 sessions"),
    Feature(
        "relative_to_sectors_20",
        20,
        "Log return of the ticker minus the mean of the sectors over 20 sessions",
    ),
    Feature("sector_rank_20", 20, "Part of the sectors with a lower 20-session log return than the ticker"),
    Feature("beta_60", 60, "Slope of daily log returns on those of QQQ, 60 sessions; null where QQQ stood still"),
    Feature("correlation_60", 60, "Correlation of daily log returns with those of QQQ, 60 sessions"),
)
CALENDAR_FEATURES = (
    Feature("day_of_week", 0, "Monday 0 to Friday 1"),
    Feature(
        "is_turn_of_month",
        0,
        "1 on the last session of a month and the first three",
    ),
)
FEATURES = (
    *VIX_FEATURES,
    *QQQ_FEATURES,
    *BREADTH_FEATURES,
    *SECTOR_FEATURES,
    *RELATIVE_FEATURES,
    *CALENDAR_FEATURES,
)

_MEMBER_FEATURES = (
    Feature("above_sma_20", 19, "1 above the 20-session mean"),
    Feature("above_sma_50", 49, "1 above the 50-session mean"),
    Feature("up", 1, "1 where the close rose"),
    Feature("return_5", 5, "Log return over 5 sessions"),
)


def market_context(bars: pl.DataFrame, context: pl.DataFrame) -> pl.DataFrame:
    """What the market around each bar looked like, known at its close.

    Args:
        bars: raw bars of the tickers to describe, sorted by ticker and session.
        context: raw bars, so sorted, of QQQ, SPY, ^VIX, the Magnificent Seven and the sectors, as far as they
            exist; other tickers are ignored.

    Returns:
        ``ticker, session`` and `FEATURES`, in the order of the bars. Null in the warm-up, and where a
        session has no context.
    """
    sessions = sessions_of(bars)
    sectors = sector_returns(context, sessions, [20])[20]
    benchmarks = closes(context, ("QQQ", "SPY"), sessions).hstack(yardsticks(sectors, 20))
    with_benchmarks = bars.join(benchmarks, on="session", how="left", maintain_order="left")
    relative = described(with_benchmarks, RELATIVE_FEATURES, _relative)
    market = joined(
        sessions,
        features_of(context, (VIX,), VIX_FEATURES, _vix).drop("ticker"),
        features_of(context, ("QQQ",), QQQ_FEATURES, _qqq).drop("ticker"),
        _breadth(context, sessions),
        sessions.hstack(between_sectors(sectors, 20)),
        _calendar(),
    )
    whole = relative.join(market, on="session", how="left", maintain_order="left")
    return whole.select("ticker", "session", *(feature.name for feature in FEATURES))


def _vix(panel: Panel) -> dict[str, pl.Series]:
    close = panel["close"]
    sums, deviation = Sums(close), Variances(close).deviation(252)
    rank = close.rolling_rank(252, method="average")
    return {
        "vix_log": close.log(),
        "vix_change_1": (close / lag(close, 1)).log(),
        "vix_change_5": (close / lag(close, 5)).log(),
        "vix_z_252": ratio(close - sums.mean(252), deviation, otherwise=0.0, floor=SAME * close),
        "vix_percentile_252": (rank - 1.0) / 251,
        "vix_to_mean_20": close / sums.mean(20) - 1.0,
    }


def _qqq(panel: Panel) -> dict[str, pl.Series]:
    close = panel["close"]
    sums = Sums(close)
    daily = (close / lag(close, 1)).log()
    return {
        "qqq_return_1": daily,
        "qqq_return_5": (close / lag(close, 5)).log(),
        "qqq_return_20": (close / lag(close, 20)).log(),
        "qqq_volatility_20": Variances(daily).deviation(20, ddof=1) * math.sqrt(SESSIONS_A_YEAR),
        "qqq_to_sma_50": close / sums.mean(50) - 1.0,
        "qqq_to_sma_200": close / sums.mean(200) - 1.0,
    }


def _member(panel: Panel) -> dict[str, pl.Series]:
    close = panel["close"]
    sums, margin = Sums(close), SAME * close
    return {
        "above_sma_20": indicator(close > sums.mean(20) + margin),
        "above_sma_50": indicator(close > sums.mean(50) + margin),
        "up": indicator(close > lag(close, 1) + margin),
        "return_5": (close / lag(close, 5)).log(),
    }


def _breadth(context: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """Means over those of the Magnificent Seven that are defined at each session."""
    members = by_ticker(features_of(context, MAG7, _MEMBER_FEATURES, _member), MAG7, sessions)
    named = zip(BREADTH_FEATURES, _MEMBER_FEATURES, strict=True)
    means = [mean([m[source.name] for m in members]).alias(target.name) for target, source in named]
    return sessions.with_columns(means)


def _relative(panel: Panel) -> dict[str, pl.Series]:
    """The ticker against QQQ, SPY and the sectors, over the ticker's own sessions."""
    close, qqq = panel["close"], panel["close_QQQ"]
    in_qqq, in_spy = close / qqq, close / panel["close_SPY"]
    own = (close / lag(close, 20)).log()
    daily, market = ((price / lag(price, 1)).log() for price in (close, qqq))
    return {
        **{f"relative_to_qqq_{n}": (in_qqq / lag(in_qqq, n)).log() for n in (5, 20, 60)},
        "relative_to_spy_20": (in_spy / lag(in_spy, 20)).log(),
        "relative_to_sectors_20": own - panel["sectors_mean_20"],
        "sector_rank_20": sector_rank(panel, own, 20),
        **_comovement(daily, market),
    }


def _comovement(own: pl.Series, market: pl.Series) -> dict[str, pl.Series]:
    """Beta and correlation of daily log returns over 60 sessions; null where QQQ is missing."""
    n = 60
    products = co_deviations(own, market, n)
    own_squares, market_squares = (Variances(x).squared_deviations(n) for x in (own, market))
    return {
        "beta_60": ratio(products, market_squares, otherwise=None, floor=n * SAME**2),
        "correlation_60": correlation(products, own_squares, market_squares, n),
    }


def _calendar() -> pl.DataFrame:
    """What the calendar alone says about each session; holidays follow rules, so it is known in advance."""
    month = pl.col("session").dt.truncate("1mo")
    number = pl.int_range(pl.len()).over(month)
    left = pl.len().over(month) - number - 1
    return pl.DataFrame({"session": all_sessions()}).select(
        "session",
        day_of_week=(pl.col("session").dt.weekday() - 1) / 4,
        is_turn_of_month=((number < 3) | (left == 0)).cast(pl.Float64),
    )
