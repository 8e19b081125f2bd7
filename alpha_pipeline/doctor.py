"""What `alpha doctor` looks at: each finding says what is wrong and what mends it."""

import platform
import shutil
from dataclasses import dataclass

import torch

from alpha_pipeline import sessions as calendar
from alpha_pipeline.alerts import check
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.errors import ExperimentError, SettingError
from alpha_pipeline.ingestion.refusals import MUCH_REFUSED
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import Settings
from alpha_pipeline.steps.bar_problems import bar_problems
from alpha_pipeline.steps.mending import empty_units
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse import views
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import COVERAGE, QUARANTINE

LOW_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: the thing.
        is_ok: whether it is as it should be.
        detail: what was seen, and the fix when it is not.
    """

    what: str
    is_ok: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at the machine, the settings and the warehouse."""
    warehouse = Warehouse(settings.warehouse)
    return [_machine(), _disk(settings), _experiments(), _alerts(settings), *_warehouse(settings, warehouse)]


def _machine() -> Finding:
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU only"
    return Finding("machine", True, f"Python {platform.python_version()}, torch {torch.__version__}, {device}")


def _disk(settings: Settings) -> Finding:
    existing = next(path for path in (settings.warehouse, *settings.warehouse.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    enough = free > LOW_DISK_BYTES
    fix = "" if enough else ": free some, a run needs about 2 GB"
    return Finding("disk", enough, f"{free / 1024**3:.0f} GB free at {existing}{fix}")


def _experiments() -> Finding:
    try:
        return Finding("experiments", True, ", ".join(load_experiments()))
    except ExperimentError as error:
        return Finding("experiments", False, str(error))


def _alerts(settings: Settings) -> Finding:
    try:
        services = check(settings.alerts)
    except SettingError as error:
        return Finding("alerts", False, str(error))
    return Finding("alerts", True, ", ".join(services) or "to the log alone; ALPHA_ALERTS names services")


def _warehouse(settings: Settings, warehouse: Warehouse) -> list[Finding]:
    market = read_market(warehouse)
    if market is None:
        return [Finding("warehouse", True, f"{warehouse.root} is empty; `alpha run` fills it")]
    same = market.kind == settings.source
    fix = "" if same else f"; the source is set to {settings.source}: use --warehouse or ALPHA_SOURCE={market.kind}"
    findings = [Finding("market", same, f"{warehouse.root} holds {market.market}{fix}")]
    views_ok = views.publish(warehouse, TABLES)
    held = (
        "up to date"
        if views_ok
        else "not written (open in another program?); `alpha sql` and every run work all the same"
    )
    findings.append(Finding("alpha.duckdb", True, held))
    coverage = warehouse.read(COVERAGE)
    status = dict(coverage.select("ticker", "status").iter_rows())
    last = calendar.last_closed(settings.now())
    lacking = [ticker for ticker in CORE if status.get(ticker) != "complete"]
    detail = "all complete" if not lacking else "; ".join(f"{t}: {status.get(t, 'no bars')}" for t in lacking)
    held_to = coverage.get_column("last_session").drop_nulls().to_list()
    detail += f"; bars to {max(held_to, default='-')}, the last closed session is {last}"
    fix = "" if not lacking else '. `alpha sql "from raw.coverage"` tells more'
    findings.append(Finding("core tickers", not lacking, detail + fix))
    return [*findings, _units(warehouse), *_last_refresh(warehouse)]


def _last_refresh(warehouse: Warehouse) -> list[Finding]:
    """Who failed in the last refresh, who is behind, and what was refused; what was refused before is counted."""
    found = bar_problems(warehouse)
    absent = [*found.failed, *found.behind]
    ever = warehouse.read(QUARANTINE).height
    tail = '; `alpha sql "from raw.quarantine"` shows them' if ever else ""
    counted = f"{ever:,} rows set aside in all{tail}"
    if found.grave:
        counted += f". Look at {', '.join(found.grave)}: a refused session is not held, or more than {MUCH_REFUSED:.0%}"
        counted += " of the last answer was refused. Mend the rows at their source and refresh again"
    return [
        Finding("last refresh", not absent, " ".join(absent) or "every ticker followed has the newest session"),
        Finding("quarantine", not found.grave, " ".join([*found.refused, counted])),
    ]


def _units(warehouse: Warehouse) -> Finding:
    empty = ", ".join(warehouse.key(table, unit) for table, unit in empty_units(warehouse, TABLES))
    return Finding(
        "units", not empty, f"without rows: {empty}; `alpha doctor --mend` removes them" if empty else "sound"
    )
