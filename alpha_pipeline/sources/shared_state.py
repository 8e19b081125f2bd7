"""A small JSON file that all processes of this machine share, changed by one of them at a time."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

State = dict[str, Any]


class SharedState:
    """One JSON object in one file; losing it costs politeness and never data.

    Args:
        path: the file; its folder is made.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = FileLock(path.with_suffix(".lock"))

    def read(self) -> State:
        """What is held; empty when there is no file yet, or one that a killed process left unreadable."""
        return self.held(self._path) or {}

    @staticmethod
    def held(path: Path) -> State | None:
        """What a file holds, empty where there is none; None where it cannot be read as such a state."""
        try:
            held = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            return None
        return held if isinstance(held, dict) else None

    def update(self, change: Callable[[State], State | None]) -> State:
        """Replace the object by what `change` makes of it, None leaves it; returns what is held then."""
        with self._lock:
            held = self.read()
            made = change(dict(held))
            if made is None or made == held:
                return held
            temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
            try:
                temporary.write_text(json.dumps(made))
                temporary.replace(self._path)
            except OSError as error:
                temporary.unlink(missing_ok=True)
                error.filename = error.filename or str(self._path)
                raise
            return made


def machine_folder(name: str) -> Path:
    """The folder of this user's processes on this machine for one purpose (the user's cache folder)."""
    return Path(platformdirs.user_cache_dir("alpha_pipeline")) / name
