from pathlib import Path

import pytest

from alpha_pipeline.errors import AlphaError, MarketMismatchError
from alpha_pipeline.warehouse.market import (
    MarketRecord,
    claim_market,
    keep_files,
    last_files,
    read_market,
    settings_of_market,
)
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


def test_the_files_that_filled_a_warehouse_are_known_where_nobody_names_others(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALPHA_WAREHOUSE", str(warehouse.root))
    for name in ("ALPHA_SOURCE", "ALPHA_SOURCE_PATH"):
        monkeypatch.delenv(name, raising=False)
    claim_market(warehouse, MarketRecord("files", "files"))
    assert settings_of_market({}).source_path is None, "as in a warehouse of an earlier version"
    keep_files(warehouse, tmp_path / "b\u00e4rs \udcff")
    assert settings_of_market({}).source_path == tmp_path / "b\u00e4rs \udcff"
    assert settings_of_market({"ALPHA_SOURCE": "files"}).source_path == last_files(warehouse)
    assert settings_of_market({"ALPHA_SOURCE_PATH": str(tmp_path / "other")}).source_path == tmp_path / "other"
    assert settings_of_market({"ALPHA_SOURCE": "simulated"}).source_path is None


@pytest.mark.parametrize(
    "damaged", [b"", b"{not json", b"[]", b"\xff\xfe", b'{"path": 7}', b'{"path": ""}', b"null", b"[" * 100_000]
)
def test_a_damaged_note_of_the_files_says_nothing_and_is_written_anew(warehouse: Warehouse, damaged: bytes) -> None:
    warehouse.objects.put("files.json", damaged)
    assert last_files(warehouse) is None
    keep_files(warehouse, Path("/bars"))
    assert last_files(warehouse) == Path("/bars")
