"""The list of tickers a warehouse follows: the universe, plus what was added, less what was removed.

Removing a ticker stops it and keeps its history. The list is an object like any other, so that it outlives a
Dagster instance; the dynamic partitions are brought in line with it. A removed ticker is leaving until its partition
is gone: a partition that is neither followed nor leaving was added by a person in the web UI.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse

KEY = "tickers.json"


def followed(warehouse: Warehouse) -> list[str]:
    """The tickers followed, the core ones first, in the order they were added."""
    return _parse(warehouse.objects.get(KEY)).followed


def added(warehouse: Warehouse) -> list[str]:
    """The followed tickers that a person added to the universe."""
    return [ticker for ticker in followed(warehouse) if ticker not in UNIVERSE]


def leaving(warehouse: Warehouse) -> list[str]:
    """The removed tickers whose partitions have yet to go."""
    return _parse(warehouse.objects.get(KEY)).leaving


def gone(warehouse: Warehouse, tickers: Sequence[str]) -> None:
    """Note that the partitions of leaving tickers are gone."""

    def change(held: bytes | None) -> bytes | None:
        before = _parse(held)
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
        before = _parse(held)
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
        before = _parse(held)
        strangers = [ticker for ticker in tickers if ticker not in before.followed]
        if strangers:
            raise AlphaError(f"Not followed: {', '.join(strangers)}. `alpha tickers list` shows those that are.")
        stay = [ticker for ticker in before.followed if ticker not in tickers]
        return _render(_List(stay, list(dict.fromkeys([*before.leaving, *tickers]))))

    warehouse.objects.update(KEY, change)


class _List(NamedTuple):
    followed: list[str]
    leaving: list[str]


def _parse(data: bytes | None) -> _List:
    if data is None:
        return _List(list(UNIVERSE), [])
    held = json.loads(data)
    return _List(list(held["followed"]), list(held.get("leaving", [])))


def _render(tickers: _List) -> bytes:
    return json.dumps(tickers._asdict(), indent=2).encode()
