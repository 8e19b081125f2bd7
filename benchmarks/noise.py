"""How often the evaluation finds skill where there is none, and where there is a known one.

Three parts, each a share of runs in which the information coefficient is above 0 at 5 % (one-sided: the 90 % interval
of the bootstrap lies above 0):

* the pipeline on noise: the sessions of the bars given in blocks of about a month, shuffled, each ticker's mean return
  taken out, and each session turned upside down or not by a coin, all tickers together. Volatility, tails and the
  correlation of tickers stay, and nothing in the past says which way a session goes. Blocks are used once: drawn again
  and again, a model learns them by heart; and without the coin what is regular within a month stays. Features,
  walk-forward ridge, forecasts and scores are the package's own. 5 % is right;
* forecasts without skill on that noise, straight into the evaluation: many cheap runs, so a sharper figure;
* forecasts of a planted skill, beside the power that theory gives: ``Phi(ic sqrt(n) - 1.645)`` for one ticker and n
  sessions of independent returns.

Usage, in the checkout: ``python -W ignore -m benchmarks.noise [--bars FILE.parquet] [--runs 200]``. Without bars (nor
ALPHA_REAL_BARS) the blocks are those of the simulated market.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.evaluation import linearised
from alpha_pipeline.evaluation.bootstrap import interval_of
from alpha_pipeline.evaluation.outcomes import beside_outcomes, in_own_unit
from alpha_pipeline.features.adjust import adjusted
from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps import features
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline_tests.pipeline_world import FrameSource, after_close, forecast_all, ingest_all

Array = NDArray[np.float64]
TICKERS: Final = ("QQQ", "XLE")
MEAN_BLOCK: Final = 20  # sessions
ONE_SIDED: Final = 0.90  # level of the interval whose lower end is a test at 5 %
SKILLS: Final = (0.02, 0.04, 0.06, 0.08)
N: Final = 2_385  # sessions: 2016 to mid-2025
PRICES: Final = ("open", "high", "low", "close")


def moves(bars: pl.DataFrame) -> tuple[list[object], Array, Array]:
    """What each session did: (sessions, log moves (S, N, 4) from the close before, volumes (S, N)).

    The close-to-close mean of each ticker is taken out of all four prices.
    """
    rows = adjusted(bars.filter(pl.col("ticker").is_in(TICKERS))).sort("session", "ticker")
    whole = rows.group_by("session").len().filter(pl.col("len") == len(TICKERS))["session"]
    rows = rows.filter(pl.col("session").is_in(whole.implode()))
    shape = (len(whole), len(TICKERS))
    logs = np.stack([np.log(rows[name].to_numpy()).reshape(shape) for name in PRICES], axis=-1)  # (S, N, 4)
    steps = logs[1:] - logs[:-1, :, 3:]
    steps -= steps[..., 3:].mean(axis=0)
    return rows["session"].unique().sort().to_list()[1:], steps, rows["volume"].to_numpy().reshape(shape)[1:]


def noise(days: list[object], steps: Array, volumes: Array, seed: int) -> dict[str, pl.DataFrame]:
    """Bars of every ticker: the sessions in shuffled blocks, each turned upside down or not."""
    rng = np.random.default_rng(seed)
    cuts = np.flatnonzero(rng.random(len(days)) < 1 / MEAN_BLOCK)
    blocks = np.split(np.arange(len(days)), cuts)
    drawn = np.concatenate([blocks[place] for place in rng.permutation(len(blocks))])
    is_down = rng.random(len(days)) < 0.5
    own = steps[drawn]  # (S, N, 4)
    # Upside down the low becomes the high.
    own = np.where(is_down[:, None, None], -own[..., [0, 2, 1, 3]], own)
    closes = np.cumsum(own[..., 3], axis=0)  # (S, N)
    before = np.vstack([np.zeros((1, len(TICKERS))), closes[:-1]])
    prices = 100 * np.exp(before[..., None] + own)  # (S, N, 4)
    return {
        ticker: pl.DataFrame(
            {
                "ticker": ticker,
                "session": days,
                **{name: prices[:, column, place] for place, name in enumerate(PRICES)},
                "adj_close": prices[:, column, 3],
                "volume": volumes[drawn, column],
            }
        )
        for column, ticker in enumerate(sorted(TICKERS))
    }


def found(expected: Array, realised: Array, days: pl.Series) -> bool:
    """Whether the information coefficient is above 0 at 5 %, one-sided."""
    return interval_of(linearised.correlation(expected, realised), days, ONE_SIDED).low > 0


def through_the_pipeline(bars: Path | None, seed: int) -> bool:
    """Whether ridge on technical features shows skill in one noise market."""
    ridge = load_experiments()["ridge"].model_copy(
        update={"inputs": FeatureInputs(kind="features", sets=("technical",)), "tickers": TICKERS}
    )
    market = noise(*moves(_bars(bars)), seed)
    last = market["QQQ"]["session"].max()
    with tempfile.TemporaryDirectory() as name:
        warehouse = Warehouse(Path(name))
        ingest_all(warehouse, FrameSource(market), TICKERS, last)
        features.build_technical(warehouse, TICKERS)
        features.build_targets(warehouse, TICKERS)
        forecast_all(warehouse, [ridge], TICKERS, after_close(last))
        scored = beside_outcomes(warehouse.read(DAILY).filter(horizon=1), warehouse.read(FORWARD))
    pooled = in_own_unit(scored).sort("session", maintain_order=True)
    return found(pooled["expected"].to_numpy(), pooled["realised"].to_numpy(), pooled["session"])


def straight(returns: Array, skill: float, seed: int) -> bool:
    """Whether forecasts of a known skill show it on `N` sessions of QQQ's noise."""
    rng = np.random.default_rng(seed)
    start = rng.integers(len(returns) - N)
    realised = returns[start : start + N]
    unit = (realised - realised.mean()) / realised.std()
    expected = skill * unit + np.sqrt(1 - skill**2) * rng.normal(size=N)
    days = pl.Series(calendar.all_sessions()[:N])
    return found(expected, realised, days)


