"""Volatility: what a forecaster of the VIX, or of any ticker's volatility, knows at that session's close.

The terms are those of the heterogeneous autoregression: a volatility at three paces, a session, a week and a
month. The VIX comes as its log level and what it is over its means; realised volatility as logs of mean
daily variances. A daily variance is the squared overnight return plus the estimate of Garman and Klass from
the session's OHLC, so that it covers the same hours as the VIX does.

The VIX counts calendar days, and so tends to fall before a weekend and to rise over it: the days that the
exchange is to stay closed are a term of their own. Its holidays follow rules; an unplanned closure counts as a
session.

The context is the bars of QQQ, SPY, ^VIX and UVXY. Any of them may be missing or begin late: what needs it
is null. Context joins by session and is never carried forward. ^VIX prints until 16:15 New York: its close is
known before the next open, not at 16:00.

Only `vix_log_level` and `implied_to_realised_22` depend on a level, that of the VIX. Everything else is
unchanged when any one history is rescaled.

Sources: Corsi, "A Simple Approximate Long-Memory Model of Realized Volatility", 2009; Garman and Klass, "On the
Estimation of Security Price Volatilities from Historical Data", 1980; Barndorff-Nielsen, Kinnebrock and
Shephard, "Measuring Downside Risk: Realised Semivariance", 2010. Departure from Corsi: the means of the VIX
are taken relative to its close, which spans the same regressions and leaves one column with a level.
"""

import math

import polars as pl

from alpha_pipeline.features.context import closes, features_of, joined, sessions_of
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Panel, described
from alpha_pipeline.features.technical import SESSIONS_A_YEAR, garman_klass
from alpha_pipeline.features.windows import Highest, Sums, Variances, lag, ratio
from alpha_pipeline.sessions import planned_sessions
from alpha_pipeline.universe import VIX

PACES = (1, 5, 22)  # sessions: a day, a week, a month
# Log return per session. SPY's quietest session since 2010 was above it; a bar without a range has no log.
QUIETEST = 1e-3
# UVXY holds 1.5 times the VIX futures of one month, and those move about half as much as the VIX. Until
# February 2018 it held twice as much: then part of the VIX's own change stays in the carry.
UVXY_TO_VIX = 0.75

VIX_FEATURES = (
    Feature("vix_log_level", 0, "Log of the VIX close, in index points"),
    *(Feature(f"vix_log_to_mean_{n}", n - 1, f"Log of the VIX over its {n}-session mean") for n in (5, 22, 66, 252)),
    *(Feature(f"vix_log_change_{n}", n, f"Log change of the VIX over {n} session(s)") for n in PACES),
    Feature("vix_volatility_5", 5, "Standard deviation of the VIX's daily log changes over 5 sessions, a year"),
    Feature("vix_volatility_22", 22, "Standard deviation of the VIX's daily log changes over 22 sessions, a year"),
    Feature("vix_max_rise_22", 22, "Largest daily log change of the VIX in 22 sessions"),
)
CARRY_FEATURES = tuple(
    Feature(f"uvxy_carry_{n}", n, f"Log return of UVXY minus {UVXY_TO_VIX} log changes of the VIX over {n} session(s)")
    for n in PACES
)


def _realised_features(prefix: str, whose: str) -> tuple[Feature, ...]:
    return tuple(
        Feature(f"{prefix}_realised_log_{n}", n, f"Log of {whose} realised volatility over {n} session(s), a year")
        for n in PACES
    )


SPY_FEATURES = (
    *_realised_features("spy", "SPY's"),
    *(Feature(f"spy_return_{n}", n, f"Log return of SPY over {n} session(s)") for n in PACES),
    Feature(
        "spy_downside_share_22",
        22,
        "Part of SPY's squared daily log returns over 22 sessions that fell; 0.5 where nothing moved",
    ),
)
QQQ_FEATURES = _realised_features("qqq", "QQQ's")
GAP_FEATURES = (
    Feature("implied_to_realised_22", 22, "Log of the VIX over SPY's realised volatility of 22 sessions, both a year"),
)
CALENDAR_FEATURES = (
    Feature("closed_days_ahead", 0, "Calendar days after the session on which the exchange is to stay closed"),
)
OWN_FEATURES = _realised_features("own", "the ticker's own")
FEATURES = (
    *VIX_FEATURES,
    *CARRY_FEATURES,
    *SPY_FEATURES,
    *QQQ_FEATURES,
    *GAP_FEATURES,
    *CALENDAR_FEATURES,
    *OWN_FEATURES,
)


