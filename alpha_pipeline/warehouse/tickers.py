"""The list of tickers a warehouse follows: the universe, plus what was added, less what was removed.

Removing a ticker stops it and keeps its history. The list is an object like any other, so that it outlives a
Dagster instance; the dynamic partitions are brought in line with it. A removed ticker is leaving until its partition
is gone: a partition that is neither followed nor leaving was added by a person in the web UI.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.state import read_state
from alpha_pipeline.warehouse.store import Warehouse

KEY = "tickers.json"
_FIX: Final = (
    "It says which tickers the warehouse follows: bring it back from a copy, or let `alpha doctor --mend` set it "
    "aside, and the universe is followed again."
)


def followed(warehouse: Warehouse) -> list[str]:
    """The tickers followed, the core ones first, in the order they were added.

    Raises:
        StateError: the list cannot be read.
    """
    return _parse(warehouse, warehouse.objects.get(KEY)).followed


def added(warehouse: Warehouse) -> list[str]:
    """The followed tickers that a person added to the universe."""
    return [ticker for ticker in followed(warehouse) if ticker not in UNIVERSE]


def leaving(warehouse: Warehouse) -> list[str]:
    """The removed tickers whose partitions have yet to go."""
    return _parse(warehouse, warehouse.objects.get(KEY)).leaving


def gone(warehouse: Warehouse, tickers: Sequence[str]) -> None:
    """Note that the partitions of leaving tickers are gone."""

    def change(held: bytes | None) -> bytes | None:
        before = _parse(warehouse, held)
        left = [ticker for ticker in before.leaving if ticker not in tickers]
        return None if left == before.leaving else _render(_List(before.followed, left))

    warehouse.objects.update(KEY, change)


def add(warehouse: Warehouse, tickers: Sequence[str]) -> list[str]:
    """Follow tickers.

    Returns:
        Those that were not followed before.
    """
    new: list[str] = []

    def change(held: bytes | None) -> bytes:
        before = _parse(warehouse, held)
        new[:] = [ticker for ticker in dict.fromkeys(tickers) if ticker not in before.followed]
        return _render(_List([*before.followed, *new], [ticker for ticker in before.leaving if ticker not in new]))

    warehouse.objects.update(KEY, change)
    return new


def remove(warehouse: Warehouse, tickers: Sequence[str]) -> None:
    """Stop following tickers; what is held of them stays.

    Raises:
        AlphaError: one of them is not followed; none is removed then.
    """

    def change(held: bytes | None) -> bytes:
        before = _parse(warehouse, held)
        strangers = [ticker for ticker in tickers if ticker not in before.followed]
        if strangers:
            raise AlphaError(f"Not followed: {', '.join(strangers)}. `alpha tickers list` shows those that are.")
        stay = [ticker for ticker in before.followed if ticker not in tickers]
        return _render(_List(stay, list(dict.fromkeys([*before.leaving, *tickers]))))

    warehouse.objects.update(KEY, change)


class _List(NamedTuple):
    followed: list[str]
    leaving: list[str]


def _parse(warehouse: Warehouse, data: bytes | None) -> _List:
    if data is None:
        return _List(list(UNIVERSE), [])
    return read_state(data, warehouse.objects.path(KEY), _lists, _FIX)


def _lists(held: Any) -> _List:  # noqa: ANN401  whatever JSON holds
    return _List(_names(held["followed"]), _names(held.get("leaving", [])))


def _names(held: Any) -> list[str]:  # noqa: ANN401  whatever JSON holds
    if not isinstance(held, list) or not all(isinstance(name, str) and name.isprintable() and name for name in held):
        raise TypeError(held)
    return list(dict.fromkeys(held))


def _render(tickers: _List) -> bytes:
    return json.dumps(tickers._asdict(), indent=2).encode()
