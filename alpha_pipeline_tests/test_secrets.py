"""Canaries in every setting that can hold a secret: whatever fails, no output and no file of the warehouse sings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpha_pipeline_tests.loopback.faults import chart_error
from alpha_pipeline_tests.loopback_yahoo import Listing, LoopbackYahoo, trades
from alpha_pipeline_tests.pipeline_world import after_close
from alpha_pipeline_tests.sources.test_waits import LAST, START

CANARY = "canary5f3a9c71"
COMMANDS = (
    ("run",),
    ("tickers", "add", "ZZZ"),
    ("doctor",),
    ("alerts", "--test"),
)


@pytest.fixture
def server() -> Iterator[LoopbackYahoo]:
    """It answers about one ticker, and says the client's secrets back to whoever asks for another."""
    with LoopbackYahoo(after_close(LAST)) as server:
        server.listings["QQQ"] = Listing(trades(START, LAST))
        for name in ("SPY", "NVDA", "ZZZ"):
            server.refuse(500, 10**6, name, chart_error("x", f"\x1b[31mwho is u:{CANARY}pw@h, {CANARY}key?"))
        yield server


@pytest.mark.slow
@pytest.mark.minutes(1)
def test_no_canary_sings(server: LoopbackYahoo, tmp_path: Path) -> None:
    host = server.url.removeprefix("http://")
    environment = {
        **os.environ,
        "ALPHA_WAREHOUSE": str(tmp_path / "warehouse"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "ALPHA_SOURCE": "yahoo",
        "ALPHA_NOW": after_close(LAST).isoformat(),
        "ALPHA_YAHOO_BASE_URL": f"http://user:{CANARY}pw@{host}?token={CANARY}key",
        "ALPHA_YAHOO_RATE": "500",
        "ALPHA_YAHOO_PATIENCE": "2",
        "ALPHA_CBOE_VIX": f"http://user:{CANARY}vix@{host}/{CANARY}path/VIX.csv?key={CANARY}vixkey",
        "ALPHA_ALERTS": f"ntfy://user:{CANARY}ntfy@{host}/{CANARY}topic json://u:{CANARY}json@{host}/{CANARY}hook",
    }
    said = ""
    for command in COMMANDS:
        ran = subprocess.run(
            [sys.executable, "-m", "alpha_pipeline.cli", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        said += ran.stdout + ran.stderr
    assert "who is" in said  # it was said back
    assert "did not take the alert" in said or "ntfy" in said
    assert CANARY not in said
    assert "\x1b[31mwho" not in said
    singing = [
        str(path)
        for folder in ("warehouse", "cache")
        for path in (tmp_path / folder).rglob("*")
        if CANARY in str(path) or (path.is_file() and CANARY.encode() in path.read_bytes())
    ]
    assert singing == []
