"""Progress as it is shown: in a terminal of some width, and in a file."""

import io
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from alpha_pipeline.reports.headway import Ended, Headway
from alpha_pipeline.reports.progress_display import LogDisplay, TerminalDisplay, display
from alpha_pipeline.steps.progress import Progress, report
from alpha_pipeline.steps.watch import shown

# One stage that counts, one that says nothing for longer than a silence may last, and something printed between.
WORK = """
import os, sys, time
from rich.console import Console
from alpha_pipeline.steps.progress import Progress, Stage, announce, report
from alpha_pipeline.steps.watch import shown

with shown(Console(stderr=True), longest_silence_s=0.2) as where:
    announce((Stage("training matrix_transformer", 1350, "folds", 0.0005), Stage("one long fit", 1, "", 1.0)))
    for done in range(0, 1351, 135):
        report(Progress("training matrix_transformer", done, 1350, "NVDA fold 9, loss 1.2345, 15,597 samples/s"))
        time.sleep(0.06)
    report(Progress("training matrix_transformer", 0, 0, is_over=True))
    with where.paused():
        print("the card", flush=True)
    report(Progress("one long fit", 0, 0))
    held, elsewhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(elsewhere, 2)  # as Dagster does while a step runs
    time.sleep(1.0)
    report(Progress("one long fit", 0, 0, "failed", is_over=True))
    os.dup2(held, 2)
"""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(**given: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}}
    return inherited | {"TERM": "xterm-256color"} | given


def into_a_file(path: Path, **given: str) -> str:
    """What the work writes into a file that both of its streams go to."""
    with path.open("w") as file:
        command = [sys.executable, "-c", WORK]
        subprocess.run(command, env=environment(**given), stdout=file, stderr=file, check=True, timeout=60)
    return path.read_text()


def in_a_terminal(**given: str) -> str:
    """What the work writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", WORK], env=environment(**given), stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        said = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            said += chunk
        os.close(ours)
    assert process.returncode == 0
    return said.decode()


@pytest.mark.parametrize("given", [{}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}, {"COLUMNS": "60"}])
def test_a_file_gets_plain_lines_also_while_nothing_is_reported(tmp_path: Path, given: dict[str, str]) -> None:
    lines = into_a_file(tmp_path / "log", **given).splitlines()
    assert not [line for line in lines if set(line) & {"\x1b", "\r", "\b"}]
    assert max(map(len, lines)) <= int(given.get("COLUMNS", 80))
    said = [re.sub(r"^\d:\d\d:\d\d ", "", line) for line in lines]
    assert "matrix_transformer · " in said[0]
    assert re.fullmatch(
        r"training matrix_transformer: 1,350 folds in \d\.\d s", said[-len(said) :][said.index("the card") - 1]
    )
    silent = [line for line in said if line.startswith("one long fit · ")]
    assert len(silent) >= 4  # at its beginning, and every 0.2 of its 1.0 seconds
    assert all(line.endswith(" left") for line in silent)
    assert re.fullmatch(r"one long fit: failed after 1\.\d s", said[-1])


def test_a_terminal_that_cannot_move_its_cursor_is_a_log() -> None:
    assert "\x1b" not in in_a_terminal(TERM="dumb", COLUMNS="80")


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_terminal_shows_one_line_that_is_neither_cut_nor_wrapped(columns: int) -> None:
    said = in_a_terminal(COLUMNS=str(columns), LINES="24")
    drawn = [ESCAPE.sub("", line).strip("\r") for line in re.split(r"[\r\n]+", said)]
    assert max(map(len, drawn)) <= columns
    assert not [line for line in drawn if "…" in line or "..." in line]
    assert sum("one long fit · " in line for line in drawn) >= 3  # drawn on while standard error is elsewhere
    feet = [line for line in drawn if line.rstrip().endswith("left") or " left · " in line]
    assert any("matrix_transformer" in line and " % · " in line for line in feet)
    assert any("1,350 folds" in line for line in feet) == (columns >= 80)
    assert any("15,597 samples/s" in line for line in feet) == (columns >= 200)
    assert drawn.count("the card") == 1
    stays = (
        r"training matrix_transformer: 1,350 folds in \d\.\d s"
        if columns > 50
        else r"training matrix_transformer: \d\.\d s"
    )
    assert any(re.fullmatch(stays, line.strip()) for line in drawn)
    assert any(re.fullmatch(r"one long fit: failed after \d\.\d s", line.strip()) for line in drawn)
    assert said.endswith("\x1b[1A\x1b[2K")  # the foot is gone at the end


def ended(threads: int) -> bool:
    """Whether no more threads are left than there were; rich's own looks four times a second whether it is over."""
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.05)
    return threading.active_count() == threads


def test_without_colour_a_terminal_gets_none() -> None:
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert not coloured.search(in_a_terminal(COLUMNS="80", NO_COLOR="1"))


def test_what_a_stream_is_decides_and_not_what_it_is_hoped_to_be() -> None:
    file = Console(file=io.StringIO(), force_terminal=True)
    assert isinstance(display(file, Headway, 30.0), LogDisplay)


def test_no_thread_is_left_and_a_closed_stream_stops_nobody() -> None:
    before = threading.active_count()
    stream = io.StringIO()
    with LogDisplay(Console(file=stream), lambda: Headway("fit"), 0.01) as where:
        time.sleep(0.05)
        assert stream.getvalue().count("fit") >= 2
        stream.close()
        where.ended(Ended("unheard", 0, "", 1.0))
        time.sleep(0.05)
    assert threading.active_count() == before


def test_a_notice_stands_in_a_line_of_its_own() -> None:
    stream = io.StringIO()
    with shown(Console(file=stream), longest_silence_s=30.0):
        report(Progress("bars", 0, 3))
        report(Progress("bars", 1, 3, "X", notice="Yahoo refuses, and is asked again at 10:00:00."))
    assert stream.getvalue().splitlines()[-1] == "0:00:00 Yahoo refuses, and is asked again at 10:00:00."


def test_a_thread_ends_also_when_the_work_fails() -> None:
    before = threading.active_count()
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80)
    for where in (
        LogDisplay(terminal, lambda: Headway("fit"), 30.0),
        TerminalDisplay(terminal, lambda: Headway("fit")),
    ):
        with pytest.raises(KeyboardInterrupt), where:
            raise KeyboardInterrupt
        assert ended(before)
