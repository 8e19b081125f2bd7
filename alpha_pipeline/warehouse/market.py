"""Which market a warehouse holds. Simulated bars can never pass as real ones: one warehouse, one market."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

from alpha_pipeline.errors import MarketMismatchError
from alpha_pipeline.settings import Settings, SourceKind, load_settings
from alpha_pipeline.sources.base import MARKET_FILE
from alpha_pipeline.warehouse.state import StateError, read_state
from alpha_pipeline.warehouse.store import Warehouse

FILES_FILE: Final = "files.json"
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
    """The settings; a source that nobody named is the one that filled the warehouse, with the files last read.

    Args:
        overrides: as `load_settings` takes them.

    Raises:
        SettingError: a value that the setting cannot take.
        StateError: `market.json` cannot be read.
    """
    settings = load_settings(overrides)
    warehouse = Warehouse(settings.warehouse)
    market = read_market(warehouse)
    if market is not None and not overrides.get("ALPHA_SOURCE") and not os.environ.get("ALPHA_SOURCE"):
        settings = load_settings({**overrides, "ALPHA_SOURCE": market.kind})
    if settings.source != "files" or settings.source_path is not None:
        return settings
    return replace(settings, source_path=last_files(warehouse))


def last_files(warehouse: Warehouse) -> Path | None:
    """The file or folder from which a warehouse was last filled; None when it was not, or not that anybody could say.

    It may have moved since: what is said here is where to look, and no more.
    """
    try:
        data = warehouse.objects.get(FILES_FILE)
        return None if data is None else read_state(data, warehouse.root / FILES_FILE, _path, "")
    except (OSError, StateError):  # as if nothing were said, until a refresh does
        return None


def keep_files(warehouse: Warehouse, path: Path) -> None:
    """Keep from which file or folder a warehouse was filled, for those who do not say it again."""
    if last_files(warehouse) != path:
        warehouse.objects.put(FILES_FILE, json.dumps({"path": str(path)}, indent=2).encode())


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


def _path(said: Any) -> Path:  # noqa: ANN401  any JSON
    path = Path(said["path"])
    if not path.is_absolute():
        raise ValueError(path)
    return path
