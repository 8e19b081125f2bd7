"""How a command ends: one line and an exit code for whatever a person, a system or a library did."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from alpha_pipeline import sessions
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.errors import DefectError
from alpha_pipeline.warehouse.market import MarketRecord, claim_market
from alpha_pipeline.warehouse.publication import keep_published
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline_tests.pipeline_world import ingest_all, signal_all
from alpha_pipeline_tests.test_cli import LAST, SimulatedSource, alpha, assert_refused, environment, on_disk

LINE = "Interrupted. What was finished is kept; the next run goes on from there."
ENDLESS = "select count(*) from range(100000000) a, range(1000000) b where a.range * b.range % 7 = 3"
# DuckDB hears no interruption within a row.
DEAF = "select list_sum(list_transform(range(2000000000), lambda x: x * 2 % 7))"


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse that holds one position."""
    warehouse = Warehouse(tmp_path_factory.mktemp("decided"))
    source = SimulatedSource(7)
    claim_market(warehouse, MarketRecord(source.kind, source.market))
    ingest_all(warehouse, source, ["QQQ"], LAST, sessions.offset(LAST, -10))
    signal_all(warehouse, [LAST])
    keep_published(warehouse, TABLES)
    return warehouse.root


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2016-01-30T12:00:00", "╭─"),
        ("2016-02-01T21:50:00", "1 session old: decided at the close of 2016-01-29, last close 2016-02-01."),
        ("2016-02-19T22:00:00", "14 sessions old: decided at the close of 2016-01-29"),
        ("2016-01-28T12:00:00", "Ahead of the clock: decided at the close of 2016-01-29"),
    ],
)
def test_the_first_line_of_today_says_how_old_the_position_is(decided: Path, now: str, first: str) -> None:
    outcome = alpha("today", "--warehouse", decided, ALPHA_NOW=now)
    assert outcome.code == 0
    assert outcome.out.splitlines()[0].startswith(first)


