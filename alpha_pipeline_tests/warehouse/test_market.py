import pytest

from alpha_pipeline.errors import AlphaError, MarketMismatchError
from alpha_pipeline.warehouse.market import MarketRecord, claim_market, read_market, settings_of_market
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


def test_a_source_that_nobody_named_is_the_one_that_filled_the_warehouse(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`dagster dev` on a warehouse of real bars asks for real bars; a source that is named stays, to be refused."""
    monkeypatch.setenv("ALPHA_WAREHOUSE", str(warehouse.root))
    monkeypatch.delenv("ALPHA_SOURCE", raising=False)
    assert settings_of_market({}).source == "simulated"
    claim_market(warehouse, MarketRecord("yahoo", "yahoo"))
    assert settings_of_market({}).source == "yahoo"
    assert settings_of_market({"ALPHA_SOURCE": None}).source == "yahoo"
    assert settings_of_market({"ALPHA_SOURCE": "files"}).source == "files"
    monkeypatch.setenv("ALPHA_SOURCE", "simulated")
    assert settings_of_market({}).source == "simulated"
