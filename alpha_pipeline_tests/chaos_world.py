"""Processes that are killed, and what has to hold of a warehouse and its Dagster instance afterwards."""

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final
from unittest.mock import patch

import dagster as dg
import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.runner import Runner
from alpha_pipeline.evaluation.audit.finding import Finding
from alpha_pipeline.settings import Settings
from alpha_pipeline.steps import audit
from alpha_pipeline.steps.signals import FIRST_SESSION
from alpha_pipeline.training.artifact import read_artifact
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.defs.served import eventually, survivors
from alpha_pipeline_tests.defs.world import World, make_world

TICKERS: Final = ("QQQ", "SPY")  # neighbours among the partitions: one range, one run a stage
# Ten sessions of signals, and as little before them as the models of 2016 can learn from: every kill is followed by a
# whole run, and where it strikes does not depend on how many bars the run is about.
FIRST: Final = dt.date(2012, 1, 3)
THROUGH: Final = dt.date(2016, 1, 15)
PLAIN: Final = ("expanding_mean", "ridge")
ALL: Final = (*PLAIN, "v17_pilot")  # v17_pilot trains on QQQ, in a worker process
MAY_BE_EMPTY: Final = ("raw.actions", "raw.revisions", "raw.quarantine", "raw.second_opinion")
PATIENCE: Final = 300.0  # seconds that an uninterrupted run may take on a busy machine


@dataclass(frozen=True)
class Reference:
    """A warehouse that one uninterrupted command made.

    Attributes:
        experiments: those trained.
        warehouse: what was made.
        work: seconds from the first object to the end of the process.
    """

    experiments: tuple[str, ...]
    warehouse: Warehouse
    work: float


def chaos_world(root: Path) -> World:
    """A market of two tickers up to the second week of signals, and an empty warehouse."""
    root.mkdir(parents=True)
    made = make_world(root, TICKERS, first=FIRST)
    return World(replace(made.settings, through=THROUGH, device="cpu"))


def in_another(world: World, folder: Path) -> World:
    """The same market, with an empty warehouse in another folder."""
    return World(replace(world.settings, warehouse=folder))


def moments(seed: int, count: int) -> list[float]:
    """Fractions of a duration, one in each of as many equal stretches, in a random order."""
    rng = np.random.default_rng(seed)
    return [float(place) for place in rng.permutation((np.arange(count) + rng.random(count)) / count)]


