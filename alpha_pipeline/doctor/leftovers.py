"""What a killed process leaves: temporary files, folders of queries, locks."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.warehouse.places import HOME, LOCKS, PINNED

OLD_S: Final = 3600.0  # what is younger a process may still be writing to


def look(patient: Patient) -> Iterator[Finding]:
    """Files and folders that nobody will come back for, and a `.locks` that holds no locks."""
    root = patient.warehouse.root
    if not root.is_dir():
        return
    left = sorted(_left(root))
    locks = root / LOCKS
    if locks.exists() and not locks.is_dir():
        yield Finding("locks", False, f"{locks} is a file, and no command can write: move it away")
    strange = sorted(path for path in locks.glob("*") if not path.is_file()) if locks.is_dir() else []
    if strange:
        yield Finding("locks", False, f"{strange[0]} is no file, and whoever needs that lock fails: move it away")
    if not left:
        yield Finding("leftovers", True, "none")
        return
    room = sum(_size(path) for path in left)
    yield Finding(
        "leftovers",
        False,
        f"{len(left):,} of killed processes, {room / 1024**2:,.1f} MB, such as {left[0]}: nobody comes back for them. "
        "`alpha doctor --mend` removes them",
        lambda: _remove(left),
    )


def _left(root: Path) -> Iterator[Path]:
    oldest = time.time() - OLD_S
    yield from (path for path in root.glob(f"{PINNED}*") if path.stat().st_mtime < oldest)
    for path in root.rglob(".*.tmp"):
        if HOME not in path.parts and path.is_file() and path.stat().st_mtime < oldest:
            yield path


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in (path, *path.rglob("*")) if one.is_file())


def _remove(paths: list[Path]) -> str:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return f"removed {len(paths):,} leftovers of killed processes, such as {paths[0]}"
