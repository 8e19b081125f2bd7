import math

import polars as pl
import pytest

from alpha_pipeline.errors import TableError
from alpha_pipeline.features.market_context import market_context
from alpha_pipeline.features.price_action import price_action
from alpha_pipeline.features.sector_context import sector_context
from alpha_pipeline.features.tables import (
    FEATURE_SETS,
    MARKET_CONTEXT,
    PRICE_ACTION,
    SECTOR_CONTEXT,
    TECHNICAL,
    VOLATILITY,
)
from alpha_pipeline.features.technical import technical
from alpha_pipeline.features.volatility import volatility


def test_what_is_built_fits_its_table(market: pl.DataFrame) -> None:
    built = [
        (TECHNICAL, technical(market)),
        (PRICE_ACTION, price_action(market)),
        (MARKET_CONTEXT, market_context(market, market)),
        (VOLATILITY, volatility(market, market)),
        (SECTOR_CONTEXT, sector_context(market, market)),
    ]
    for table, frame in built:
        assert table.validate(frame, "all").equals(frame)
        assert table.conform(frame).equals(frame)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_by_name(market: pl.DataFrame, value: float) -> None:
    frame = technical(market.filter(pl.col("ticker") == "QQQ"))
    broken = frame.with_columns(rsi_14=pl.when(pl.int_range(pl.len()) == 300).then(value).otherwise("rsi_14"))

    with pytest.raises(TableError, match="rsi_14"):
        TECHNICAL.validate(broken, "QQQ")


def test_a_repeated_session_is_refused(market: pl.DataFrame) -> None:
    frame = price_action(market.filter(pl.col("ticker") == "QQQ"))

    with pytest.raises(TableError):
        PRICE_ACTION.validate(pl.concat([frame, frame.tail(1)]), "QQQ")


def test_every_feature_has_one_name_and_a_description() -> None:
    features = [feature for one in FEATURE_SETS.values() for feature in one.features]

    assert len({feature.name for feature in features}) == len(features)
    assert all(feature.description for feature in features)
    assert {name: feature_set.table.name for name, feature_set in FEATURE_SETS.items()} == {
        "technical": "features.technical",
        "price_action": "features.price_action",
        "market_context": "features.market_context",
        "volatility": "features.volatility",
        "sector_context": "features.sector_context",
    }


def test_a_set_knows_its_columns_and_its_look_back() -> None:
    technical_set = FEATURE_SETS["technical"]

    assert technical_set.table.columns == ["ticker", "session", *technical_set.names]
    assert technical_set.look_back == 400
