"""Forward returns by hand: where they begin and end, and when they are known."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.datasets.targets import forward
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.sessions import between, close_time
from alpha_pipeline.warehouse.tables.forecasts import FORWARD

# Thanksgiving week of 2024: closed on Thursday, a half day on Friday.
WEEK = between(dt.date(2024, 11, 25), dt.date(2024, 12, 6))
MONDAY, TUESDAY, WEDNESDAY, HALF_DAY, NEXT_MONDAY = WEEK[:5]


def bars(count: int = len(WEEK), *, ticker: str = "A", factor: float = 1.0) -> pl.DataFrame:
    """Opens 100, 101, ... and closes 200, 202, ... on the first sessions of the week."""
    number = pl.int_range(count, eager=True).cast(pl.Float64)
    opened, close = 100 + number, 200 + 2 * number
    return pl.DataFrame({"ticker": [ticker] * count, "session": WEEK[:count]}).with_columns(
        open=opened, high=close, low=opened, close=close, adj_close=close * factor, volume=pl.lit(1)
    )


def test_returns_over_a_half_day_by_hand() -> None:
    assert close_time(HALF_DAY).hour == 18  # 13:00 New York
    first = forward(bars(), [1]).row(0, named=True)

    assert first == {
        "ticker": "A",
        "session": MONDAY,
        "horizon": 1,
        "close_log_return": pytest.approx(math.log(202 / 200)),
        "open_log_return": pytest.approx(math.log(102 / 101)),
        "known_at": WEDNESDAY,
    }
    tuesday = forward(bars(), [1]).row(1, named=True)
    assert (tuesday["session"], tuesday["known_at"]) == (TUESDAY, HALF_DAY)


def test_a_row_appears_with_the_bar_of_known_at() -> None:
    assert forward(bars(2), [1]).is_empty()
    assert forward(bars(3), [1])["session"].to_list() == [MONDAY]
    assert forward(bars(7), [5])["known_at"].to_list() == [WEEK[6]]


def test_a_missing_session_removes_the_returns_that_need_it_and_no_other() -> None:
    """Without Wednesday's bar: Monday's and Tuesday's exits are unknown, and Wednesday has no row."""
    targets = forward(bars().filter(pl.col("session") != WEDNESDAY), [1, 3])
    by_horizon = {h: targets.filter(horizon=h)["session"].to_list() for h in (1, 3)}

    assert by_horizon[1] == [HALF_DAY, *WEEK[4:7]]
    assert by_horizon[3] == [MONDAY, HALF_DAY, WEEK[4]]
    monday = targets.filter(horizon=3, session=MONDAY).row(0, named=True)
    assert monday["close_log_return"] == pytest.approx(math.log(206 / 200))  # three sessions, not three bars
    assert monday["open_log_return"] == pytest.approx(math.log(104 / 101))
    assert monday["known_at"] == NEXT_MONDAY


def test_an_unusable_price_counts_as_missing() -> None:
    holed = bars().with_columns(open=pl.when(pl.col("session") == WEDNESDAY).then(None).otherwise("open"))

    assert forward(holed, [1]).equals(forward(bars().filter(pl.col("session") != WEDNESDAY), [1]))


def test_prices_are_adjusted() -> None:
    """A dividend of 10 % on Wednesday: the fall of the price is no loss."""
    paid = bars().with_columns(
        adj_close=pl.col("close") * pl.when(pl.col("session") < WEDNESDAY).then(0.9).otherwise(1)
    )
    tuesday = forward(paid, [1]).filter(session=TUESDAY).row(0, named=True)
    monday = forward(paid, [1]).filter(session=MONDAY).row(0, named=True)

    assert tuesday["close_log_return"] == pytest.approx(math.log(204 / (202 * 0.9)))
    assert monday["open_log_return"] == pytest.approx(math.log(102 / (101 * 0.9)))


def test_tickers_do_not_touch() -> None:
    both = forward(pl.concat([bars(5, ticker="A"), bars(5, ticker="B", factor=0.5)]))

    assert both.filter(ticker="A").drop("ticker").equals(both.filter(ticker="B").drop("ticker"))
    assert both.filter(ticker="A").equals(forward(bars(5)))


def random_bars() -> pl.DataFrame:
    days = between(dt.date(2023, 1, 3), dt.date(2023, 12, 29))
    rng = np.random.default_rng(0)
    close, opened = (pl.Series(rng.lognormal(4, 0.1, len(days))) for _ in range(2))
    frame = pl.DataFrame({"ticker": ["A"] * len(days), "session": days}).with_columns(
        open=opened, high=close + opened, low=opened / 2, close=close, adj_close=close * 0.7, volume=pl.lit(1)
    )
    return frame.filter(~pl.int_range(pl.len()).is_in([40, 41, 90]))


@pytest.mark.parametrize("bars_known", [0, 1, 30, 45, 95, 200])
def test_later_bars_change_nothing_that_is_known(bars_known: int) -> None:
    whole = random_bars()
    cut = whole.head(bars_known)
    last = cut["session"].max()

    known = forward(whole).filter(pl.col("known_at") <= pl.lit(last)) if bars_known else forward(whole).clear()
    assert forward(cut).equals(known)


def test_the_result_fits_its_table() -> None:
    targets = forward(random_bars())

    assert FORWARD.validate(targets, "A").equals(targets)
    assert targets.select("horizon").unique().sort("horizon").to_series().to_list() == [1, 5]


def test_a_horizon_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        forward(bars(), [0])


def test_a_bar_on_a_holiday_is_refused() -> None:
    holiday = bars(1).with_columns(session=pl.lit(dt.date(2024, 11, 28)))

    with pytest.raises(NotEnoughDataError, match="A has a bar on 2024-11-28"):
        forward(holiday)
