"""`alpha ui` as a person runs it: a webserver, a daemon and a code server on the loopback interface."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from alpha_pipeline_tests.defs.world import World

PATIENCE: Final = 180.0  # seconds; a machine that runs other tests too starts Dagster slowly
T = TypeVar("T")
_DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
_LOADED = (
    "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename } } } } }"
)


@dataclass(frozen=True)
class Served:
    """A running web UI.

    Attributes:
        url: of the web UI.
        session: the leader of the processes' session.
        log: the file that holds what the processes print.
    """

    url: str
    session: int
    log: Path

    def ask(self, query: str, variables: Mapping[str, object] | None = None) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": dict(variables or {})}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            said = json.load(answer)
        assert "errors" not in said, said["errors"]
        data: dict[str, Any] = said["data"]
        return data

    def materialised(self, asset: str) -> set[str]:
        """The partitions of an asset that hold something, as the web UI counts them."""
        query = """query($key: AssetKeyInput!, $keys: [String!]) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            latestMaterializationByPartition(partitions: $keys) { partition } } } }"""
        found = self.ask(query, {"key": {"path": asset.split("/")}})["assetNodeOrError"]
        return {one["partition"] for one in found["latestMaterializationByPartition"] if one is not None}

    def holds(self, asset: str, partition: str) -> None:
        """Wait until a partition of an asset is materialised."""
        eventually(lambda: partition in self.materialised(asset), f"{asset} holds {partition}")

    def runs(self) -> list[dict[str, Any]]:
        """Every run: id, status and tags."""
        query = "{ runsOrError { ... on Runs { results { runId status jobName tags { key value } } } } }"
        results = self.ask(query)["runsOrError"]["results"]
        return [one | {"tags": {tag["key"]: tag["value"] for tag in one["tags"]}} for one in results]


def bare_environment() -> dict[str, str]:
    """The environment of this process without any setting of the package's or of Dagster's."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ALPHA_", "DAGSTER_"))}


def serve(world: World, log: Path) -> contextlib.AbstractContextManager[Served]:
    """Run `alpha ui` on a free port until the block ends; nothing of it survives."""
    alpha = str(Path(sys.executable).with_name("alpha"))
    return serving([alpha, "ui"], bare_environment() | world.environment, log)


@contextmanager
def serving(command: list[str], environment: dict[str, str], log: Path, folder: Path | None = None) -> Iterator[Served]:
    """Run a command that serves the web UI, on a free port, until the block ends; nothing of it survives.

    Args:
        command: without its port.
        environment: all of it.
        log: the file that takes what the processes print.
        folder: to run it in; this process's own when None.
    """
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env=environment,
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        served = Served(f"http://127.0.0.1:{port}", process.pid, log)
        eventually(lambda: _is_ready(served, process), f"{' '.join(command)} is ready, see {log}")
        yield served
    finally:
        _stop(process)


def eventually(look: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """What `look` returns once it is true.

    Raises:
        pytest.fail.Exception: it never was.
    """
    end = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            pytest.fail(f"after {patience:.0f} s still not: {what}")
        time.sleep(0.5)


def _is_ready(served: Served, process: "subprocess.Popen[bytes]") -> bool:
    if process.poll() is not None:
        pytest.fail(f"it ended with {process.returncode}:\n{served.log.read_text()[-3000:]}")
    try:
        entries = served.ask(_LOADED)["workspaceOrError"]["locationEntries"]
        daemons = served.ask(_DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    loaded = [entry["locationOrLoadError"]["__typename"] for entry in entries if entry["loadStatus"] == "LOADED"]
    assert "PythonError" not in loaded, served.log.read_text()[-3000:]
    return loaded == ["RepositoryLocation"] and all(d["healthy"] for d in daemons if d["required"])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the whole session of processes: asked first, then made to."""
    for sign, patience in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        end = time.monotonic() + patience
        while time.monotonic() < end and (process.poll() is None or survivors(process.pid)):
            time.sleep(0.2)
    for survivor in survivors(process.pid):  # one that made a group of its own
        os.kill(survivor, signal.SIGKILL)
    process.wait(10)


def assert_all_gone(session: int, patience: float = 120.0) -> None:
    """Wait until no process of a session lives; one that stays is named."""
    end = time.monotonic() + patience
    while (left := survivors(session)) and time.monotonic() < end:
        time.sleep(0.2)
    named = {}
    for pid in left:
        with contextlib.suppress(OSError):  # gone in the meantime
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if words.startswith("tail -F") and "/compute_logs/" in words:
                # Dagster's: killed between the start of this process and of the one that would have ended it.
                os.kill(pid, signal.SIGKILL)
            else:
                named[pid] = words
    assert not named, f"after {patience:.0f} s still there: {named}"


def survivors(session: int) -> list[int]:
    """The living processes of a session; a zombie is dead already."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, leader = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(leader) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