@contextmanager
def command(world: World, experiments: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """`alpha run` in a session of its own; none of its processes outlives the block."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ALPHA_", "DAGSTER_"))}
    asked = ["--tickers", ",".join(TICKERS), "--experiments", ",".join(experiments)]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("alpha")), "run", *asked],
        env=environment | world.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for survivor in survivors(process.pid):
            end(survivor)
        process.wait(30)


def end(pid: int) -> None:
    """Kill -9 a process; one that is gone already is no error."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def begins(world: World, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a command has put its first object."""
    market = world.warehouse.objects.path("market.json")
    while not market.exists():
        assert process.poll() is None, f"ended with {process.returncode} before it began"
        time.sleep(0.05)


def reference_of(world: World, experiments: tuple[str, ...], factory: pytest.TempPathFactory) -> Reference:
    """What the command makes undisturbed; run once for all workers of pytest-xdist, by the first that asks."""
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / f"undisturbed {' '.join(experiments)}"
    with FileLock(f"{folder}.lock"):
        seconds = folder / "seconds"
        if not seconds.exists():
            seconds.write_text(str(_undisturbed(in_another(world, folder / "warehouse"), experiments)))
    return Reference(experiments, Warehouse(folder / "warehouse"), float(seconds.read_text()))


def _undisturbed(world: World, experiments: tuple[str, ...]) -> float:
    """Run the command to its end, and measure how long it works."""
    with command(world, experiments) as process:
        begins(world, process)
        begin = time.monotonic()
        assert process.wait(PATIENCE) == 0
    return time.monotonic() - begin


@contextmanager
def opened(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of a warehouse, without leaving its settings in this process's environment."""
    with patch.dict(os.environ), open_instance(settings) as instance:
        yield instance


def finish(world: World, experiments: Sequence[str]) -> None:
    """The next run: the stages of `alpha run` in this process, to the end.

    Raises:
        TimeoutError: it waits for something that nobody gives.
    """
    with (
        patch.dict(os.environ),
        patch.object(audit, "_probes", _looked_at_once),
        within(PATIENCE),
        Runner(world.settings) as runner,
    ):
        runner.day(list(TICKERS), list(experiments))
        assert runner.problems == []
        eventually(lambda: pool_is_free(runner.instance), "the pool is free")


_PROBES: Final = audit._probes
_FOUND: Final[dict[tuple[str, str], Finding]] = {}


def _looked_at_once(*given: Any) -> dict[str, tuple[str, Callable[[], Finding]]]:
    """The probes of the audit, which takes a third of a run: what one has looked at before, it remembers."""
    return {name: (inputs, partial(_found, name, inputs, look)) for name, (inputs, look) in _PROBES(*given).items()}


def _found(name: str, inputs: str, look: Callable[[], Finding]) -> Finding:
    """The finding of a probe; `inputs` is the hash of all that it looks at, by which the audit itself looks again."""
    if (name, inputs) not in _FOUND:
        _FOUND[name, inputs] = look()
    return _FOUND[name, inputs]


def pool_is_free(instance: dg.DagsterInstance) -> bool:
    return instance.event_log_storage.get_concurrency_info("training").active_slot_count == 0


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt the block after some time: a run that waits for a pool waits for good."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"still not done after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def everything_reads(warehouse: Warehouse) -> None:
    """Every object of a warehouse is whole, and every table's rows fit its schema and its key."""
    for key in [*warehouse.objects.list("tables"), *warehouse.objects.list("models"), "market.json"]:
        data = warehouse.objects.get(key)
        if key.endswith(".parquet") and data is not None:
            pl.read_parquet(data)
        elif key.endswith(".json") and data is not None:
            json.loads(data)
    for card, weights in artifacts(warehouse):
        read_artifact(card, weights)
    for table in TABLES:
        rows = warehouse.read(table)
        table.validate(rows, "every unit")
        assert not rows.select(table.key).is_duplicated().any(), f"{table.name} holds a row twice"


def artifacts(warehouse: Warehouse) -> Iterator[tuple[bytes, bytes]]:
    """The cards held, with their weights."""
    for key in warehouse.objects.list("models"):
        if key.endswith(".json"):
            weights = warehouse.objects.get(key.removesuffix(".json") + ".safetensors")
            card = warehouse.objects.get(key)
            assert weights is not None, f"{key} describes weights that are not there"
            assert card is not None
            yield card, weights


def what_was_acknowledged_is_held(world: World) -> None:
    """No partition that the instance calls materialised is without its object or its session."""
    warehouse = world.warehouse
    with opened(world.settings) as instance:
        for table in TABLES:
            said = instance.get_materialized_partitions(dg.AssetKey(table.asset_key))
            assert set(said) <= held(warehouse, table), f"{table.name} lost what was acknowledged"
        for name in ALL:
            said = instance.get_materialized_partitions(dg.AssetKey(["models", name]))
            trained = {
                Path(key).parent.name for key in warehouse.objects.list(f"models/{name}") if key.endswith(".json")
            }
            assert set(said) <= trained, f"{name} lost what was acknowledged"


def held(warehouse: Warehouse, table: Table) -> set[str]:
    """The partitions of a table that the warehouse holds; a table that may be empty for one holds all of them."""
    if table.name in MAY_BE_EMPTY:
        return set(TICKERS)
    if table.unit == "ticker":
        return {ticker for ticker in warehouse.units(table) if warehouse.height(table, ticker)}
    if table.name in {"signals.mag7_ballots", "signals.sector_ranks"}:  # no rows without the tickers they are of
        return {session.isoformat() for session in _signal_sessions(warehouse)}
    rows = warehouse.read(table)
    return {day.isoformat() for day in rows.get_column("session")} if "session" in rows.columns else set()


def _signal_sessions(warehouse: Warehouse) -> list[dt.date]:
    days = warehouse.read(raw.BARS, TICKERS, ["session"]).get_column("session").unique()
    return [day for day in days if day >= FIRST_SESSION]


def equals(warehouse: Warehouse, reference: Reference) -> None:
    """Table by table what the uninterrupted run made, but for when; and the same models, byte for byte."""
    for table in TABLES:
        ours, theirs = (one.read(table).drop(table.volatile) for one in (warehouse, reference.warehouse))
        assert ours.equals(theirs), f"{table.name}: {ours.height} rows, {theirs.height} expected, or other values"
    assert sorted(artifacts(warehouse)) == sorted(artifacts(reference.warehouse))


def is_mended(world: World, reference: Reference) -> None:
    """What is held is sound now, and the next run finishes it."""
    everything_reads(world.warehouse)
    what_was_acknowledged_is_held(world)
    finish(world, reference.experiments)
    everything_reads(world.warehouse)
    equals(world.warehouse, reference)


def reset(world: World, reference: Reference, folders: Sequence[str]) -> None:
    """Make a warehouse the reference without some folders, and its instance one that was told of nothing."""
    for kind in ("tables", "models"):
        shutil.rmtree(world.warehouse.root / kind, ignore_errors=True)
        shutil.copytree(reference.warehouse.root / kind, world.warehouse.root / kind)
    shutil.copyfile(reference.warehouse.objects.path("market.json"), world.warehouse.objects.path("market.json"))
    for folder in folders:
        shutil.rmtree(world.warehouse.root / folder, ignore_errors=True)
    with opened(world.settings) as instance:
        instance.wipe_assets(list(instance.all_asset_keys()))


def worker_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process of a run, or None while it has none."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        found = re.search(r"\(pid: (\d+)\)", entry.message or entry.user_message)
        if found:
            return int(found[1])
    return None


def daemon_of(session: int) -> int:
    """The daemon among the processes of an `alpha ui`."""
    for pid in survivors(session):
        if b"dagster._daemon\0run" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("no daemon")
