"""What it costs to verify the seal of every object that is read, on a full warehouse.

Usage, in the checkout: ``python -W ignore -m benchmarks.verification [--warehouse FOLDER] [--rounds 7]``. Without a
folder it fills one with the bars of every ticker of the simulated market, their features and targets. CPU seconds; with
and without verification take turns, so that what else the machine does falls on both.
"""

import argparse
import datetime as dt
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from unittest.mock import patch

from alpha_pipeline import sessions
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.sources.simulated import SimulatedSource
from alpha_pipeline.steps.soundness import damages
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse import seal
from alpha_pipeline.warehouse.sql import query
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline_tests.pipeline_world import build_features, ingest_all

THROUGH = sessions.at_or_before(dt.date(2025, 6, 30))


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that something takes, of all threads: what else runs does not count."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def read_all(warehouse: Warehouse) -> None:
    """Every unit of every table, one after the other."""
    for table in TABLES:
        for unit in warehouse.units(table):
            warehouse.read(table, [unit])


def measure(warehouse: Warehouse, rounds: int) -> None:
    """Print a line of each thing measured."""
    objects = [warehouse.objects.path(key) for key in warehouse.objects.list("tables") if key.endswith(".parquet")]
    size = sum(path.stat().st_size for path in objects)
    print(f"{len(objects):,} objects, {size / 1e6:,.1f} MB")
    data = b"".join(path.read_bytes() for path in objects)[: 64 * 1024**2]
    for name in ("sha256", "blake2b"):
        print(
            f"{name}: {len(data) / 1e6 / min(seconds(lambda n=name: hashlib.new(n, data)) for _ in range(3)):,.0f} MB/s"
        )
    works: dict[str, Callable[[], object]] = {
        "every table": lambda: read_all(warehouse),
        "bars of one ticker": lambda: warehouse.read(BARS, ["QQQ"]),
        "`alpha sql`, a count": lambda: query(warehouse, TABLES, "select count(*) from raw.bars"),
    }
    print("\n| read, median CPU s | without | verified | |\n|---|---|---|---|")
    for name, work in works.items():
        work()
        without, verified = [], []
        for _ in range(rounds):
            with patch.object(seal, "verify", lambda *_: True):
                without.append(seconds(work))
            verified.append(seconds(work))
        a, b = median(without), median(verified)
        print(f"| {name} | {a:.4f} | {b:.4f} | {b / a - 1:+.1%} |")
    deep = median(seconds(lambda: damages(warehouse, TABLES)) for _ in range(3))
    print(f"| `alpha doctor --deep`, all objects | | {deep:.2f} | |")


def main() -> None:
    """Fill a warehouse or take the one named, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    if given.warehouse is not None:
        measure(Warehouse(given.warehouse), given.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "warehouse")
        ingest_all(warehouse, SimulatedSource(7), UNIVERSE, THROUGH)
        build_features(warehouse, UNIVERSE)
        measure(warehouse, given.rounds)


if __name__ == "__main__":
    main()
