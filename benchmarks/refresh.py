"""What a daily refresh of the universe costs, and whose time it is: ours or the network's.

Usage, in the checkout: ``python -m benchmarks.refresh [--bars FILE.parquet] [--latency S] [--profile]``. A loopback
Yahoo in a process of its own answers each request after 50 ms. First whole histories from 2010 are fetched, then one
more evening is; each in a fresh process, as a schedule does it, once by us and once by the usual loop: `yf.download` of
the whole history of each ticker, and a Parquet file. Without ``--bars`` it takes the file named by ALPHA_REAL_BARS, or
random walks. ``--profile`` prints where the time of our evening goes instead, ticker after ticker in one thread.

The network's time is that of the requests, in which the server counts too. Ours is the CPU of our process, all threads:
yfinance and pandas in a fetch, judging and writing outside it.
"""

import argparse
import cProfile
import datetime as dt
import os
import pstats
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import polars as pl
import yfinance as yf
from curl_cffi.requests import Response, Session

from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.base import Answer
from alpha_pipeline.sources.registry import make_source
from alpha_pipeline.sources.simulation.instruments import HORIZON_FIRST
from alpha_pipeline.sources.yahoo import YahooSource
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.outcomes import IngestReport
from alpha_pipeline.steps.rounds import ingest_tickers
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import followed
from alpha_pipeline_tests.pipeline_world import after_close
from benchmarks.feature_build import load, random_panel

CHECKOUT = Path(__file__).parents[1]
RATE = 1000.0
DEFAULT_RATE = Settings().yahoo_rate
PROFILE_LINES = 25


@dataclass
class Spent:
    """What one refresh took.

    Attributes:
        wall: seconds.
        cpu: seconds of this process, all threads.
        cpu_of_fetches: the part of it inside fetches.
        requests: begin and end of each.
    """

    wall: float = 0.0
    cpu: float = 0.0
    cpu_of_fetches: float = 0.0
    requests: list[tuple[float, float]] = field(default_factory=list)

    @property
    def waited(self) -> float:
        """Seconds of all requests together."""
        return sum(end - begin for begin, end in self.requests)

    @property
    def waited_wall(self) -> float:
        """Seconds in which at least one request was under way."""
        total, until = 0.0, 0.0
        for begin, end in sorted(self.requests):
            total += max(0.0, end - max(begin, until))
            until = max(until, end)
        return total


