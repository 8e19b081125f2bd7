"""How much of a planted signal every experiment finds, in several simulated markets.

In each market a reversal with an information coefficient of .10 is planted; models learn from ten years of bars with
the profile `quick` and are judged on the three that follow, at horizon 1. The share is the correlation of a model's
forecast with the oracle's, which is the part of the oracle's information coefficient that the model can expect.

Usage, in the checkout: ``python -W ignore -m benchmarks.planted [--markets 3] [--tickers QQQ,NVDA]``.
"""

import argparse
import tempfile
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from alpha_pipeline_tests.planted_world import TICKERS, found

PLANTED_IC = 0.10
FIRST_MARKET = 7
CONSOLE = Console(width=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=3, help="how many, each from its own seed")
    parser.add_argument("--tickers", default=",".join(TICKERS), help="of models of one ticker")
    asked = parser.parse_args()
    markets = []
    for seed in range(FIRST_MARKET, FIRST_MARKET + asked.markets):
        with tempfile.TemporaryDirectory() as folder, CONSOLE.status(f"market {seed}"):
            markets.append(found(Path(folder, "w"), PLANTED_IC, seed=seed, tickers=asked.tickers.split(",")))
    figures = pl.concat(markets).group_by("model", maintain_order=True)
    table = Table("experiment", "IC", "the oracle's IC", "share", "least share", title=f"{asked.markets} markets")
    for row in figures.agg(pl.col("value", "best", "share").mean(), least=pl.col("share").min()).iter_rows():
        table.add_row(row[0], *(f"{value:.3f}" for value in row[1:]))
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
