"""Price action: the shape of each bar, where it stands among the bars before it, and what it broke.

Distances are log or in average true ranges, so the price level never shows. The average true range here is
the plain 14-session mean, not Wilder's: its look-back is exact. Two prices closer than one part in a
million are the same price (see `alpha_pipeline.features.panel.SAME`), so a flag does not hang on rounding.
"""

import polars as pl

from alpha_pipeline.features.feature import Feature
from alpha_pipeline.features.panel import SAME, Panel, described
from alpha_pipeline.features.technical import direction, true_range
from alpha_pipeline.features.windows import (
    Highest,
    Lowest,
    Sums,
    indicator,
    lag,
    larger,
    ratio,
    smaller,
    within,
)

STREAK_CAP = 10
ATR_SESSIONS = 14

SESSION = (
    Feature("gap", 1, "Log return from the close before to the open"),
    Feature("gap_atr", 15, "Open minus the close before, in average true ranges of the 14 sessions before"),
    Feature("gap_fill", 1, "Part of the gap that the session's range closed again, 0 to 1; 1 without a gap"),
    Feature("intraday_return", 0, "Log return from open to close"),
    Feature("true_range_atr", 15, "True range, in average true ranges of the 14 sessions before"),
    Feature("range_share_20", 19, "High-low range as part of the 20-session range; 1 where flat"),
    Feature("body", 0, "Close minus open as part of the range, -1 to 1; 0 where flat"),
    Feature("upper_shadow", 0, "Part of the range above open and close, 0 to 1; 0 where flat"),
    Feature("lower_shadow", 0, "Part of the range below open and close, 0 to 1; 0 where flat"),
    Feature("close_location", 0, "Place of the close in the range: 0 low, 1 high; 0.5 where flat"),
)
PATTERNS = (
    Feature("is_inside_day", 1, "1 where the range lies within that of the session before"),
    Feature("is_outside_day", 1, "1 where the range exceeds that of the session before on both sides"),
    Feature("is_nr7", 6, "1 where the range is narrower than each of the 6 before"),
    Feature(
        "streak",
        STREAK_CAP,
        "Sessions in a row that the close rose (positive) or fell (negative), 10 at most",
    ),
    Feature("up_days_5", 5, "Part of the last 5 sessions that closed higher"),
    Feature("up_days_10", 10, "Part of the last 10 sessions that closed higher"),
    Feature("up_days_20", 20, "Part of the last 20 sessions that closed higher"),
    Feature("higher_highs_5", 5, "Part of the last 5 sessions with a higher high"),
    Feature("lower_lows_5", 5, "Part of the last 5 sessions with a lower low"),
)
LEVELS = (
    Feature("breakout_20_atr", 20, "Close minus the highest of the 20 sessions before, in average true ranges"),
    Feature("breakout_55_atr", 55, "Close minus the highest of the 55 sessions before, in average true ranges"),
    Feature("breakdown_20_atr", 20, "Close minus the lowest of the 20 sessions before, in average true ranges"),
    Feature("breakdown_55_atr", 55, "Close minus the lowest of the 55 sessions before, in average true ranges"),
    Feature("to_high_20", 19, "Log of the close over the 20-session high"),
    Feature("to_high_60", 59, "Log of the close over the 60-session high"),
    Feature("to_high_252", 251, "Log of the close over the 252-session high"),
    Feature("to_low_20", 19, "Log of the close over the 20-session low"),
    Feature("to_low_60", 59, "Log of the close over the 60-session low"),
    Feature("to_low_252", 251, "Log of the close over the 252-session low"),
    Feature("since_high_20", 38, "Sessions since the last 20-session high was made, over 20, 1 at most"),
    Feature("since_high_60", 118, "Sessions since the last 60-session high was made, over 60, 1 at most"),
    Feature("drawdown_252", 251, "Close over the highest close of 252 sessions, minus 1"),
)
PATHS = (
    Feature("max_up_20", 20, "Largest daily log return of 20 sessions"),
    Feature("max_down_20", 20, "Smallest daily log return of 20 sessions"),
    Feature("overnight_20", 20, "Sum of the log returns from close to open over 20 sessions"),
    Feature(
        "efficiency_20",
        20,
        "Net over total movement of the close in 20 sessions, -1 to 1 (Kaufman); 0 where flat",
    ),
)
FEATURES = (*SESSION, *PATTERNS, *LEVELS, *PATHS)


def price_action(bars: pl.DataFrame) -> pl.DataFrame:
    """Price-action features of each bar, known at its close.

    Args:
        bars: raw bars of any number of tickers, sorted by ticker and session.

    Returns:
        ``ticker, session`` and `FEATURES`; null in the warm-up. Flags are 0 or 1.
    """
    return described(bars, FEATURES, _price_action)


def _price_action(panel: Panel) -> dict[str, pl.Series]:
    ranges = true_range(panel)
    atr = Sums(ranges).mean(ATR_SESSIONS)
    gap = (panel["open"] / lag(panel["close"], 1)).log()
    return {
        "gap": gap,
        **_session(panel, ranges, atr),
        **_candle(panel),
        **_patterns(panel),
        **_breaks(panel, atr),
        **_extremes(panel),
        **_paths(panel, gap),
    }


