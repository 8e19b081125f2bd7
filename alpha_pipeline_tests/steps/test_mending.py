"""A unit without rows, as a click in the web UI once left it: survived by all, and mended."""

import shutil
from pathlib import Path

import pytest

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.steps.alerts import due_alerts
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.steps.mending import empty_units, remove_empty
from alpha_pipeline.steps.report import find_report, gather
from alpha_pipeline.steps.run_card import run_card
from alpha_pipeline.steps.signals import stale_sessions
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw, signals
from alpha_pipeline_tests.pipeline_world import leave_empty
from alpha_pipeline_tests.steps.conftest import LAST

SIGNALS = [table for table in TABLES if table.name.startswith("signals.")]


@pytest.fixture
def decided(tmp_path: Path, signal_world: Path) -> Warehouse:
    """A warehouse with positions to the end of March 2016."""
    shutil.copytree(signal_world, tmp_path / "decided")
    warehouse = Warehouse(tmp_path / "decided")
    claim_market(warehouse, MarketRecord("files", "files"))
    return warehouse


@pytest.mark.parametrize(
    "tables", [SIGNALS, [signals.QQQ_POSITION], [signals.VIX_REGIME]], ids=["all", "one", "regime"]
)
def test_whoever_reads_the_newest_survives_an_empty_year(decided: Warehouse, tables: list[Table]) -> None:
    card = signal_card(decided)
    evidence = gather(decided)
    alerts = due_alerts(decided, LAST, [])
    for table in tables:
        leave_empty(decided, table, "2017")
    assert signal_card(decided) == card
    assert gather(decided).positions.equals(evidence.positions)
    assert find_report(decided) is None
    assert due_alerts(decided, LAST, []) == alerts
    assert run_card(decided).session == LAST
    assert stale_sessions(decided, [LAST]) == []


def test_what_says_nothing_is_removed_and_the_rest_stays(decided: Warehouse) -> None:
    left = [leave_empty(decided, table, "2017") for table in SIGNALS] + [leave_empty(decided, raw.BARS, "M&M.NS")]
    # Who never paid a dividend has no actions, and that is known.
    told = leave_empty(decided, raw.ACTIONS, "^VIX")
    before = {key: decided.objects.get(key) for key in decided.objects.list("tables")}
    assert sorted(decided.key(*one) for one in empty_units(decided, TABLES)) == sorted(left)
    assert sorted(remove_empty(decided, TABLES)) == [f"removed {key}, which held no rows" for key in sorted(left)]
    after = {key: decided.objects.get(key) for key in decided.objects.list("tables")}
    assert after == {key: data for key, data in before.items() if key not in left}
    assert told in after
    assert remove_empty(decided, TABLES) == []
