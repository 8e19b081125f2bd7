"""How long new tickers take from `alpha tickers add` to their forecasts, unattended, through the real daemon.

Usage, in the checkout: ``python -W ignore -m benchmarks.backfill [--tickers 50] [--bars FILE.parquet]``. A warehouse
holds the bars of the core. `alpha ui` runs on it and asks a loopback Yahoo; then as many tickers are added at once as
are asked for. The sensor for new tickers and the jobs that follow each other do the rest. Prints the wall time and the
number of runs of each stage; ends with an error when a run failed, or when there is more than one of a stage. Without
``--bars`` it takes the file named by ALPHA_REAL_BARS, whose holdings get made-up names, or random walks.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.registry import make_source
from alpha_pipeline.steps.rounds import ingest_tickers
from alpha_pipeline.universe import CORE, HOLDINGS, MAG7
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline_tests.defs.served import Served, serve
from alpha_pipeline_tests.defs.world import World
from alpha_pipeline_tests.pipeline_world import after_close
from benchmarks.feature_build import load, random_panel
from benchmarks.refresh import RATE, yahoo

PATIENCE_S = 7200.0
POLL_S = 1.0
STAGES = ("refresh_bars", "learn", "predict")
ENDED_BADLY = {"FAILURE", "CANCELED"}
RUNS = "{ runsOrError { ... on Runs { results { jobName status startTime endTime } } } }"

Run = dict[str, Any]


def market(path: str | None, n_new: int) -> tuple[pl.DataFrame, list[str]]:
    """(bars of the core and of the new tickers, names of the new ones)."""
    names = [f"NEW{number:02d}" for number in range(1, n_new + 1)]
    bars = random_panel(len(CORE) + n_new) if path is None else load(path)
    others = [ticker for ticker in (*HOLDINGS, *MAG7) if path is not None] or sorted(set(bars["ticker"]) - set(CORE))
    copies = [
        bars.filter(pl.col("ticker") == ticker).with_columns(ticker=pl.lit(name))
        for ticker, name in zip(others, names, strict=False)
    ]
    if len(copies) < n_new:
        raise SystemExit(f"there are bars of {len(others)} tickers only")
    return pl.concat([bars.filter(pl.col("ticker").is_in(CORE)), *copies]), names


def fill_core(settings: Settings, last: dt.date) -> None:
    """The bars of the core: what the features of any ticker look at."""
    warehouse, source = Warehouse(settings.warehouse), make_source(settings)
    claim_market(warehouse, MarketRecord(source.kind, source.market))
    done = ingest_tickers(warehouse, source, CORE, through=last, now=settings.now())
    wrong = [f"{ticker}: {said}" for ticker, said in done if getattr(said, "status", "failed") != "complete"]
    if wrong:
        raise SystemExit("; ".join(wrong))


def add(world: World, names: list[str]) -> None:
    """What a person does: `alpha tickers add`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ALPHA_", "DAGSTER_"))}
    command = [sys.executable, "-m", "alpha_pipeline.cli", "tickers", "add", *names]
    subprocess.run(command, env=inherited | world.environment, check=True, stdout=subprocess.DEVNULL)


def wait_for_forecasts(ui: Served, warehouse: Warehouse, names: list[str]) -> list[Run]:
    """The runs, once every ticker has forecasts and every run has ended.

    Raises:
        SystemExit: a run failed, or it took too long.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        runs: list[Run] = ui.ask(RUNS)["runsOrError"]["results"]
        failed = [run["jobName"] for run in runs if run["status"] in ENDED_BADLY]
        if failed:
            raise SystemExit(f"failed: {', '.join(failed)}; the log of the web UI ends:\n{ui.log.read_text()[-3000:]}")
        if all(warehouse.height(DAILY, name) for name in names) and all(run["endTime"] for run in runs):
            return runs
        time.sleep(POLL_S)
    lacking = [name for name in names if not warehouse.height(DAILY, name)]
    raise SystemExit(f"after {PATIENCE_S:.0f} s still without forecasts: {', '.join(lacking)}")


def show(runs: list[Run], added_at: float, asked_at: float) -> None:
    """Print the seconds of each stage and between them; all times are seconds since 1970."""
    print(f"{'alpha tickers add':<24}{'':>6}{added_at - asked_at:>9.1f} s")
    until = added_at
    for stage in STAGES:
        own = [run for run in runs if run["jobName"] == stage]
        begin, end = min(run["startTime"] for run in own), max(run["endTime"] for run in own)
        print(f"{stage:<24}{len(own):>6}{end - begin:>9.1f} s, {begin - until:.1f} s after the one before")
        until = end
    print(f"{'from add to forecasts':<24}{len(runs):>6}{until - asked_at:>9.1f} s")


def main() -> None:
    """Add the tickers and wait for their forecasts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickers", type=int, default=50, help="how many are added at once")
    parser.add_argument("--bars", default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    given = parser.parse_args()
    bars, names = market(given.bars, given.tickers)
    last: dt.date = bars["session"].max()  # type: ignore[assignment]  # it is not empty
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # where processes of the machine meet
        bars.write_parquet(folder / "bars.parquet")
        with yahoo(folder / "bars.parquet", last, latency_s=0.05) as url:
            settings = Settings(
                warehouse=folder / "warehouse",
                source="yahoo",
                yahoo_base_url=url,
                yahoo_rate=RATE,
                cboe_vix="off",
                fixed_now=after_close(last),
            )
            fill_core(settings, last)
            world = World(settings)
            with serve(world, folder / "ui.log") as ui:
                asked_at = time.time()
                add(world, names)
                added_at = time.time()
                runs = wait_for_forecasts(ui, world.warehouse, names)
        held = world.warehouse.read(DAILY, names)
    print(f"{given.tickers} tickers, {held.height:,} forecasts by {', '.join(sorted(held['model'].unique()))}")
    show(runs, added_at, asked_at)
    if len(runs) != len(STAGES):
        raise SystemExit(f"{len(runs)} runs for {len(STAGES)} stages")


if __name__ == "__main__":
    main()