def _session(panel: Panel, ranges: pl.Series, atr: pl.Series) -> dict[str, pl.Series]:
    """The session against the one before and against the usual range."""
    opened, high, low, close = panel["open"], panel["high"], panel["low"], panel["close"]
    before, usual = lag(close, 1), lag(atr, 1)
    gap = opened - before
    size = larger(gap, -gap)
    # How far the range came back from the open towards the close before.
    back = (opened - low).zip_with(gap > 0.0, high - opened)
    extent = Highest(high)(20) - Lowest(low)(20)
    still = SAME * close
    return {
        "gap_atr": ratio(gap, usual, otherwise=0.0, floor=still),
        "gap_fill": within(ratio(back, size, otherwise=1.0, floor=still), 0.0, 1.0),
        "true_range_atr": ratio(ranges, usual, otherwise=0.0, floor=still),
        "range_share_20": ratio(high - low, extent, otherwise=1.0, floor=still),
    }


def _candle(panel: Panel) -> dict[str, pl.Series]:
    """The parts of one bar."""
    opened, high, low, close = panel["open"], panel["high"], panel["low"], panel["close"]
    extent, still = high - low, SAME * close
    return {
        "intraday_return": (close / opened).log(),
        "body": ratio(close - opened, extent, otherwise=0.0, floor=still),
        "upper_shadow": ratio(high - larger(opened, close), extent, otherwise=0.0, floor=still),
        "lower_shadow": ratio(smaller(opened, close) - low, extent, otherwise=0.0, floor=still),
        "close_location": ratio(close - low, extent, otherwise=0.5, floor=still),
    }


def _patterns(panel: Panel) -> dict[str, pl.Series]:
    """Flags and counts over a few sessions."""
    high, low, close = panel["high"], panel["low"], panel["close"]
    margin = SAME * close
    top, bottom = lag(high, 1), lag(low, 1)
    extent = high - low
    side = direction(close)
    ups = Sums(indicator(side > 0.0))
    return {
        "is_inside_day": indicator((high <= top + margin) & (low >= bottom - margin)),
        "is_outside_day": indicator((high > top + margin) & (low < bottom - margin)),
        "is_nr7": indicator(extent < lag(Lowest(extent)(6), 1) - margin),
        "streak": _run(side > 0.0, STREAK_CAP) - _run(side < 0.0, STREAK_CAP),
        **{f"up_days_{n}": ups.mean(n) for n in (5, 10, 20)},
        "higher_highs_5": Sums(indicator(direction(high) > 0.0)).mean(5),
        "lower_lows_5": Sums(indicator(direction(low) < 0.0)).mean(5),
    }


def _since(happened: pl.Series, cap: int) -> pl.Series:
    """Rows since it last happened, `cap` at most."""
    number = pl.int_range(len(happened), eager=True)
    last = number.set(~happened, -cap).cum_max()
    passed = number - last
    return passed.set(passed > cap, cap).cast(pl.Float64)


def _run(holds: pl.Series, cap: int) -> pl.Series:
    """Rows in a row, up to this one, for which it holds; `cap` at most."""
    return _since(~holds, cap)


def _breaks(panel: Panel, atr: pl.Series) -> dict[str, pl.Series]:
    """The close against the range of the sessions before."""
    close = panel["close"]
    highest, lowest = Highest(panel["high"]), Lowest(panel["low"])
    still = SAME * close
    above = {n: close - lag(highest(n), 1) for n in (20, 55)}
    below = {n: close - lag(lowest(n), 1) for n in (20, 55)}
    return {
        **{f"breakout_{n}_atr": ratio(gap, atr, otherwise=0.0, floor=still) for n, gap in above.items()},
        **{f"breakdown_{n}_atr": ratio(gap, atr, otherwise=0.0, floor=still) for n, gap in below.items()},
    }


def _extremes(panel: Panel) -> dict[str, pl.Series]:
    """Distance to highs and lows, and how long ago the highs were made."""
    high, close = panel["high"], panel["close"]
    highest, lowest = Highest(high), Lowest(panel["low"])
    highs = {n: highest(n) for n in (20, 60, 252)}
    return {
        **{f"to_high_{n}": (close / top).log() for n, top in highs.items()},
        **{f"to_low_{n}": (close / lowest(n)).log() for n in (20, 60, 252)},
        **{f"since_high_{n}": _since(high >= highs[n] * (1.0 - SAME), n) / n for n in (20, 60)},
        "drawdown_252": close / Highest(close)(252) - 1.0,
    }


def _paths(panel: Panel, gap: pl.Series) -> dict[str, pl.Series]:
    """How the last 20 sessions got to where they are."""
    close = panel["close"]
    log_return = (close / lag(close, 1)).log()
    change = close - lag(close, 1)
    travelled = Sums(larger(change, -change))(20)
    return {
        "max_up_20": Highest(log_return)(20),
        "max_down_20": Lowest(log_return)(20),
        "overnight_20": Sums(gap)(20),
        "efficiency_20": ratio(close - lag(close, 20), travelled, otherwise=0.0, floor=SAME * close),
    }
