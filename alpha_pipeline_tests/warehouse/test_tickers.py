import pytest

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import add, added, followed, gone, leaving, remove


def test_an_empty_warehouse_follows_the_universe(warehouse: Warehouse) -> None:
    assert followed(warehouse) == list(UNIVERSE)


def test_adding_and_removing(warehouse: Warehouse) -> None:
    assert add(warehouse, ["PLTR", "QQQ", "PLTR"]) == ["PLTR"]
    assert add(warehouse, ["PLTR"]) == []
    assert added(warehouse) == ["PLTR"]
    remove(warehouse, ["PLTR"])
    assert followed(warehouse) == list(UNIVERSE)


def test_a_removed_ticker_is_leaving_until_its_partition_is_gone(warehouse: Warehouse) -> None:
    add(warehouse, ["PLTR", "SNOW"])
    remove(warehouse, ["PLTR", "SNOW"])
    assert leaving(warehouse) == ["PLTR", "SNOW"]
    add(warehouse, ["SNOW"])  # it comes back before its partition went
    assert (leaving(warehouse), added(warehouse)) == (["PLTR"], ["SNOW"])
    gone(warehouse, ["PLTR"])
    assert leaving(warehouse) == []


def test_a_list_of_an_earlier_version_is_read(warehouse: Warehouse) -> None:
    warehouse.objects.put("tickers.json", b'{"followed": ["QQQ", "PLTR"]}')
    assert (followed(warehouse), leaving(warehouse)) == (["QQQ", "PLTR"], [])


def test_removing_a_stranger_removes_nobody(warehouse: Warehouse) -> None:
    with pytest.raises(AlphaError, match="Not followed: ZZZZ"):
        remove(warehouse, ["QQQ", "ZZZZ"])
    assert "QQQ" in followed(warehouse)
