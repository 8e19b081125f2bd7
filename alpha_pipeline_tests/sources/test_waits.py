"""How long a refresh waits, and what a person hears meanwhile, where a server refuses, hangs, drips or is not there."""

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from alpha_pipeline.errors import AlphaError, CoolingError
from alpha_pipeline.sources import waits
from alpha_pipeline.sources.pace import Pace
from alpha_pipeline.sources.waits import GaveUpError, Waits
from alpha_pipeline.sources.yahoo import YahooSource
from alpha_pipeline.steps.outcomes import IngestReport, Outcome
from alpha_pipeline.steps.rounds import refresh_tickers
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.loopback.world import forget
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo, trades
from alpha_pipeline_tests.pipeline_world import after_close

START, LAST = dt.date(2024, 3, 4), dt.date(2024, 3, 15)
NAMES = ["AAA", "BBB", "CCC"]


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "machine"))
    monkeypatch.setattr(waits, "FIRST_WORD_S", 0.3)
    yield
    forget(NAMES)


def refreshed(
    folder: Path, url: str, patience_s: float, rate: float = 50, wait_s: float = 0.1
) -> tuple[dict[str, Outcome], list[str], float]:
    """(what became of each ticker, what was told, the seconds it took)."""
    now, told = after_close(LAST), list[str]()
    source = YahooSource(url, now=lambda: now, pace=Pace(folder / "pace", rate), timeout_s=1.0, patience_s=patience_s)
    begun = time.monotonic()
    outcomes = dict(
        refresh_tickers(
            Warehouse(folder / "warehouse"),
            source,
            NAMES,
            since=START,
            through=LAST,
            now=now,
            wait_s=wait_s,
            tell=told.append,
        )
    )
    return outcomes, told, time.monotonic() - begun


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does to each connection what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                with suppress(TimeoutError):
                    connection, _ = server.accept()
                    held.append(connection)
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        held = list[socket.socket]()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        is_over.set()
        thread.join()
        for connection in held:
            connection.close()


def dripping(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)


def garbling(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.sendall(b"\x16\x03\x01\x1b[31m nonsense\r\n\r\n")
        connection.close()


def assert_given_up(outcomes: dict[str, Outcome], took: float) -> None:
    assert all(isinstance(one, AlphaError) for one in outcomes.values())
    assert all(str(one).isprintable() for one in outcomes.values())
    assert took < 5.0


@pytest.mark.parametrize("answer", [lambda _: None, dripping], ids=["hangs", "drips"])
def test_a_server_that_never_ends_an_answer(tmp_path: Path, answer: Callable[[socket.socket], None]) -> None:
    with listening(answer) as url:
        outcomes, told, took = refreshed(tmp_path, url, patience_s=2.0)
    assert_given_up(outcomes, took)
    assert any(isinstance(one, GaveUpError) for one in outcomes.values())
    assert told[0].startswith("Yahoo (127.0.0.1) has not answered yet (")
    assert "s longer at the most" in told[0]
    assert "The next run asks" in told[-1]


def test_a_server_that_talks_nonsense(tmp_path: Path) -> None:
    with listening(garbling) as url:
        outcomes, _, took = refreshed(tmp_path, url.replace("http:", "https:"), patience_s=1.0)
    assert_given_up(outcomes, took)


def test_nobody_is_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    outcomes, _, took = refreshed(tmp_path, url, patience_s=1.0, rate=200)
    assert_given_up(outcomes, took)
    assert "Connection" in str(outcomes["AAA"]) or isinstance(outcomes["AAA"], GaveUpError)


@pytest.mark.parametrize("retry_after", [None, "90"])
def test_a_server_that_refuses_everybody(tmp_path: Path, retry_after: str | None) -> None:
    with LoopbackYahoo(after_close(LAST)) as server:
        server.refuse(429, times=10**6)
        if retry_after:
            server.headers["Retry-After"] = retry_after
        outcomes, told, took = refreshed(tmp_path, server.url, patience_s=2.0, rate=30, wait_s=0.5)
    assert_given_up(outcomes, took)
    assert all(isinstance(one, CoolingError | GaveUpError) for one in outcomes.values())
    assert any("The next run asks from " in words for words in told) or took < 2.5
    if retry_after:
        assert "nothing is asked for another" in str(outcomes["CCC"])


def test_one_ticker_whose_server_hangs_stops_no_other(tmp_path: Path) -> None:
    with LoopbackYahoo(after_close(LAST)) as server:
        server.listings |= {name: Listing(trades(START, LAST)) for name in NAMES}
        server.hang(30.0, times=10**6, ticker="AAA")
        outcomes, told, took = refreshed(tmp_path, server.url, patience_s=2.5)
    assert isinstance(outcomes["AAA"], AlphaError)
    assert isinstance(outcomes["BBB"], IngestReport)
    assert isinstance(outcomes["CCC"], IngestReport)
    assert took < 5.0
    assert "AAA" in told[0]


def test_time_that_ended_in_an_answer_is_not_in_vain() -> None:
    now = [0.0]
    waited = Waits("X", 10.0, lambda: now[0])
    for _ in range(5):
        with waited.asking("AAA"):
            now[0] += 9.0
            waited.answered()
    assert waited.left() == 10.0
    with waited.asking("AAA"):
        now[0] += 6.0
        assert waited.left() == 4.0
    with waited.asking("AAA"):
        now[0] += 6.0
    with pytest.raises(GaveUpError, match=r"X is not asked any more: 10 s were waited in vain"):
        waited.require_patience()
    waited.begin()
    waited.require_patience()
