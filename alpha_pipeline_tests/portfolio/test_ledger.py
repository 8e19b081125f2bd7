import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.portfolio.ledger import ledger
from alpha_pipeline.warehouse.tables.results import LEDGER

Bars = Callable[..., pl.DataFrame]

WEEK = calendar.between(dt.date(2024, 1, 8), dt.date(2024, 1, 12))
# (open, close); tenths so that every figure can be worked by hand.
QQQ = [(100.0, 100.0), (110.0, 121.0), (121.0, 110.0), (121.0, 121.0), (121.0, 133.1)]


def decisions(*rows: tuple[int, str, float]) -> pl.DataFrame:
    schema = {"session": pl.Date, "ticker": pl.String, "weight": pl.Float64}
    return pl.DataFrame([(WEEK[i], ticker, weight) for i, ticker, weight in rows], schema=schema, orient="row")


def test_five_days_by_hand(bars_of: Bars) -> None:
    # Half in on day 0, all in on day 2, out on day 3; 1 % a side.
    weights = decisions((0, "QQQ", 0.5), (2, "QQQ", 1.0), (3, "QQQ", 0.0))
    rows = ledger("s", weights, bars_of(WEEK, {"QQQ": QQQ}), cost_bps=100)
    LEDGER.validate(rows, "s")
    assert rows["session"].to_list() == list(WEEK[1:])
    drifted = 0.55 / 1.05  # After +10 % on half of equity.
    day_3_drift = 0.5 * 1.1 / 1.05  # Half of equity again after -1/11, then +10 % overnight.
    np.testing.assert_allclose(rows["weight"], [0.5, drifted, 1.0, 0.0], rtol=1e-12)
    # The gap of the first night, 100 to 110, is not earned; that of the third, 110 to 121, by the half held.
    np.testing.assert_allclose(rows["gross_return"], [0.05, -1 / 21, 0.05, 0.0], rtol=1e-12)
    costs = [0.005, 0.0, 0.01 * (1 - day_3_drift), 0.01]
    np.testing.assert_allclose(rows["cost"], costs, rtol=1e-12)
    net = [1.05 * 0.995 - 1, -1 / 21, 1.05 * (1 - costs[2]) - 1, -0.01]
    np.testing.assert_allclose(rows["net_return"], net, rtol=1e-12)
    np.testing.assert_allclose(rows["equity"], np.cumprod(1 + np.array(net)), rtol=1e-12)


def test_a_decision_every_session_restores_its_weight_and_pays_for_it(bars_of: Bars) -> None:
    weights = decisions(*((i, "QQQ", 0.5) for i in range(4)))
    rows = ledger("s", weights, bars_of(WEEK, {"QQQ": QQQ}), cost_bps=100)
    assert rows["weight"].to_list() == [0.5] * 4
    assert rows["cost"][1] == pytest.approx(0.01 * (0.55 / 1.05 - 0.5))


def test_a_ticker_left_out_of_a_decision_is_sold(bars_of: Bars) -> None:
    flat = [(50.0, 50.0)] * 5
    weights = decisions((0, "XLK", 1.0), (1, "XLE", 1.0))
    rows = ledger("s", weights, bars_of(WEEK, {"XLK": flat, "XLE": flat}), cost_bps=5)
    assert rows["weight"].to_list() == [1.0] * 4
    np.testing.assert_allclose(rows["cost"], [0.0005, 0.001, 0, 0])  # A switch trades both sides.


def test_buy_and_hold_is_never_charged_again(bars_of: Bars) -> None:
    rows = ledger("s", decisions((0, "QQQ", 1.0)), bars_of(WEEK, {"QQQ": QQQ}), cost_bps=100)
    assert rows["cost"].to_list()[1:] == [0.0] * 3
    assert rows["equity"][-1] == pytest.approx(133.1 / 110 * 0.99)