def volatility(bars: pl.DataFrame, context: pl.DataFrame) -> pl.DataFrame:
    """How volatile the market and the ticker are and were, known at each bar's close.

    Args:
        bars: raw bars of the tickers to describe, sorted by ticker and session.
        context: raw bars, so sorted, of QQQ, SPY, ^VIX and UVXY, as far as they exist; other tickers are
            ignored.

    Returns:
        ``ticker, session`` and `FEATURES`, in the order of the bars. Null in the warm-up, and where a
        session has no context.
    """
    own = described(bars, OWN_FEATURES, lambda panel: _realised(panel, "own"))
    market = joined(
        sessions_of(bars),
        _index(context),
        features_of(context, ("SPY",), SPY_FEATURES, _spy).drop("ticker"),
        features_of(context, ("QQQ",), QQQ_FEATURES, lambda panel: _realised(panel, "qqq")).drop("ticker"),
        _calendar(),
    ).with_columns(implied_to_realised_22=pl.col("vix_log_level") - math.log(100) - pl.col("spy_realised_log_22"))
    whole = own.join(market, on="session", how="left", maintain_order="left")
    return whole.select("ticker", "session", *(feature.name for feature in FEATURES))


def _index(context: pl.DataFrame) -> pl.DataFrame:
    """The VIX and UVXY against it, one row per session of the VIX."""
    index = context.filter(pl.col("ticker") == VIX)
    with_fund = index.join(
        closes(context, ("UVXY",), index.select("session")), on="session", how="left", maintain_order="left"
    )
    return described(with_fund, (*VIX_FEATURES, *CARRY_FEATURES), _vix).drop("ticker")


def _vix(panel: Panel) -> dict[str, pl.Series]:
    close, fund = panel["close"], panel["close_UVXY"]
    sums = Sums(close)
    change = {n: (close / lag(close, n)).log() for n in PACES}
    spread = Variances(change[1])
    year = math.sqrt(SESSIONS_A_YEAR)
    return {
        "vix_log_level": close.log(),
        **{f"vix_log_to_mean_{n}": (close / sums.mean(n)).log() for n in (5, 22, 66, 252)},
        **{f"vix_log_change_{n}": change[n] for n in PACES},
        **{f"vix_volatility_{n}": year * spread.deviation(n, ddof=1) for n in (5, 22)},
        "vix_max_rise_22": Highest(change[1])(22),
        **{f"uvxy_carry_{n}": (fund / lag(fund, n)).log() - UVXY_TO_VIX * change[n] for n in PACES},
    }


def _spy(panel: Panel) -> dict[str, pl.Series]:
    close = panel["close"]
    returns = {n: (close / lag(close, n)).log() for n in PACES}
    squares = returns[1] * returns[1]
    fell = Sums(squares.set(returns[1] >= 0.0, 0.0))(22)
    return {
        **_realised(panel, "spy"),
        **{f"spy_return_{n}": returns[n] for n in PACES},
        "spy_downside_share_22": ratio(fell, Sums(squares)(22), otherwise=0.5, floor=22 * SAME**2),
    }


def _realised(panel: Panel, prefix: str) -> dict[str, pl.Series]:
    """Log realised volatility at three paces, a year, never below that of `QUIETEST` sessions."""
    opened, close = panel["open"], panel["close"]
    night = (opened / lag(close, 1)).log()
    session = garman_klass((panel["high"] / panel["low"]).log(), (close / opened).log())
    variances = Sums(night * night + session)
    means = {n: variances.mean(n) for n in PACES}
    floor = QUIETEST**2
    return {
        f"{prefix}_realised_log_{n}": 0.5 * (mean.set(mean < floor, floor) * SESSIONS_A_YEAR).log()
        for n, mean in means.items()
    }


def _calendar() -> pl.DataFrame:
    """What the exchange's rules say about each session in advance."""
    ahead = (pl.col("session").shift(-1) - pl.col("session")).dt.total_days() - 1
    return pl.DataFrame({"session": planned_sessions()}).select("session", closed_days_ahead=ahead.cast(pl.Float64))
