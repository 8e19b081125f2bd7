"""How writes and reads fare when processes crowd on one warehouse and a shell holds its database open for writing.

Usage, in the checkout: ``python -m benchmarks.crowd [--rounds N]``. Three processes refresh (a source that restates
its history five times a second), two build features and train ridge, three read through Parquet and DuckDB. Prints
counts, what failed or was torn, and the seconds of each kind of deed; processes start outside these seconds.
"""

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl

from alpha_pipeline_tests.crowd_world import Deed, Size, held_open, make_ground, rush, unaccounted

WORDS = {"refresh": "write: refresh", "train": "write: train", "read": "read: Parquet", "query": "read: DuckDB"}


def show(deeds: list[Deed]) -> None:
    """Print one line per kind of deed."""
    frame = pl.DataFrame({"what": [d.what for d in deeds], "seconds": [d.seconds for d in deeds]})
    print(f"{'':<16}{'done':>7}{'wrong':>7}{'p50 s':>9}{'p99 s':>9}{'max s':>9}")
    for what, words in WORDS.items():
        seconds = frame.filter(pl.col("what") == what).get_column("seconds")
        wrong = sum(bool(deed.wrong) for deed in deeds if deed.what == what)
        figures = (seconds.quantile(q, "nearest") or 0.0 for q in (0.5, 0.99, 1.0))
        print(f"{words:<16}{len(seconds):>7}{wrong:>7}" + "".join(f"{value:>9.3f}" for value in figures))


def main() -> None:
    """Let the crowd in and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="how often each writer refreshes or trains")
    size = Size(rounds=parser.parse_args().rounds)
    with tempfile.TemporaryDirectory() as folder:
        ground = make_ground(Path(folder))
        begin = time.perf_counter()
        with held_open(ground.warehouse):
            deeds, published = rush(ground, size)
        wall = time.perf_counter() - begin
        show(deeds)
        print(f"{size.processes} processes, {wall:.1f} s with their start")
        print(f"versions stored and lost: {len(unaccounted(ground, deeds))}; views published meanwhile: {published}")
    for words in sorted({deed.wrong for deed in deeds if deed.wrong}):
        print(f"wrong: {words}")


if __name__ == "__main__":
    main()
