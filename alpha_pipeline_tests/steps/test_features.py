import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from alpha_pipeline.features.tables import MARKET_CONTEXT, PRICE_ACTION, SECTOR_CONTEXT, TECHNICAL, VOLATILITY
from alpha_pipeline.steps import features
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import FORWARD
from alpha_pipeline_tests.pipeline_world import FrameSource, build_features, ingest_all

FIRST, LAST = dt.date(2015, 10, 1), dt.date(2016, 3, 31)
TICKERS = ("QQQ", "NVDA", "XLE", "^VIX")
FEATURES = (TECHNICAL, PRICE_ACTION, MARKET_CONTEXT, VOLATILITY, SECTOR_CONTEXT)
Bars = dict[str, pl.DataFrame]


@pytest.fixture
def world(warehouse: Warehouse, bars: Bars) -> Warehouse:
    ingest_all(warehouse, FrameSource(bars), TICKERS, LAST, FIRST)
    return warehouse


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Which tickers each builder was asked to compute, from now on."""
    seen: dict[str, list[str]] = {}
    for name in ("technical", "price_action", "market_context", "volatility", "sector_context", "forward"):
        honest = getattr(features, name)

        def watched(bars: pl.DataFrame, *rest: object, name: str = name, honest: Callable = honest) -> pl.DataFrame:
            seen[name] = sorted(bars["ticker"].unique())
            return honest(bars, *rest)

        monkeypatch.setattr(features, name, watched)
    return seen


def corrected(bars: Bars, ticker: str) -> Bars:
    last = pl.col("session") == pl.col("session").max()
    rows = bars[ticker].with_columns(
        pl.when(last).then(pl.col(name) * 1.002).otherwise(pl.col(name)).alias(name)
        for name in ("high", "close", "adj_close")
    )
    return bars | {ticker: rows}


def test_every_table_has_a_row_per_bar_and_targets_only_what_is_known(world: Warehouse, bars: Bars) -> None:
    build_features(world, TICKERS)
    for table in FEATURES:
        assert world.height(table, "NVDA") == bars["NVDA"].height
    labels = world.read(FORWARD, ["NVDA"])
    assert set(labels["horizon"]) == {1, 5}
    assert labels["known_at"].max() == LAST


def test_unchanged_bars_build_nothing(world: Warehouse, built: dict[str, list[str]]) -> None:
    build_features(world, TICKERS)
    assert built["technical"] == sorted(TICKERS)
    built.clear()
    report = features.build_technical(world, TICKERS)
    build_features(world, TICKERS)
    assert built == {}
    assert report["QQQ"] == world.height(TECHNICAL, "QQQ") > 0


def test_only_the_ticker_whose_bars_changed_is_built(world: Warehouse, bars: Bars, built: dict[str, list[str]]) -> None:
    build_features(world, TICKERS)
    built.clear()
    ingest_all(world, FrameSource(corrected(bars, "NVDA")), ["NVDA"], LAST, FIRST)
    features.build_technical(world, TICKERS)
    features.build_targets(world, TICKERS)
    assert built == {"technical": ["NVDA"], "forward": ["NVDA"]}


def test_a_change_of_the_market_around_rebuilds_what_reads_it(
    world: Warehouse, bars: Bars, built: dict[str, list[str]]
) -> None:
    build_features(world, TICKERS)
    around = (MARKET_CONTEXT, VOLATILITY)
    before = [world.read(table, ["NVDA"]) for table in around]
    built.clear()
    ingest_all(world, FrameSource(corrected(bars, "^VIX")), ["^VIX"], LAST, FIRST)
    build_features(world, TICKERS)
    assert built["technical"] == ["^VIX"]
    assert built["market_context"] == built["volatility"] == sorted(TICKERS)
    assert built["sector_context"] == ["^VIX"]
    assert [world.read(table, ["NVDA"]).equals(was) for table, was in zip(around, before, strict=True)] == [False] * 2
    built.clear()
    ingest_all(world, FrameSource(corrected(bars, "XLE")), ["XLE"], LAST, FIRST)
    build_features(world, TICKERS)
    assert built["sector_context"] == sorted(TICKERS)
    assert built["volatility"] == ["XLE"]


def test_another_version_of_the_arithmetic_builds_anew(
    world: Warehouse, built: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    build_features(world, TICKERS)
    built.clear()
    monkeypatch.setattr(features, "PRICE_ACTION_VERSION", "next")
    build_features(world, TICKERS)
    assert built == {"price_action": sorted(TICKERS)}


def test_a_ticker_without_bars_has_no_rows_and_stops_no_other(world: Warehouse) -> None:
    assert features.build_technical(world, ["XLU", "QQQ"])["XLU"] == 0
    assert world.height(TECHNICAL, "QQQ") > 0


def test_the_evening_adds_one_row_and_changes_none(warehouse: Warehouse, bars: Bars) -> None:
    eve = dt.date(2016, 3, 30)
    ingest_all(warehouse, FrameSource(bars), ["QQQ"], eve, FIRST)
    features.build_technical(warehouse, ["QQQ"])
    before = warehouse.read(TECHNICAL, ["QQQ"])
    ingest_all(warehouse, FrameSource(bars), ["QQQ"], LAST, FIRST)
    features.build_technical(warehouse, ["QQQ"])
    after = warehouse.read(TECHNICAL, ["QQQ"])
    assert after.height == before.height + 1
    assert after.head(before.height).equals(before)