def test_a_session_without_a_bar_carries_the_price_and_makes_the_decision_wait(bars_of: Bars) -> None:
    gap = [(10.0, 10.0), (10.0, 10.0), None, (12.0, 12.0), (12.0, 12.0)]
    flat = [(50.0, 50.0)] * 5
    weights = decisions((0, "XLE", 1.0), (1, "XLK", 1.0))
    rows = ledger("s", weights, bars_of(WEEK, {"XLE": gap, "XLK": flat}), cost_bps=5)
    np.testing.assert_allclose(rows["gross_return"], [0, 0, 0.2, 0], atol=1e-12)
    np.testing.assert_allclose(rows["cost"], [0.0005, 0, 0.001, 0], atol=1e-12)


def test_a_later_decision_replaces_one_that_waits(bars_of: Bars) -> None:
    gap = [(10.0, 10.0), None, None, (12.0, 12.0), (12.0, 12.0)]
    weights = decisions((0, "XLE", 1.0), (1, "QQQ", 0.5))
    rows = ledger("s", weights, bars_of(WEEK, {"XLE": gap, "QQQ": [(50.0, 50.0)] * 5}))
    assert rows["weight"].to_list() == [0.0, 0.5, 0.5, 0.5]


def test_rescaled_history_changes_nothing(bars_of: Bars) -> None:
    bars = bars_of(WEEK, {"QQQ": QQQ})
    halved = bars.with_columns(pl.col("adj_close") * pl.Series([0.5, 0.5, 0.5, 1, 1]))
    split = bars.with_columns(pl.col("open", "high", "low", "close") * pl.Series([2, 2, 2, 1, 1]))
    weights = decisions((0, "QQQ", 0.5), (2, "QQQ", 1.0))
    plain = ledger("s", weights, bars)
    assert ledger("s", weights, split).drop("strategy").equals(plain.drop("strategy"))
    assert ledger("s", weights, halved)["gross_return"][2] != pytest.approx(plain["gross_return"][2])


@pytest.mark.parametrize("rows", [[(0, "QQQ", -0.1)], [(0, "QQQ", 0.7), (0, "SPY", 0.5)], [(0, "QQQ", float("nan"))]])
def test_short_leveraged_and_undefined_weights_are_refused(rows: list[tuple[int, str, float]], bars_of: Bars) -> None:
    with pytest.raises(ValueError, match="2024-01-08"):
        ledger("s", decisions(*rows), bars_of(WEEK, {"QQQ": QQQ, "SPY": QQQ}))


def test_a_ticker_without_bars_is_named(bars_of: Bars) -> None:
    with pytest.raises(NotEnoughDataError, match="XLE"):
        ledger("s", decisions((0, "XLE", 1.0)), bars_of(WEEK, {"QQQ": QQQ}))


def test_nothing_decided_or_nothing_filled_is_an_empty_ledger(bars_of: Bars) -> None:
    bars = bars_of(WEEK, {"QQQ": QQQ})
    assert ledger("s", decisions(), bars).equals(LEDGER.empty())
    assert ledger("s", decisions((4, "QQQ", 1.0)), bars).equals(LEDGER.empty())


def test_the_future_changes_no_bit(random_bars: Bars, year: tuple[dt.date, ...]) -> None:
    tickers = [f"T{i}" for i in range(12)]
    bars = random_bars(year, tickers, seed=1)
    rng = np.random.default_rng(2)
    # Only a few tickers are held early: later ones must not disturb the sums.
    raw = rng.random((len(year), 12)) * (np.arange(12) < 2 + np.arange(len(year))[:, None] // 15)
    held = raw / raw.sum(axis=1, keepdims=True) * rng.uniform(0, 1, (len(year), 1))
    weights = pl.DataFrame(
        {"session": [s for s in year for _ in tickers], "ticker": tickers * len(year), "weight": held.ravel()}
    ).filter((pl.col("weight") > 0) & (pl.col("session").dt.weekday() < 4))
    whole = ledger("s", weights, bars)
    for cut in (20, 77, 150, 249):
        until = pl.col("session") <= year[cut]
        past = whole.filter(until)
        assert past.height > 10
        assert ledger("s", weights.filter(until), bars.filter(until)).equals(past)
        noise = bars.with_columns(
            pl.when(until).then(column).otherwise(pl.col(column) * 3)
            for column in ("open", "high", "low", "close", "adj_close")
        )
        assert ledger("s", weights, noise).filter(until).equals(past)
