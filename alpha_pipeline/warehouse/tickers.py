"""The list of tickers a warehouse follows: the universe, plus what was added, less what was removed.

Removing a ticker stops it and keeps its history. The list is an object like any other, so that it outlives a
Dagster instance; the dynamic partitions are brought in line with it.
"""

import json
from collections.abc import Sequence

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse

KEY = "tickers.json"


def followed(warehouse: Warehouse) -> list[str]:
    """The tickers followed, the core ones first, in the order they were added."""
    return _parse(warehouse.objects.get(KEY))


def added(warehouse: Warehouse) -> list[str]:
    """The followed tickers that a person added to the universe."""
    return [ticker for ticker in followed(warehouse) if ticker not in UNIVERSE]


def add(warehouse: Warehouse, tickers: Sequence[str]) -> list[str]:
    """Follow tickers.

    Returns:
        Those that were not followed before.
    """
    new: list[str] = []

    def change(held: bytes | None) -> bytes:
        before = _parse(held)
        new[:] = [ticker for ticker in dict.fromkeys(tickers) if ticker not in before]
        return _render([*before, *new])

    warehouse.objects.update(KEY, change)
    return new


def remove(warehouse: Warehouse, tickers: Sequence[str]) -> None:
    """Stop following tickers; what is held of them stays.

    Raises:
        AlphaError: one of them is not followed; none is removed then.
    """

    def change(held: bytes | None) -> bytes:
        before = _parse(held)
        strangers = [ticker for ticker in tickers if ticker not in before]
        if strangers:
            raise AlphaError(f"Not followed: {', '.join(strangers)}. `alpha tickers list` shows those that are.")
        return _render([ticker for ticker in before if ticker not in tickers])

    warehouse.objects.update(KEY, change)


def _parse(data: bytes | None) -> list[str]:
    return list(UNIVERSE) if data is None else list(json.loads(data)["followed"])


def _render(tickers: list[str]) -> bytes:
    return json.dumps({"followed": tickers}, indent=2).encode()
