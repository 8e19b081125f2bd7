"""The context of a ticker: what is missing, and small cases by hand."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from alpha_pipeline.features.market_context import (
    BREADTH_FEATURES,
    QQQ_FEATURES,
    SECTOR_FEATURES,
    VIX_FEATURES,
    market_context,
)
from alpha_pipeline.sessions import between
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline_tests.features.by_hand import from_closes, nulls


def names_of(features: tuple[object, ...]) -> list[str]:
    return [feature.name for feature in features]  # type: ignore[attr-defined]


def test_missing_context_is_null_and_never_an_error(market: pl.DataFrame) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")
    everything = [
        *names_of(VIX_FEATURES),
        *names_of(QQQ_FEATURES),
        *names_of(BREADTH_FEATURES),
        *names_of(SECTOR_FEATURES),
    ]
    relative = [
        "relative_to_qqq_5",
        "relative_to_spy_20",
        "relative_to_sectors_20",
        "sector_rank_20",
        "beta_60",
    ]

    features = market_context(stock, market.clear())

    assert nulls(features, everything + relative) == set(everything + relative)
    assert features["day_of_week"].null_count() == 0


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ((VIX,), set(names_of(VIX_FEATURES))),
        (("SPY",), {"relative_to_spy_20"}),
        (("XLU",), {"risk_appetite_20"}),
        (("AAPL", "MSFT"), set()),
        (MAG7, set(names_of(BREADTH_FEATURES))),
    ],
)
def test_what_is_missing_nulls_what_needs_it_only(
    market: pl.DataFrame, missing: tuple[str, ...], expected: set[str]
) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")
    features = market_context(stock, market.filter(~pl.col("ticker").is_in(missing)))

    assert nulls(features, features.columns[2:]) == expected


def test_a_late_qqq_is_null_before_it_begins_and_settles_after(market: pl.DataFrame) -> None:
    stock = market.filter(pl.col("ticker") == "NVDA")
    begins = stock["session"][300]
    late = market.filter((pl.col("ticker") != "QQQ") | (pl.col("session") >= begins))
    features, whole = market_context(stock, late), market_context(stock, market)

    for name, settled in (
        ("relative_to_qqq_20", 320),
        ("beta_60", 360),
        ("correlation_60", 360),
        ("qqq_to_sma_50", 349),
    ):
        assert features[name][:settled].is_null().all(), name
        assert features[name][settled:].equals(whole[name][settled:]), name


def test_breadth_counts_those_present() -> None:
    rising, falling = np.linspace(100, 150, 60), np.linspace(150, 100, 60)
    late = from_closes("TSLA", np.linspace(100, 130, 25), first=between(dt.date(2024, 1, 2), dt.date(2024, 12, 31))[35])
    context = pl.concat([from_closes("AAPL", rising), late, from_closes("MSFT", rising), from_closes("NVDA", falling)])
    features = market_context(from_closes("QQQ", rising), context.sort("ticker", "session"))

    assert features["mag7_up"][20] == pytest.approx(2 / 3)  # TSLA is not listed yet
    assert features["mag7_up"][59] == pytest.approx(3 / 4)
    assert features["mag7_above_sma_20"][40] == pytest.approx(2 / 3)  # nor old enough for a mean
    assert features["mag7_above_sma_20"][59] == pytest.approx(3 / 4)
    five_days = [
        math.log(150 / rising[54]),
        math.log(150 / rising[54]),
        math.log(100 / falling[54]),
        math.log(130 / late["close"][19]),
    ]
    assert features["mag7_return_5"][59] == pytest.approx(np.mean(five_days))


def test_beta_correlation_and_relative_strength() -> None:
    rng = np.random.default_rng(3)
    steps = rng.normal(0, 0.01, 100)
    qqq = from_closes("QQQ", 100 * np.exp(np.cumsum(steps)))
    double = from_closes("TQQQ", 20 * np.exp(np.cumsum(2 * steps)))
    short = from_closes("SH", 20 * np.exp(np.cumsum(-steps)))
    features = market_context(pl.concat([qqq, short, double]), qqq).group_by("ticker", maintain_order=True).last()

    assert features["beta_60"].to_list() == pytest.approx([1, -1, 2])
    assert features["correlation_60"].to_list() == pytest.approx([1, -1, 1])
    assert features["relative_to_qqq_20"].to_list() == pytest.approx([0, -2 * steps[-20:].sum(), steps[-20:].sum()])


def test_relative_strength_spans_the_tickers_own_sessions() -> None:
    """Five bars with a missing session span six sessions, for the ticker and for QQQ."""
    qqq = from_closes("QQQ", [100.0 * 1.01**i for i in range(10)])
    holed = from_closes("A", [50.0] * 10).filter(pl.int_range(pl.len()) != 6)

    assert market_context(holed, qqq)["relative_to_qqq_5"][-1] == pytest.approx(-6 * math.log(1.01))


def test_sectors() -> None:
    growth = dict(zip(SECTORS, (0.07, 0.01, 0.05, -0.01, 0.02, 0.03, 0.04), strict=True))
    context = pl.concat([from_closes(t, 100 * np.exp(np.linspace(0, g, 21))) for t, g in sorted(growth.items())])
    stock = from_closes("AAA", 100 * np.exp(np.linspace(0, 0.035, 21)))
    features = market_context(pl.concat([stock, context.filter(pl.col("ticker") == "XLF")]), context)
    own, sector = features.row(20, named=True), features.row(41, named=True)

    assert own["sector_rank_20"] == pytest.approx(4 / 7)
    assert own["relative_to_sectors_20"] == pytest.approx(0.035 - 0.03)
    assert own["sector_dispersion_20"] == pytest.approx(np.std(list(growth.values())))
    assert own["risk_appetite_20"] == pytest.approx((0.05 + 0.07) / 2 - (-0.01 + 0.01) / 2)
    assert sector["sector_rank_20"] == pytest.approx(3 / 7)  # not above itself
    assert sector["relative_to_sectors_20"] == pytest.approx(0.0, abs=1e-12)


def test_vix() -> None:
    vix = from_closes(VIX, [10 + 0.1 * i for i in range(251)] + [20.0])
    last = market_context(from_closes("QQQ", [1.0] * 252), vix).row(-1, named=True)
    closes = vix["close"].to_numpy()

    assert last["vix_log"] == pytest.approx(math.log(20))
    assert last["vix_change_1"] == pytest.approx(math.log(20 / 35))
    assert last["vix_z_252"] == pytest.approx((20 - closes.mean()) / closes.std())
    assert last["vix_percentile_252"] == pytest.approx(100.5 / 251)  # 100 below, one equal
    assert last["vix_to_mean_20"] == pytest.approx(20 / closes[-20:].mean() - 1)


def test_a_session_without_vix_is_null_and_not_carried_forward() -> None:
    vix = from_closes(VIX, [20.0] * 10).filter(pl.int_range(pl.len()) != 7)

    assert market_context(from_closes("QQQ", [1.0] * 10), vix)["vix_log"].is_null().arg_true().to_list() == [7]


def test_calendar() -> None:
    """The Friday after Thanksgiving is a half day and the last session of November 2024."""
    features = market_context(from_closes("QQQ", [1.0] * 12, first=dt.date(2024, 11, 25)), from_closes("QQQ", [1.0]))
    flags = dict(zip(features["session"], features["is_turn_of_month"], strict=True))

    assert dt.date(2024, 11, 28) not in flags
    assert [day for day, flag in flags.items() if flag] == [
        dt.date(2024, 11, 29), dt.date(2024, 12, 2), dt.date(2024, 12, 3), dt.date(2024, 12, 4),
    ]  # fmt: skip
    assert features["day_of_week"][:4].to_list() == [0.0, 0.25, 0.5, 1.0]
