"""Dagster's databases: whether SQLite reads them. They hold what was run, and neither bars nor results."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.warehouse.aside import set_aside
from alpha_pipeline.warehouse.places import HOME

CHECKED_BYTES: Final = 256 * 1024**2  # of the larger ones only the beginning is looked at: a check reads all
_MAGIC: Final = b"SQLite format 3\0"


def look(patient: Patient) -> Iterator[Finding]:
    """Each database below the home of Dagster's instance."""
    home = patient.warehouse.root / HOME
    damaged = {path: why for path in sorted(home.rglob("*.db")) if (why := fault(path)) is not None}
    if not damaged:
        if home.is_dir():
            yield Finding("Dagster", True, "its databases are sound")
        return
    for path, why in damaged.items():
        yield Finding(
            "Dagster",
            False,
            f"{path} is damaged: {why}. It holds what was run, no bars and no results: `alpha doctor --mend` sets it "
            "aside while no `alpha ui` is open, and the next run begins a new one",
            partial(_mend, path, patient),
        )


def _mend(path: Path, patient: Patient) -> str:
    parts = [path, *(path.with_name(f"{path.name}{tail}") for tail in ("-wal", "-shm", "-journal"))]
    now = patient.settings.now()
    return "; ".join(set_aside(patient.warehouse.root, part, now) for part in parts if part.exists())


def fault(path: Path) -> str | None:
    """What is wrong with a database, as SQLite says it; None where nothing is. Nothing is written beside it."""
    if not path.is_file():
        return "it is no file"
    if not path.stat().st_size:
        return None  # one that was just made, or will be
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return "it is no SQLite database"
    if path.stat().st_size > CHECKED_BYTES:
        return None
    # Opened in its place SQLite would make files beside it; another process may be writing to it meanwhile.
    with tempfile.TemporaryDirectory(prefix="alpha_doctor") as folder:
        why = None
        for _ in range(2):
            copy = Path(folder) / path.name
            for part in (path, path.with_name(f"{path.name}-wal")):
                if part.exists():
                    shutil.copyfile(part, copy.with_name(part.name))
            why = _said(copy)
            if why is None:
                break
    return why


def _said(copy: Path) -> str | None:
    try:
        connection = sqlite3.connect(f"file:{quote(str(copy))}", uri=True)
        try:
            said = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return None if said == ["ok"] else " ".join(said[:1]).replace("\n", " ")
