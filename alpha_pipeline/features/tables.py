"""The feature tables, built from the features' own declarations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandera.polars as pa
import polars as pl

from alpha_pipeline.features import market_context, price_action, sector_context, technical, volatility
from alpha_pipeline.features.feature import Feature
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import columns as words


@dataclass(frozen=True)
class FeatureSet:
    """Features that are computed and stored together.

    Attributes:
        features: in the order of the table's columns.
        table: where they are stored.
    """

    features: tuple[Feature, ...]
    table: Table

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def look_back(self) -> int:
        """Sessions of history after which every feature of the set is settled."""
        return max(feature.look_back for feature in self.features)


def _table(name: str, features: Sequence[Feature], description: str) -> Table:
    columns = {
        "ticker": pa.Column(pl.String, description=words.TICKER),
        "session": pa.Column(pl.Date, description=f"{words.SESSION}; the row is known at its close"),
        **{one.name: pa.Column(pl.Float64, nullable=True, description=_described(one)) for one in features},
    }
    # One check for all columns: dozens of checks, one each, would take most of the time of a write.
    finite = pa.Check(_is_finite, error="is finite")
    schema = pa.DataFrameSchema(columns, checks=finite, strict=True, unique=["ticker", "session"], name=name)
    return Table(name, schema, ("ticker", "session"), "ticker", description)


def _described(feature: Feature) -> str:
    """What a feature measures, and where it is null."""
    first = f"in the first {feature.warm_up} sessions of a history, and " if feature.warm_up else ""
    return f"{feature.description}. Null {first}where what it needs is missing"


def _is_finite(data: pa.PolarsData) -> bool:
    """Refuse NaN and infinity, by column: a missing value is null, and nothing else is one."""
    broken = data.lazyframe.select((~pl.selectors.float().is_finite()).any()).collect()
    names = [name for name in broken.columns if broken[name].item()]
    if names:
        raise ValueError(f"not finite: {', '.join(names)}")
    return True


TECHNICAL: Final = _table(
    "features.technical",
    technical.FEATURES,
    "One row per (ticker, session): trend, momentum, volatility and volume, known at that session's close.",
)
PRICE_ACTION: Final = _table(
    "features.price_action",
    price_action.FEATURES,
    "One row per (ticker, session): bar shapes, gaps, breaks and distances, known at that session's close.",
)
MARKET_CONTEXT: Final = _table(
    "features.market_context",
    market_context.FEATURES,
    "One row per (ticker, session): VIX, QQQ, breadth and sectors, known at that session's close.",
)
VOLATILITY: Final = _table(
    "features.volatility",
    volatility.FEATURES,
    "One row per (ticker, session): VIX, UVXY and realised volatility, known at that session's close.",
)
SECTOR_CONTEXT: Final = _table(
    "features.sector_context",
    sector_context.FEATURES,
    "One row per (ticker, session): the ticker among the sectors, and which lead, known at that session's close.",
)
FEATURE_SETS: Final[Mapping[str, FeatureSet]] = {
    "technical": FeatureSet(technical.FEATURES, TECHNICAL),
    "price_action": FeatureSet(price_action.FEATURES, PRICE_ACTION),
    "market_context": FeatureSet(market_context.FEATURES, MARKET_CONTEXT),
    "volatility": FeatureSet(volatility.FEATURES, VOLATILITY),
    "sector_context": FeatureSet(sector_context.FEATURES, SECTOR_CONTEXT),
}