def _bars(path: Path | None) -> pl.DataFrame:
    if path is None:
        return pl.concat(simulate(7, 0.0, tickers=TICKERS).bars.values())
    held = pl.scan_parquet(path).filter(pl.col("ticker").is_in(TICKERS)).collect()
    return held.rename({"date": "session"}) if "date" in held.columns else held


def share(run: Callable[[int], bool], runs: int, pool: ProcessPoolExecutor) -> tuple[int, str]:
    """How many of the runs found something, and the 95 % interval of their share."""
    hits = sum(pool.map(run, range(runs), chunksize=max(1, runs // 50)))
    ends = binomtest(hits, runs).proportion_ci()
    return hits, f"{hits / runs:.1%} [{ends.low:.1%}, {ends.high:.1%}]"


def main() -> None:
    """Run and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", type=Path, default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    parser.add_argument("--runs", type=int, default=200, help="noise markets through the whole pipeline")
    parser.add_argument("--cheap-runs", type=int, default=2_000, help="runs of the evaluation alone, of each skill")
    given = parser.parse_args()
    bars = Path(given.bars) if given.bars else None
    own = noise(*moves(_bars(bars)), seed=0)["QQQ"]["close"].log().diff().drop_nulls().to_numpy()
    rows: Mapping[str, tuple[Callable[[int], bool], int, float]] = {
        "noise through the pipeline, ridge": (partial(through_the_pipeline, bars), given.runs, 0.05),
        "forecasts without skill": (partial(straight, own, 0.0), given.cheap_runs, 0.05),
        **{
            f"planted IC {skill}": (
                partial(straight, own, skill),
                given.cheap_runs,
                float(norm.cdf(skill * np.sqrt(N) - norm.ppf(0.95))),
            )
            for skill in SKILLS
        },
    }
    print("| market | runs | found at 5 % | theory | seconds |")
    print("|---|---|---|---|---|")
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        for name, (run, runs, theory) in rows.items():
            begin = time.perf_counter()
            _, words = share(run, runs, pool)
            print(f"| {name} | {runs:,} | {words} | {theory:.1%} | {time.perf_counter() - begin:.0f} |", flush=True)


if __name__ == "__main__":
    main()
