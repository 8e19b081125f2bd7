"""What a longer history costs: bars, their ingestion, features, and the training of two experiments.

Usage, in the checkout: ``python -W ignore -m benchmarks.history [--bars FILE.parquet] [--since 1999-01-04]``. Compares
the core tickers' bars (the file named by ALPHA_REAL_BARS without ``--bars``, or random walks) with the same bars
lengthened to begin at a date: tickers that begin with the file get copies of their own first sessions before it. The
copies are no history that anybody had; what they cost is what one would.
"""

import argparse
import datetime as dt
import os
import tempfile
from pathlib import Path

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.settings import PROFILES
from alpha_pipeline.sources.files import FilesSource
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.pipeline_world import build_features, ingest_all
from benchmarks.feature_build import load

PRICES = ("open", "high", "low", "close", "adj_close")


def lengthened(bars: pl.DataFrame, since: dt.date) -> pl.DataFrame:
    """One ticker's bars with copies of its first sessions before them, joined without a jump."""
    first = bars["session"][0]
    before = sessions.between(since, sessions.offset(first, -1))
    copies = bars.head(len(before))
    before = before[-copies.height :]
    joined = [pl.col(name) * (bars["open"][0] / copies["close"][-1]) for name in PRICES]
    return pl.concat([copies.with_columns(*joined, session=pl.Series(before)), bars])


def cpu() -> float:
    """Seconds of CPU that this process and its ended workers have had: what else runs does not count."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def measure(folder: Path, bars: pl.DataFrame, tickers: list[str]) -> dict[str, float]:
    """CPU seconds of each step, and what is stored."""
    warehouse, last = Warehouse(folder / "warehouse"), bars["session"].max()
    assert isinstance(last, dt.date)
    folder.mkdir()
    bars.write_parquet(folder / "bars.parquet")
    experiments = load_experiments()
    steps = {
        "ingestion, CPU s": lambda: ingest_all(warehouse, FilesSource(folder / "bars.parquet"), tickers, last, None),
        "features, CPU s": lambda: build_features(warehouse, tickers),
    }
    for name in ("ridge", "v12_super_model"):
        steps[f"`{name}` on QQQ, CPU s"] = lambda name=name: train_experiment(
            warehouse, experiments[name], ["QQQ"], PROFILES["quick"], device="cpu", progress=lambda _: None
        )
    seconds = {"bars": float(bars.height)}
    for name, step in steps.items():
        begin = cpu()
        step()
        seconds[name] = cpu() - begin
    stored = sum(file.stat().st_size for file in warehouse.root.rglob("*.parquet"))
    return seconds | {"stored, MB": stored / 1e6}


def main() -> None:
    """Print both side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    parser.add_argument("--since", type=dt.date.fromisoformat, default=dt.date(1999, 1, 4), help="ISO date")
    given = parser.parse_args()
    bars = load(given.bars).filter(pl.col("ticker").is_in(CORE))
    begins = bars["session"].min()
    by_ticker = bars.partition_by("ticker")
    longer = [lengthened(one, given.since) if one["session"][0] == begins else one for one in by_ticker]
    tickers = [str(one["ticker"][0]) for one in by_ticker]
    with tempfile.TemporaryDirectory() as folder:
        found = [
            measure(Path(folder) / name, rows, tickers) for name, rows in (("as", bars), ("long", pl.concat(longer)))
        ]
    print(f"| {len(tickers)} tickers | from {begins} | from {given.since} | |\n|---|---|---|---|")
    for name, short in found[0].items():
        print(f"| {name} | {short:,.1f} | {found[1][name]:,.1f} | {found[1][name] / short:.2f} |")


if __name__ == "__main__":
    main()
