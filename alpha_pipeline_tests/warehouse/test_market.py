import pytest

from alpha_pipeline.errors import AlphaError, MarketMismatchError
from alpha_pipeline.warehouse.market import MarketRecord, claim_market, read_market
from alpha_pipeline.warehouse.store import Warehouse

SIMULATED = MarketRecord("simulated", "simulated(seed=7, planted_ic=0.0)")


def test_a_warehouse_holds_one_market(warehouse: Warehouse) -> None:
    assert read_market(warehouse) is None
    claim_market(warehouse, SIMULATED)
    claim_market(warehouse, SIMULATED)
    with pytest.raises(MarketMismatchError, match="Use --warehouse with another folder for yahoo"):
        claim_market(warehouse, MarketRecord("yahoo", "yahoo"))
    assert read_market(warehouse) == SIMULATED


def test_another_seed_is_another_market(warehouse: Warehouse) -> None:
    claim_market(warehouse, SIMULATED)
    with pytest.raises(MarketMismatchError):
        claim_market(warehouse, MarketRecord("simulated", "simulated(seed=8, planted_ic=0.0)"))


def test_a_market_file_that_cannot_be_read_is_named(warehouse: Warehouse) -> None:
    warehouse.objects.put("market.json", b"{not json")
    with pytest.raises(AlphaError, match=r"market\.json cannot be read"):
        read_market(warehouse)
