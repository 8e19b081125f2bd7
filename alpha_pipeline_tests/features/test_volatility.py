"""Volatility at three paces: small cases by hand, and what is missing."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features.volatility import (
    CARRY_FEATURES,
    FEATURES,
    GAP_FEATURES,
    QQQ_FEATURES,
    QUIETEST,
    SPY_FEATURES,
    UVXY_TO_VIX,
    VIX_FEATURES,
    volatility,
)
from alpha_pipeline.universe import VIX
from alpha_pipeline_tests.features.by_hand import from_closes, nulls

PRICES = ("open", "high", "low", "close", "adj_close")
OF_THE_VIX = {feature.name for feature in (*VIX_FEATURES, *CARRY_FEATURES, *GAP_FEATURES)}
OF_SPY = {feature.name for feature in (*SPY_FEATURES, *GAP_FEATURES)}
OF_QQQ = {feature.name for feature in QQQ_FEATURES}
OF_UVXY = {feature.name for feature in CARRY_FEATURES}


def log_ann(daily_variance: float) -> float:
    """Log volatility a year of a mean daily variance."""
    return 0.5 * math.log(252 * daily_variance)


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((VIX,), OF_THE_VIX),
        (("SPY",), OF_SPY),
        (("QQQ",), OF_QQQ),
        (("UVXY",), OF_UVXY),
        (("NVDA", "XLK"), set()),
        ((VIX, "SPY", "QQQ", "UVXY"), OF_THE_VIX | OF_SPY | OF_QQQ | OF_UVXY),
    ],
)
def test_what_is_missing_nulls_what_needs_it_only(
    market: pl.DataFrame, missing: tuple[str, ...], expected: set[str]
) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")
    features = volatility(stock, market.filter(~pl.col("ticker").is_in(missing)))

    assert nulls(features, features.columns[2:]) == expected


def test_without_any_context_the_tickers_own_is_left(market: pl.DataFrame) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")
    features = volatility(stock, market.clear())

    assert nulls(features, features.columns[2:]) == OF_THE_VIX | OF_SPY | OF_QQQ | OF_UVXY
    assert features["own_realised_log_5"][5:].null_count() == 0


def test_the_vix_over_its_means_and_its_changes() -> None:
    closes = np.array([10 + 0.1 * i for i in range(251)] + [20.0])
    last = volatility(from_closes("QQQ", [1.0] * 252), from_closes(VIX, closes)).row(-1, named=True)
    changes = np.diff(np.log(closes))

    assert last["vix_log_level"] == pytest.approx(math.log(20))
    for n in (5, 22, 66, 252):
        assert last[f"vix_log_to_mean_{n}"] == pytest.approx(math.log(20 / closes[-n:].mean())), n
    for n in (1, 5, 22):
        assert last[f"vix_log_change_{n}"] == pytest.approx(math.log(20 / closes[-1 - n])), n
    for n in (5, 22):
        assert last[f"vix_volatility_{n}"] == pytest.approx(changes[-n:].std(ddof=1) * math.sqrt(252)), n
    assert last["vix_max_rise_22"] == pytest.approx(changes[-22:].max())


def test_the_carry_is_what_uvxy_loses_beside_the_vix() -> None:
    vix = from_closes(VIX, [20.0 * 1.02**i for i in range(23)])
    fund = from_closes("UVXY", [80.0 * 1.01**i for i in range(23)])
    last = volatility(from_closes("QQQ", [1.0] * 23), pl.concat([fund, vix])).row(-1, named=True)

    for n in (1, 5, 22):
        assert last[f"uvxy_carry_{n}"] == pytest.approx(n * (math.log(1.01) - UVXY_TO_VIX * math.log(1.02))), n


def test_a_session_without_uvxy_is_null_and_not_carried_forward() -> None:
    vix, fund = from_closes(VIX, [20.0] * 12), from_closes("UVXY", [80.0] * 12)
    features = volatility(from_closes("QQQ", [1.0] * 12), pl.concat([fund.filter(pl.int_range(pl.len()) != 7), vix]))

    assert features["uvxy_carry_1"].is_null().arg_true().to_list() == [0, 7, 8]
    assert features["vix_log_level"].null_count() == 0


def test_realised_volatility_counts_the_night_and_the_session() -> None:
    """Each night adds 2 percent squared; the session rises 1 percent within a range of 3 percent."""
    night, body, extent = 0.02, 0.01, 0.03
    opened = np.exp(np.arange(23) * (night + body))
    bars = from_closes("AAA", opened).with_columns(
        high=pl.col("open") * math.exp(0.02),
        low=pl.col("open") * math.exp(0.02 - extent),
        close=pl.col("open") * math.exp(body),
        adj_close=pl.col("open") * math.exp(body),
    )
    daily = night**2 + 0.5 * extent**2 - (2 * math.log(2) - 1) * body**2
    last = volatility(bars, bars.clear()).row(-1, named=True)

    for n in (1, 5, 22):
        assert last[f"own_realised_log_{n}"] == pytest.approx(log_ann(daily)), n


def test_realised_volatility_is_of_the_mean_variance() -> None:
    closes = 100 * np.exp(np.cumsum([0.0, *[0.01] * 22, 0.05]))
    last = volatility(from_closes("QQQ", closes), from_closes("QQQ", closes)).row(-1, named=True)

    for prefix in ("own", "qqq"):
        assert last[f"{prefix}_realised_log_1"] == pytest.approx(log_ann(0.05**2))
        assert last[f"{prefix}_realised_log_5"] == pytest.approx(log_ann((0.05**2 + 4 * 0.01**2) / 5))
        assert last[f"{prefix}_realised_log_22"] == pytest.approx(log_ann((0.05**2 + 21 * 0.01**2) / 22))


def test_where_nothing_moved_the_log_stays_finite() -> None:
    last = volatility(from_closes("AAA", [5.0] * 23), from_closes("SPY", [7.0] * 23)).row(-1, named=True)

    assert last["own_realised_log_1"] == last["spy_realised_log_22"] == pytest.approx(log_ann(QUIETEST**2))
    assert last["spy_downside_share_22"] == 0.5


def test_spy_and_what_the_vix_implies_beyond_it() -> None:
    spy = from_closes("SPY", 400 * np.exp(np.cumsum([0.0] + [0.01, -0.02] * 11)))
    context = pl.concat([spy, from_closes(VIX, [30.0] * 23)])
    last = volatility(from_closes("QQQ", [1.0] * 23), context).row(-1, named=True)
    daily = (0.01**2 + 0.02**2) / 2

    assert [last[f"spy_return_{n}"] for n in (1, 5, 22)] == pytest.approx([-0.02, -0.04, -0.11])
    assert last["spy_downside_share_22"] == pytest.approx(0.8)
    assert last["implied_to_realised_22"] == pytest.approx(math.log(0.30) - log_ann(daily))


def test_the_days_that_the_exchange_stays_closed() -> None:
    """The week of Thanksgiving 2024, whose Friday is a half day, and a closure known too late to say before."""
    bars = from_closes("QQQ", [1.0] * 5, first=dt.date(2024, 11, 25))
    sandy = from_closes("QQQ", [1.0] * 2, first=dt.date(2012, 10, 26))

    assert volatility(bars, bars)["closed_days_ahead"].to_list() == [0, 0, 1, 2, 0]
    assert sandy["session"].to_list() == [dt.date(2012, 10, 26), dt.date(2012, 10, 31)]
    assert volatility(sandy, sandy)["closed_days_ahead"].to_list() == [2, 0]


def test_only_what_says_so_shows_the_level_of_the_vix(market: pl.DataFrame) -> None:
    scaled = [pl.when(pl.col("ticker") == VIX).then(pl.col(name) * 2).otherwise(name).alias(name) for name in PRICES]
    before, after = (volatility(market, context) for context in (market, market.with_columns(scaled)))
    levels = ["vix_log_level", "implied_to_realised_22"]

    for name in levels:
        assert (after[name] - before[name] - math.log(2)).abs().max() < 1e-12, name
    assert after.drop(levels).equals(before.drop(levels))


def test_its_columns() -> None:
    assert len(FEATURES) == 29
    assert max(feature.look_back for feature in FEATURES) == 251
