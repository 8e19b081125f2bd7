"""`alpha ui` refuses a port that it cannot have, at once and in one line."""

import errno
import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from alpha_pipeline.defs import ui
from alpha_pipeline.errors import AlphaError
from alpha_pipeline_tests.defs.served import bare_environment

TAKEN: Final = "is in use by another program. Choose another: --port "


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens who never answers."""
    with socket.socket() as listener:
        listener.bind((ui.HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


class DagsterLike(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"dagster_webserver_version": "1.13"}' if self.path == "/server_info" else b"")

    def log_message(self, *_: object) -> None: ...


def test_a_free_port_is_not_refused() -> None:
    with socket.socket() as probe:
        probe.bind((ui.HOST, 0))
        port = probe.getsockname()[1]
    ui.require_free(port)
    ui.require_free(port)  # the look itself does not take it


def test_a_port_in_use_is_refused_with_one_that_is_free(taken: int) -> None:
    with pytest.raises(AlphaError, match=f"Port {taken} {TAKEN}") as refused:
        ui.require_free(taken)
    ui.require_free(int(str(refused.value).rpartition(" ")[2].rstrip(".")))


def test_a_port_that_is_taken_on_every_interface_is_refused() -> None:
    with socket.socket() as listener:
        listener.bind(("", 0))
        listener.listen()
        with pytest.raises(AlphaError, match="is in use"):
            ui.require_free(listener.getsockname()[1])


def test_another_web_ui_is_named() -> None:
    with http.server.ThreadingHTTPServer((ui.HOST, 0), DagsterLike) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        with pytest.raises(AlphaError, match=rf"by a Dagster web UI \(http://127\.0\.0\.1:{port}\)"):
            ui.require_free(port)
        server.shutdown()


def test_a_port_of_roots_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: socket.socket, __: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(AlphaError, match=r"Port 80 cannot be had: Permission denied\. .*--port 3000"):
        ui.require_free(80)


def alpha_ui(port: object, folder: Path) -> "subprocess.CompletedProcess[str]":
    alpha = str(Path(sys.executable).with_name("alpha"))
    return subprocess.run(
        [alpha, "ui", "--port", str(port)],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_windows_waits_for_the_program_that_it_cannot_become(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ui.subprocess, "call", len)  # stands for the exit code
    with pytest.raises(SystemExit) as ended:
        ui.serve(tmp_path, 3000)
    assert ended.value.code == len(["python", "-m", "dagster", "dev", "-w", "WORKSPACE", "-h", "HOST", "-p", "3000"])


def test_the_command_ends_with_one_line_and_leaves_nothing(taken: int, tmp_path: Path) -> None:
    ended = alpha_ui(taken, tmp_path)
    assert ended.returncode == 1
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert line.startswith(f"error: Port {taken} {TAKEN}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", [0, -1, 65_536, "web"])
def test_a_port_that_cannot_be_is_wrong_usage(port: object, tmp_path: Path) -> None:
    ended = alpha_ui(port, tmp_path)
    assert ended.returncode == 2
    assert "--port" in ended.stderr
    assert list(tmp_path.iterdir()) == []
