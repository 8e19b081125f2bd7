"""Where the warehouse lies: room, entries in the table of files, and the right to write."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alpha_pipeline.doctor.finding import Finding, Patient

LOW_DISK_BYTES: Final = 2 * 1024**3
LOW_FILES: Final = 5_000  # a first run makes about so many


def room(patient: Patient) -> Iterator[Finding]:
    """Room for another day, in bytes and in files."""
    place = existing(patient.warehouse.root)
    free = shutil.disk_usage(place).free
    enough = free > LOW_DISK_BYTES
    fix = "" if enough else ": free some, a run needs about 2 GB"
    yield Finding("disk", enough, f"{_size(free)} free at {place}{fix}")
    files = _free_files(place)
    if files is not None and files < LOW_FILES:
        yield Finding(
            "files",
            False,
            f"the file system of {place} takes {files:,} more files, and a run makes about {LOW_FILES:,}: delete some "
            "that nobody needs, or use another --warehouse",
        )


def permissions(patient: Patient) -> Iterator[Finding]:
    """Whether all that a run writes can be written and all that a command reads can be read."""
    root = patient.warehouse.root
    if not root.exists():
        place = existing(root)
        if not os.access(place, os.W_OK | os.X_OK):
            yield Finding("permissions", False, f"{root} cannot be made: {place} cannot be written to{_why(place)}")
        return
    locked = [path for path in _entries(root) if not os.access(path, _right(path))]
    if not locked:
        yield Finding("permissions", True, f"{root} can be written to")
        return
    more = f" and {len(locked) - 1:,} more" if len(locked) > 1 else ""
    reads = "`today`, `sql` and `report --out` work all the same" if os.access(root, os.R_OK | os.X_OK) else ""
    detail = f"{locked[0]}{more} cannot be written to{_why(locked[0])}"
    yield Finding("permissions", False, f"{detail}; {reads}" if reads else detail)


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def _entries(root: Path) -> Iterator[Path]:
    yield root
    for folder, folders, files in os.walk(root):
        yield from (Path(folder, name) for name in (*folders, *files))


def _right(path: Path) -> int:
    """What is needed of it: an object is replaced and never written to, so a file has to be readable alone."""
    return os.R_OK | os.W_OK | os.X_OK if path.is_dir() else os.R_OK


def _why(path: Path) -> str:
    is_mounted_so = hasattr(os, "statvfs") and bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return (
        ": the file system is mounted read-only; mount it writable, or use another --warehouse"
        if is_mounted_so
        else ": give your user the right to it (chmod, chown), or use another --warehouse"
    )


def _free_files(place: Path) -> int | None:
    """How many more files the file system takes; None where it does not count them."""
    if not hasattr(os, "statvfs"):  # Windows
        return None
    found = os.statvfs(place)
    return found.f_favail if found.f_files else None


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1024**3:.0f} GB" if n_bytes >= 1024**3 else f"{n_bytes / 1024**2:.0f} MB"