@contextmanager
def measured() -> Iterator[Spent]:
    """Measure the block and its requests; one that would leave the machine is an error."""
    spent, request = Spent(), Session.request

    def timed(session: Session[Response], method: Any, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        if urlsplit(url).hostname != "127.0.0.1":
            raise RuntimeError(f"{url} is not on this machine")
        begin = time.perf_counter()
        try:
            return request(session, method, url, *args, **kwargs)
        finally:
            spent.requests.append((begin, time.perf_counter()))

    began, cpu = time.perf_counter(), time.process_time()
    with patch.object(Session, "request", timed):
        yield spent
    spent.wall, spent.cpu = time.perf_counter() - began, time.process_time() - cpu


class Meter:
    """A Yahoo source that notes the CPU time of its fetches."""

    def __init__(self, source: YahooSource, spent: Spent) -> None:
        self._source = source
        self._spent = spent

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever a source has
        return getattr(self._source, name)

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        """The source's answer."""
        begin = time.thread_time()
        try:
            return self._source.fetch(ticker, first, last)
        finally:
            self._spent.cpu_of_fetches += time.thread_time() - begin


def ours(url: str, folder: Path, session: dt.date) -> Spent:
    """Bring every followed ticker up to date; runs in a process of its own."""
    warehouse, source = Warehouse(folder / "warehouse"), source_at(url, folder, session)
    with measured() as spent:
        done = ingest_tickers(
            warehouse,
            Meter(source, spent),
            followed(warehouse),
            through=session,
            now=after_close(session),
        )
        wrong = {ticker: said for ticker, said in done if getattr(said, "status", "failed") != "complete"}
    assert not wrong, wrong
    return spent


def naive(url: str, folder: Path, session: dt.date) -> Spent:
    """The usual loop; runs in a process of its own."""
    (folder / "naive").mkdir(exist_ok=True)
    yf.set_tz_cache_location(str(folder / "naive" / "cache"))
    warnings.filterwarnings("ignore", module="yfinance")  # it warns on every call under pandas 3
    asked = _Elsewhere(url)
    with measured() as spent:
        for ticker in UNIVERSE:
            begin, end = time.thread_time(), session + dt.timedelta(days=1)
            frame = yf.download(ticker, start=HORIZON_FIRST, end=end, progress=False, threads=False, session=asked)
            spent.cpu_of_fetches += time.thread_time() - begin
            assert frame is not None
            assert len(frame), ticker
            frame.to_parquet(folder / "naive" / f"{ticker}.parquet")
    return spent


class _Elsewhere(Session[Response]):
    """A session that asks one server whatever the host."""

    def __init__(self, url: str) -> None:
        super().__init__(impersonate="chrome")
        self._base = urlsplit(url)

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - curl_cffi's
        return super().request(
            method, urlunsplit(urlsplit(url)._replace(scheme="http", netloc=self._base.netloc)), *args, **kwargs
        )


def profile(url: str, folder: Path, session: dt.date) -> Spent:
    """Print where the time of an evening goes; runs in a process of its own."""
    warehouse, source, now = Warehouse(folder / "warehouse"), source_at(url, folder, session), after_close(session)
    profiler = cProfile.Profile()
    with measured() as spent, profiler:
        for ticker in followed(warehouse):
            report: IngestReport = ingest_ticker(warehouse, source, ticker, through=session, now=now)
            assert report.status == "complete", report
    pstats.Stats(profiler).strip_dirs().sort_stats("cumulative").print_stats(PROFILE_LINES)
    return spent


def source_at(url: str, folder: Path, session: dt.date) -> YahooSource:
    """Yahoo on the evening of a session, from this process; what processes share is in the folder."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "ours")
    settings = Settings(source="yahoo", yahoo_base_url=url, yahoo_rate=RATE, fixed_now=after_close(session))
    source = make_source(settings)
    assert isinstance(source, YahooSource)
    return source


@contextmanager
def yahoo(bars: Path, session: dt.date, latency_s: float, port: int = 0) -> Iterator[str]:
    """The loopback Yahoo on the evening of a session, as a process; gives its URL."""
    options = ("--bars", bars, "--now", after_close(session).isoformat(), "--latency", latency_s, "--port", port)
    command = [sys.executable, "-m", "alpha_pipeline_tests.loopback_yahoo", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def universe_bars(path: str | None) -> pl.DataFrame:
    """The bars of the universe: of a file, or random walks under its names."""
    if path is not None:
        return load(path).filter(pl.col("ticker").is_in(UNIVERSE))
    walks = random_panel(len(UNIVERSE))
    names = sorted(walks["ticker"].unique())
    strangers = [name for name in names if name not in UNIVERSE]
    missing = [name for name in UNIVERSE if name not in names]
    return walks.with_columns(pl.col("ticker").replace(dict(zip(strangers, missing, strict=True))))


def show(name: str, spent: Spent) -> None:
    """Print one line: requests, seconds, and shares of the wall time."""
    alone = spent.wall - spent.waited_wall
    print(
        f"{name:<28}{len(spent.requests):>9}{spent.wall:>9.2f}{spent.waited:>11.2f}{spent.waited_wall:>11.2f}"
        f"{spent.cpu_of_fetches:>11.2f}{spent.cpu - spent.cpu_of_fetches:>11.2f}{alone / spent.wall:>9.0%}"
    )


def show_default_pace(name: str, spent: Spent) -> None:
    """Print what it comes to at the default pace, which hands out one slot after another."""
    wall = max(spent.wall, (len(spent.requests) - 1) / DEFAULT_RATE)
    print(
        f"{name} at the default {DEFAULT_RATE:g} requests a second (computed): {wall:.0f} s, "
        f"of which our CPU is {spent.cpu / wall:.0%}"
    )


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bars", default=os.environ.get("ALPHA_REAL_BARS"), help="Parquet file of bars")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that each answer takes")
    parser.add_argument("--profile", action="store_true", help="print a profile of our evening instead")
    given = parser.parse_args()
    bars = universe_bars(given.bars)
    days: Sequence[dt.date] = bars["session"].unique().sort()[-2:].to_list()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bars.write_parquet(folder / "bars.parquet")
        port, lines = 0, []
        for day in days:
            with yahoo(folder / "bars.parquet", day, given.latency, port) as url:
                port = urlsplit(url).port or 0
                for who in (profile,) if given.profile and day == days[-1] else (ours, naive):
                    with get_context("spawn").Pool(1) as pool:
                        label = f"{who.__name__}, {'whole histories' if day == days[0] else 'one more evening'}"
                        lines.append((label, pool.apply(partial(who, url, folder, day))))
    if given.profile:
        return
    print(f"{bars['ticker'].n_unique()} tickers, {bars.height:,} bars, {1000 * given.latency:g} ms a request")
    print(f"{'':<28}{'':>9}{'':>9}{'waiting s':>22}{'CPU s':>22}{'nothing':>9}")
    print(f"{'':<28}{'requests':>9}{'wall s':>9}{'sum':>11}{'wall':>11}{'fetching':>11}{'the rest':>11}{'asked':>9}")
    for label, spent in sorted(lines, key=lambda line: line[0], reverse=True):
        show(label, spent)
    for label, spent in lines:
        if label.startswith("ours"):
            show_default_pace(label, spent)


if __name__ == "__main__":
    main()