@pytest.mark.parametrize(
    "command", ["run", "refresh", "tickers add SPY", "tickers remove PLTR", "doctor --mend", "train"]
)
def test_where_nothing_can_be_written_a_command_that_writes_says_so_in_a_line(
    decided: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(os, "access", lambda _, right: not right & os.W_OK)
    before = on_disk(decided)
    assert_refused(alpha(*command.split(), "--warehouse", decided), 1, f"{decided}: Permission denied", "chmod")
    assert on_disk(decided) == before


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("tickers.json", '{"followed": 3}', "tickers list"),
        ("tickers.json", "", "today"),
        ("market.json", '{"kind": "moon", "market": "x"}', "today"),
        ("market.json", "[" * 100_000, "sql x"),
        (".locks", None, "tickers add SPY"),
    ],
)
def test_damaged_state_is_a_line_that_names_it(
    tmp_path: Path, decided: Path, name: str, text: str, command: str
) -> None:
    held = tmp_path / "held"
    shutil.copytree(decided, held)
    shutil.rmtree(held / name) if (held / name).is_dir() else (held / name).unlink(missing_ok=True)
    (held / name).write_text(text or "")
    assert_refused(alpha(*command.split(), "--warehouse", held), 1, str(held / name))


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/held/x"), 1, "error: /held/x: No space left on device."),
        (PermissionError(errno.EACCES, "Permission denied", "/held/x"), 1, "error: /held/x: Permission denied."),
        (MemoryError(), 1, "error: there is not enough memory"),
        (KeyboardInterrupt(), 130, LINE),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, "whoever read standard output has gone"),
    ],
)
def test_whatever_is_raised_is_a_line(
    decided: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, words: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr("alpha_pipeline.steps.card.signal_card", fails)
    outcome = alpha("today", "--warehouse", decided)
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (code, "", 1), outcome
    assert words in outcome.err


def test_a_defect_keeps_its_traceback_also_out_of_a_step(decided: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("close")

    def in_a_step(*_: object, **__: object) -> None:
        raise DefectError("features: KeyError: 'close'", "Traceback of a step")

    monkeypatch.setattr("alpha_pipeline.steps.card.signal_card", broken)
    with pytest.raises(KeyError):
        alpha("today", "--warehouse", decided)
    monkeypatch.setattr("alpha_pipeline.steps.card.signal_card", in_a_step)
    outcome = alpha("today", "--warehouse", decided)
    assert outcome.err.splitlines() == ["Traceback of a step", "error: features: KeyError: 'close'"]


def started(*arguments: object) -> subprocess.Popen[str]:
    """`alpha` in a process and a session of its own, asked to be deaf to SIGINT as a script's background is."""
    deaf = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]
    command = [*deaf, sys.executable, "-m", "alpha_pipeline.cli", *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment(), text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(sign: str, process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until a file of that pattern is there."""
    end = time.monotonic() + 120
    while not any(folder.rglob(sign)):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.minutes(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("query", [ENDLESS, DEAF], ids=["endless", "deaf"])
def test_an_interrupted_query_leaves_a_line_and_nothing_else(decided: Path, number: signal.Signals, query: str) -> None:
    before = on_disk(decided)
    process = started("sql", query, "--warehouse", decided)
    wait_for(".pinned*/lock", process, decided)
    time.sleep(1)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.splitlines()) == (130, "", [LINE])
    assert on_disk(decided) == before
    assert [*decided.glob(".pinned*")] == []


@pytest.mark.slow
@pytest.mark.minutes(2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_interrupted_in_a_step_is_no_failure_and_no_alert(tmp_path: Path, number: signal.Signals) -> None:
    process = started("run", "--warehouse", tmp_path / "new", "--experiments", "ridge")
    wait_for("tables/raw/bars/*.parquet", process, tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.splitlines()[-1] == LINE
    assert "failed" not in err
    assert "Traceback" not in err
    assert not (tmp_path / "new" / "alerts").exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "code", "said"),
    [
        (">&-", 2, "standard output is closed"),
        ("> /dev/full", 1, "standard output: No space left on device"),
        ("2>&- > /dev/null", 0, ""),
        ("| true", 1, "whoever read standard output has gone"),
    ],
)
def test_an_output_that_takes_nothing_is_a_line(decided: Path, redirection: str, code: int, said: str) -> None:
    query = f"{sys.executable} -m alpha_pipeline.cli sql 'select * from range(100000)' --format csv"
    script = f"set -o pipefail; {query} --warehouse {decided} {redirection}"
    done = subprocess.run(["bash", "-c", script], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == (1 if said else 0), done.stderr
    assert said in done.stderr


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A place on which something may be mounted, and is taken down again."""
    place = tmp_path / "mounted"
    place.mkdir()
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def mount(*arguments: object) -> None:
    """Mount, or skip where that is not for this user."""
    done = subprocess.run(["mount", *map(str, arguments)], check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


@pytest.mark.slow
def test_a_read_only_warehouse_is_read_and_whoever_writes_says_so(tmp_path: Path, decided: Path, mounted: Path) -> None:
    mount("-o", "bind", decided, mounted)
    mount("-o", "remount,bind,ro", mounted)
    where = ("--warehouse", mounted)
    before = on_disk(decided)
    assert alpha("today", *where).code == 0
    assert alpha("sql", "select count(*) from raw.bars", *where).code == 0
    assert alpha("report", "--out", tmp_path / "page.html", *where).code == 0
    assert alpha("tickers", "list", *where).code == 0
    for command in ("report", "run", "refresh", "tickers add SPY", "tickers remove PLTR", "doctor --mend", "train"):
        assert_refused(alpha(*command.split(), *where), 1, str(mounted), "Read-only file system", "`today`, `sql`")
    seen = alpha("doctor", *where)
    assert (seen.code, seen.err) == (1, "")
    assert "the file system is mounted read-only" in seen.out
    assert on_disk(decided) == before


@pytest.mark.slow
@pytest.mark.parametrize("limit", ["size=2m", "nr_inodes=200"])
def test_a_full_disk_is_a_line_whoever_meets_it(decided: Path, mounted: Path, limit: str) -> None:
    mount("-t", "tmpfs", "-o", limit, "tmpfs", mounted)
    held = mounted / "held"
    held.mkdir()
    shutil.copytree(decided / "tables" / "signals", held / "tables" / "signals")
    shutil.copy(decided / "market.json", held)
    number = 0
    try:
        while True:  # until no byte, or no file, is left
            (mounted / f"fill{number}").write_bytes(b"x" * (65_536 if "size" in limit else 0))
            number += 1
    except OSError:
        pass
    assert alpha("today", "--warehouse", held).code == 0
    for command in ("tickers add SPY", "report"):
        assert_refused(alpha(*command.split(), "--warehouse", held), 1, str(held), "No space left on device")
    for command in ("run", "refresh"):
        outcome = alpha(*command.split(), "--warehouse", held)
        assert outcome.code == 1
        assert "Traceback" not in outcome.err
        last = outcome.err.splitlines()[-1]
        assert last.startswith(f"error: {held}"), outcome.err
        assert "room" in last
    seen = alpha("doctor", "--warehouse", held)
    assert (seen.code, seen.err) == (1, "")
    assert "free" in seen.out or "more files" in seen.out
