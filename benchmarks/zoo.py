"""What every experiment costs: wall time, peak memory, windows trained a second.

Usage, in the checkout: ``python -W ignore -m benchmarks.zoo [--bars FILE.parquet] [--experiments a,b]``. Builds a
warehouse of the bars (the file named by ALPHA_REAL_BARS without ``--bars``), then trains each experiment from nothing
on its core tickers, a shared model on all of its own, with the profile `quick`: each in a process of its own, with as
many workers as there are cores. Memory is the largest resident set of that process plus, for each worker, the largest
of any: an upper bound. `standard` and `full` are estimated: the windows that their folds train, at the windows a second
just measured.
"""

import argparse
import datetime as dt
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import polars as pl

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.settings import PROFILES, Profile
from alpha_pipeline.sources.files.source import FilesSource
from alpha_pipeline.steps import features
from alpha_pipeline.steps.rounds import ingest_tickers
from alpha_pipeline.steps.training import courses, train_experiment
from alpha_pipeline.training.trainer import Chain
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.pipeline_world import after_close


@dataclass(frozen=True)
class Cost:
    """What one training cost.

    Attributes:
        tickers: trained.
        folds: trained, over all tickers.
        seconds: wall.
        mib: peak resident memory of all its processes, an upper bound.
        windows: trained on, passes counted.
        epochs: mean passes of a fold that starts afresh, and of one that starts warm (the same where there is none).
    """

    tickers: int
    folds: int
    seconds: float
    mib: float
    windows: int
    epochs: tuple[float, float]


def tickers_of(experiment: Experiment) -> list[str]:
    """Those it is trained on here."""
    return [ticker for ticker in experiment.tickers if is_shared(experiment.architecture) or ticker in CORE]


def fill(warehouse: Warehouse, bars: Path, last: dt.date, experiments: Sequence[Experiment]) -> None:
    """Bars, features and targets of the core, and of what the experiments are trained on."""
    tickers = list(dict.fromkeys([*CORE, *(ticker for one in experiments for ticker in tickers_of(one))]))
    done = ingest_tickers(warehouse, FilesSource(bars), tickers, through=last, now=after_close(last))
    wrong = [f"{ticker}: {said}" for ticker, said in done if isinstance(said, Exception)]
    if wrong:
        raise SystemExit("; ".join(wrong))
    for build in (
        features.build_technical,
        features.build_price_action,
        features.build_market_context,
        features.build_volatility,
        features.build_sector_context,
        features.build_targets,
    ):
        build(warehouse, tickers)


def cost(root: Path, name: str) -> Cost:
    """Train one experiment; runs in a process of its own."""
    experiment = load_experiments()[name]
    own = tickers_of(experiment)
    begin = time.perf_counter()
    result = train_experiment(
        Warehouse(root), experiment, own, PROFILES["quick"], device="auto", progress=lambda _: None
    )
    seconds = time.perf_counter() - begin
    if result.failures:
        raise SystemExit(f"{name}: {result.failures}")
    cards = [artifact.card for artifact in result.artifacts]
    peak = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    mine, child = peak
    fresh = [card.epochs for card in cards if card.parent_id is None]
    warm = [card.epochs for card in cards if card.parent_id is not None] or fresh
    return Cost(
        tickers=len({ticker for card in cards for ticker in card.tickers or (card.ticker,)}),
        folds=len(cards),
        seconds=seconds,
        mib=mine + child * (os.cpu_count() or 1),
        windows=sum(card.n_training * max(card.epochs, 1) for card in cards),
        epochs=(sum(fresh) / len(fresh), sum(warm) / len(warm)),
    )


def estimate(warehouse: Warehouse, experiment: Experiment, profile: Profile, measured: Cost) -> float:
    """Hours that a profile would take at the speed measured."""
    own = tickers_of(experiment)
    windows = sum(_windows(chain, measured) for chain in courses(warehouse, experiment, own, profile).chains)
    return windows / (measured.windows / measured.seconds) / 3600


def _windows(chain: Chain, measured: Cost) -> float:
    total, is_first = 0.0, True
    for fold in chain.folds:
        try:
            data = chain.data(fold)
        except NotEnoughDataError:
            continue
        total += len(data.train_rows) * max(measured.epochs[0 if is_first else 1], 1)
        is_first = False
    return total


def measure(root: Path, names: Sequence[str]) -> None:
    """Train each and print a row of a Markdown table."""
    warehouse = Warehouse(root)
    print("| experiment | tickers | folds | wall s | peak MiB | windows/s | `standard`, about h | `full`, about h |")
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        with ProcessPoolExecutor(1, get_context("spawn")) as alone:
            found = alone.submit(cost, root, name).result()
        hours = [
            estimate(warehouse, load_experiments()[name], PROFILES[profile], found) for profile in ("standard", "full")
        ]
        print(
            f"| `{name}` | {found.tickers} | {found.folds} | {found.seconds:.1f} | {found.mib:.0f} "
            f"| {found.windows / found.seconds:,.0f} | {hours[0]:.2f} | {hours[1]:.2f} |",
            flush=True,
        )


def main() -> None:
    """Build the warehouse and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=Path, default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    parser.add_argument("--experiments", default=",".join(load_experiments()), help="comma-separated")
    given = parser.parse_args()
    if given.bars is None:
        raise SystemExit("name a file of bars with --bars or ALPHA_REAL_BARS")
    last = pl.scan_parquet(given.bars).select(pl.col("^date|session$").max()).collect().item()
    with tempfile.TemporaryDirectory() as name:
        root, names = Path(name), given.experiments.split(",")
        known = load_experiments()
        fill(Warehouse(root), Path(given.bars), last, [known[name] for name in names])
        measure(root, names)


if __name__ == "__main__":
    main()
