"""Market context: what the rest of the market said at that session's close.

The context is the bars of QQQ, SPY, ^VIX, the Magnificent Seven and the seven sectors. Any of them may be
missing or begin late: what needs it is null, and breadth counts those present. Context joins by session and
is never carried forward. ^VIX prints until 16:15 New York: its close is known before the next open, not at
16:00.

Only `vix_log` depends on a level. Everything else is unchanged when any one history is rescaled.
Source of the turn of the month: Lakonishok and Smidt, "Are Seasonal Anomalies Real?", 1988.
"""

import functools
import math
import operator
from collections.abc import Sequence

import polars as pl

from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Compute, Panel, described, usable
from alpha_pipeline.features.technical import SESSIONS_A_YEAR
from alpha_pipeline.features.windows import Sums, Variances, indicator, lag, ratio, within
from alpha_pipeline.sessions import all_sessions
from alpha_pipeline.universe import MAG7, SECTORS, VIX

CYCLICAL = ("XLK", "XLY")
DEFENSIVE = ("XLU", "XLP")

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
_RETURN_20 = Feature("return_20", 20, "Log return over 20 sessions")


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
    sessions = bars.select(pl.col("session").unique()).sort("session")
    sectors = _sector_returns(context, sessions)
    benchmarks = _closes(context, sessions).hstack(_yardsticks(sectors))
    with_benchmarks = bars.join(benchmarks, on="session", how="left", maintain_order="left")
    relative = described(with_benchmarks, RELATIVE_FEATURES, _relative)
    market = _joined(
        sessions,
        _of(context, (VIX,), VIX_FEATURES, _vix).drop("ticker"),
        _of(context, ("QQQ",), QQQ_FEATURES, _qqq).drop("ticker"),
        _breadth(context, sessions),
        sessions.hstack(_between_sectors(sectors)),
        _calendar(),
    )
    whole = relative.join(market, on="session", how="left", maintain_order="left")
    return whole.select("ticker", "session", *(feature.name for feature in FEATURES))


def _joined(sessions: pl.DataFrame, *parts: pl.DataFrame) -> pl.DataFrame:
    """The parts side by side, one row per session, null where a part has none."""
    return functools.reduce(
        lambda left, right: left.join(right, on="session", how="left", maintain_order="left"), parts, sessions
    )


def _of(context: pl.DataFrame, tickers: Sequence[str], features: Sequence[Feature], compute: Compute) -> pl.DataFrame:
    """The features of some tickers of the context, each from its own bars."""
    return described(context.filter(pl.col("ticker").is_in(tickers)), features, compute)


def _split(frame: pl.DataFrame, tickers: Sequence[str], sessions: pl.DataFrame) -> list[pl.DataFrame]:
    """One frame per ticker, with a row for every session, null where the ticker has none."""
    grid = pl.DataFrame({"ticker": tickers}).join(sessions, how="cross", maintain_order="left_right")
    whole = grid.join(frame, on=["ticker", "session"], how="left", maintain_order="left")
    return [whole.slice(i * sessions.height, sessions.height) for i in range(len(tickers))]


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
    members = _split(_of(context, MAG7, _MEMBER_FEATURES, _member), MAG7, sessions)
    named = zip(BREADTH_FEATURES, _MEMBER_FEATURES, strict=True)
    means = [_mean([m[source.name] for m in members]).alias(target.name) for target, source in named]
    return sessions.with_columns(means)


def _sector_returns(context: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The sectors' 20-session log returns: one row per session, one column per sector."""
    members = _split(_of(context, SECTORS, (_RETURN_20,), _return_20), SECTORS, sessions)
    return pl.DataFrame([m["return_20"].alias(ticker) for ticker, m in zip(SECTORS, members, strict=True)])


def _return_20(panel: Panel) -> dict[str, pl.Series]:
    return {"return_20": (panel["close"] / lag(panel["close"], 20)).log()}


def _between_sectors(returns: pl.DataFrame) -> pl.DataFrame:
    """How far the sectors lie apart, and whether the cyclical ones lead."""
    mean = _mean(returns.get_columns())
    squares = [(column - mean) * (column - mean) for column in returns.get_columns()]
    cyclical = returns[CYCLICAL[0]] + returns[CYCLICAL[1]]
    defensive = returns[DEFENSIVE[0]] + returns[DEFENSIVE[1]]
    return pl.DataFrame({"sector_dispersion_20": _mean(squares).sqrt(), "risk_appetite_20": (cyclical - defensive) / 2})


def _mean(columns: Sequence[pl.Series]) -> pl.Series:
    """Row by row mean of what is not null; null where nothing is.

    Added in a fixed order: a horizontal sum may add in any order, and differ in the last bit.
    """
    total = functools.reduce(operator.add, [column.fill_null(0.0) for column in columns])
    return ratio(total, _count(columns), otherwise=None)


def _yardsticks(returns: pl.DataFrame) -> pl.DataFrame:
    """What a 20-session log return is held against; a missing sector is never lower than the ticker."""
    columns = returns.get_columns()
    sectors = returns.select(pl.all().fill_null(math.inf))
    mean = _mean(columns).fill_null(math.nan).alias("sectors_mean")
    return sectors.with_columns(mean, _count(columns).alias("sectors_present"))


def _count(columns: Sequence[pl.Series]) -> pl.Series:
    """Row by row number of what is not null."""
    return functools.reduce(operator.add, [column.is_not_null().cast(pl.Float64) for column in columns])


def _closes(context: pl.DataFrame, sessions: pl.DataFrame) -> pl.DataFrame:
    """The adjusted closes that tickers are held against, NaN where missing."""
    closes = adjusted(context.filter(usable()))
    parts = [
        closes.filter(pl.col("ticker") == ticker).select("session", pl.col("close").alias(f"close_{ticker}"))
        for ticker in ("QQQ", "SPY")
    ]
    return _joined(sessions, *parts).with_columns(pl.col(pl.Float64).fill_null(math.nan))


def _relative(panel: Panel) -> dict[str, pl.Series]:
    """The ticker against QQQ, SPY and the sectors, over the ticker's own sessions."""
    close, qqq = panel["close"], panel["close_QQQ"]
    in_qqq, in_spy = close / qqq, close / panel["close_SPY"]
    own = (close / lag(close, 20)).log()
    lower = functools.reduce(operator.add, [indicator(own > panel[ticker] + SAME) for ticker in SECTORS])
    daily, market = ((price / lag(price, 1)).log() for price in (close, qqq))
    return {
        **{f"relative_to_qqq_{n}": (in_qqq / lag(in_qqq, n)).log() for n in (5, 20, 60)},
        "relative_to_spy_20": (in_spy / lag(in_spy, 20)).log(),
        "relative_to_sectors_20": own - panel["sectors_mean"],
        "sector_rank_20": ratio(lower, panel["sectors_present"], otherwise=None),
        **_comovement(daily, market),
    }


def _comovement(own: pl.Series, market: pl.Series) -> dict[str, pl.Series]:
    """Beta and correlation of daily log returns over 60 sessions; null where QQQ is missing."""
    n = 60
    products = Sums(own * market)(n) - Sums(own)(n) * Sums(market)(n) / n
    own_squares, market_squares = (Variances(x).squared_deviations(n) for x in (own, market))
    still = n * SAME**2
    correlation = ratio(products, (own_squares * market_squares).sqrt(), otherwise=0.0, floor=still)
    return {
        "beta_60": ratio(products, market_squares, otherwise=None, floor=still),
        "correlation_60": within(correlation, -1.0, 1.0),
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
