"""Small cases, worked by hand."""

import datetime as dt
import math

import polars as pl
import pytest

from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.sessions import between

Bar = tuple[float, float, float, float]  # open, high, low, close


def frame(rows: list[Bar]) -> pl.DataFrame:
    days = between(dt.date(2020, 1, 2), dt.date(2022, 12, 30))[: len(rows)]
    prices = pl.DataFrame(rows, schema=["open", "high", "low", "close"], orient="row").cast(pl.Float64)
    return prices.select(
        pl.lit("A").alias("ticker"),
        pl.Series("session", days),
        pl.all(),
        pl.col("close").alias("adj_close"),
        pl.lit(1000).alias("volume"),
    )


def closes(values: list[float]) -> pl.DataFrame:
    """Bars that open, trade and close at one price."""
    return frame([(value, value, value, value) for value in values])


def test_one_bar() -> None:
    second = price_action(frame([(10, 11, 9, 10), (12, 13, 10.5, 11)])).row(1, named=True)

    assert second["gap"] == pytest.approx(math.log(1.2))
    assert second["gap_fill"] == pytest.approx(0.75)  # from 12 down to 10.5, of 12 down to 10
    assert second["intraday_return"] == pytest.approx(math.log(11 / 12))
    assert second["body"] == pytest.approx(-0.4)
    assert second["upper_shadow"] == pytest.approx(0.4)
    assert second["lower_shadow"] == pytest.approx(0.2)
    assert second["close_location"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("bar", "fill"),
    [
        ((8, 9, 7, 8.5), 0.5),  # a gap down of 2, half of it regained
        ((8, 11, 7, 8.5), 1.0),  # closed, and more
        ((8, 8, 7, 7.5), 0.0),  # never came back
        ((10, 11, 9, 10), 1.0),  # no gap
    ],
)
def test_gap_fill(bar: Bar, fill: float) -> None:
    assert price_action(frame([(10, 10, 10, 10), bar]))["gap_fill"][1] == pytest.approx(fill)


@pytest.mark.parametrize(
    ("bar", "inside", "outside"),
    [
        ((10, 10.5, 9.5, 10), 1, 0),
        ((10, 11, 9, 10), 1, 0),  # the same range lies within
        ((10, 12, 8, 10), 0, 1),
        ((10, 12, 9, 10), 0, 0),
    ],
)
def test_inside_and_outside_days(bar: Bar, inside: int, outside: int) -> None:
    last = price_action(frame([(10, 11, 9, 10), bar])).row(1, named=True)

    assert (last["is_inside_day"], last["is_outside_day"]) == (inside, outside)


def test_streaks_count_up_to_ten_and_break_when_flat() -> None:
    values = [100.0 + i for i in range(15)] + [114.0, 113.0, 112.0, 113.0]
    streak = price_action(closes(values))["streak"]

    assert streak[10:].to_list() == [10, 10, 10, 10, 10, 0, -1, -2, 1]
    assert streak[:10].null_count() == 10


def test_up_days_and_extreme_days() -> None:
    values = [100.0]
    for _ in range(10):
        values += [values[-1] * 1.02, values[-1] * 1.02 * 0.95]
    last = price_action(closes(values)).row(-1, named=True)

    assert (last["up_days_5"], last["up_days_10"], last["up_days_20"]) == pytest.approx((0.4, 0.5, 0.5))
    assert last["max_up_20"] == pytest.approx(math.log(1.02))
    assert last["max_down_20"] == pytest.approx(math.log(0.95))
    assert last["overnight_20"] == pytest.approx(10 * math.log(1.02 * 0.95))


def test_a_breakout_is_measured_in_average_true_ranges() -> None:
    quiet: Bar = (100, 101, 99, 100)  # true range 2
    last = price_action(frame([quiet] * 20 + [(100, 105, 100, 105)])).row(-1, named=True)

    atr = (13 * 2 + 5) / 14
    assert last["breakout_20_atr"] == pytest.approx((105 - 101) / atr)
    assert last["breakdown_20_atr"] == pytest.approx((105 - 99) / atr)
    assert last["true_range_atr"] == pytest.approx(5 / 2)  # against the 14 sessions before
    assert last["gap_atr"] == 0.0
    assert last["range_share_20"] == pytest.approx(5 / 6)
    assert last["to_high_20"] == 0.0
    assert last["to_low_20"] == pytest.approx(math.log(105 / 99))
    assert last["breakout_55_atr"] is None


def test_sessions_since_a_high() -> None:
    values = [100.0] * 30 + [110.0] + [100.0] * 35
    since = price_action(closes(values))["since_high_20"]

    assert since[38] == pytest.approx(8 / 20)
    assert since[49] == pytest.approx(19 / 20)
    assert since[50] == 0.0  # the high has left the window, and 100 is the highest of the last 20


def test_drawdown_and_efficiency() -> None:
    values = [100.0] * 240 + [200.0 - i for i in range(21)]
    last = price_action(closes(values)).row(-1, named=True)

    assert last["drawdown_252"] == pytest.approx(180 / 200 - 1)
    assert last["efficiency_20"] == pytest.approx(-1.0)


def test_the_narrowest_range_of_seven() -> None:
    wide: Bar = (100, 102, 98, 100)
    narrow: Bar = (100, 101, 99, 100)

    assert price_action(frame([wide] * 6 + [narrow]))["is_nr7"][-1] == 1.0
    assert price_action(frame([wide] * 5 + [narrow] * 2))["is_nr7"][-1] == 0.0  # a tie is not narrower
    assert price_action(frame([narrow] * 6 + [wide]))["is_nr7"][-1] == 0.0


def test_higher_highs_and_lower_lows() -> None:
    rising = [(100.0 + i, 101.0 + i, 99.0 + i, 100.0 + i) for i in range(6)]
    last = price_action(frame(rising)).row(-1, named=True)

    assert (last["higher_highs_5"], last["lower_lows_5"]) == (1.0, 0.0)
