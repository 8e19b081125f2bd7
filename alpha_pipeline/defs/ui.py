"""Dagster's web UI and daemon on a warehouse: what `alpha ui` becomes."""

import errno
import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final, NoReturn

from alpha_pipeline.defs.home import WORKSPACE
from alpha_pipeline.errors import AlphaError

HOST: Final = "127.0.0.1"
SECONDS_TO_ANSWER: Final = 1.0
# They would name another code location than the warehouse's own.
FOREIGN: Final = (
    "DAGSTER_ATTRIBUTE",
    "DAGSTER_MODULE_NAME",
    "DAGSTER_PACKAGE_NAME",
    "DAGSTER_PYTHON_FILE",
    "DAGSTER_WORKING_DIRECTORY",
    "DAGSTER_autoload_defs_module_name",
)


def require_free(port: int) -> None:
    """Refuse a port on which nobody can listen, before Dagster takes seconds to find out.

    Raises:
        AlphaError: it is in use, or only root may have it.
    """
    why = _refusal(port)
    if why is None:
        return
    if why == errno.EADDRINUSE:
        others = range(port + 1, min(port + 100, 65_536))
        free = next((other for other in others if _refusal(other) is None), "N")
        raise AlphaError(f"Port {port} is in use by {_listener(port)}. Choose another: --port {free}.")
    raise AlphaError(f"Port {port} cannot be had: {os.strerror(why)}. Choose another: --port 3000, or any above 1023.")


def serve(home: Path, port: int) -> NoReturn:
    """Become Dagster's web UI and daemon on the warehouse of a home, for this machine alone; Ctrl-C ends it."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    # Dagster reads a `.env` of the working directory, which would beat the flags: the home has none.
    os.chdir(home)
    command = [sys.executable, "-m", "dagster", "dev", "-w", WORKSPACE, "-h", HOST, "-p", str(port)]
    if sys.platform == "win32":  # there `execv` goes back to the shell at once
        sys.exit(subprocess.call(command))  # noqa: S603
    os.execv(sys.executable, command)  # noqa: S606


def _refusal(port: int) -> int | None:
    """The error number with which the system refuses a port, or None."""
    with socket.socket() as probe:
        if os.name == "posix":  # as the web server binds: a connection of before that lingers stops nobody
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno
    return None


def _listener(port: int) -> str:
    """Who listens on a port, as far as it says so itself."""
    with closing(HTTPConnection(HOST, port, timeout=SECONDS_TO_ANSWER)) as there:
        try:
            there.request("GET", "/server_info")
            is_dagster = "dagster_webserver_version" in json.load(there.getresponse())
        except (OSError, ValueError, HTTPException):
            is_dagster = False
    return f"a Dagster web UI (http://{HOST}:{port})" if is_dagster else "another program"
