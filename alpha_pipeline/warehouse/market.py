"""Which market a warehouse holds. Simulated bars can never pass as real ones: one warehouse, one market."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from alpha_pipeline.errors import MarketMismatchError
from alpha_pipeline.settings import Settings, SourceKind, load_settings
from alpha_pipeline.sources.base import MARKET_FILE
from alpha_pipeline.warehouse.state import read_state
from alpha_pipeline.warehouse.store import Warehouse

_FIX: Final = "It says which market the warehouse holds; restore it, or use another folder (--warehouse)."


@dataclass(frozen=True)
class MarketRecord:
    """The market of a warehouse.

    Attributes:
        kind: the source kind that filled it: simulated, files or yahoo.
        market: the market's name; for a simulated one with its seed and knob.
    """

    kind: str
    market: str

    @property
    def is_simulated(self) -> bool:
        """Whether everything in this warehouse must be marked SIMULATED."""
        return self.kind == "simulated"


def read_market(warehouse: Warehouse) -> MarketRecord | None:
    """The market a warehouse holds, or None while it is empty.

    Raises:
        StateError: `market.json` cannot be read.
    """
    data = warehouse.objects.get(MARKET_FILE)
    return None if data is None else _parse(data, warehouse)


def settings_of_market(overrides: Mapping[str, str | None]) -> Settings:
    """The settings; a source that nobody named is the one that filled the warehouse.

    Args:
        overrides: as `load_settings` takes them.

    Raises:
        SettingError: a value that the setting cannot take.
        StateError: `market.json` cannot be read.
    """
    settings = load_settings(overrides)
    market = read_market(Warehouse(settings.warehouse))
    if market is None or overrides.get("ALPHA_SOURCE") or os.environ.get("ALPHA_SOURCE"):
        return settings
    return load_settings({**overrides, "ALPHA_SOURCE": market.kind})


def claim_market(warehouse: Warehouse, record: MarketRecord) -> None:
    """Record the market of an empty warehouse, or check that it is the same.

    Raises:
        MarketMismatchError: the warehouse holds another market; nothing was changed.
    """

    def claim(held: bytes | None) -> bytes | None:
        if held is None:
            return json.dumps({"kind": record.kind, "market": record.market}, indent=2).encode()
        before = _parse(held, warehouse)
        if before != record:
            raise MarketMismatchError(str(warehouse.root), before.market, record.market)
        return None

    warehouse.objects.update(MARKET_FILE, claim)


def _parse(data: bytes, warehouse: Warehouse) -> MarketRecord:
    return read_state(data, warehouse.root / MARKET_FILE, _record, _FIX)


def _record(held: Any) -> MarketRecord:  # noqa: ANN401  whatever JSON holds
    record = MarketRecord(**held)
    if record.kind not in get_args(SourceKind) or not isinstance(record.market, str):
        raise ValueError(record)
    return record
