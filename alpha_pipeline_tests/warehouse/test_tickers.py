import pytest

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import add, added, followed, remove


def test_an_empty_warehouse_follows_the_universe(warehouse: Warehouse) -> None:
    assert followed(warehouse) == list(UNIVERSE)


def test_adding_and_removing(warehouse: Warehouse) -> None:
    assert add(warehouse, ["PLTR", "QQQ", "PLTR"]) == ["PLTR"]
    assert add(warehouse, ["PLTR"]) == []
    assert added(warehouse) == ["PLTR"]
    remove(warehouse, ["PLTR"])
    assert followed(warehouse) == list(UNIVERSE)


def test_removing_a_stranger_removes_nobody(warehouse: Warehouse) -> None:
    with pytest.raises(AlphaError, match="Not followed: ZZZZ"):
        remove(warehouse, ["QQQ", "ZZZZ"])
    assert "QQQ" in followed(warehouse)
