"""Which files there are at a path."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.base import MARKET_FILE
from alpha_pipeline.sources.files.refusal import EXPECTED

SUFFIXES: Final = (".parquet", ".pq", ".csv", ".tsv", ".txt")
FORMS: Final = "*.parquet or *.csv"


@dataclass(frozen=True)
class FoundFile:
    """One version of one file; another modification time or size is another version.

    Attributes:
        file: where it is.
        root: the path that was given: the file itself, or a folder above it.
        modified_ns: when it was changed last.
        size: in bytes.
        refused: why it cannot be read, told from outside; empty where it may be.
    """

    file: Path
    root: Path
    modified_ns: int
    size: int
    refused: str = ""


def found_files(path: Path) -> tuple[FoundFile, ...]:
    """The files at a path, in its sub-folders too, by name; hidden ones are passed over.

    Raises:
        SourceError: there is no such path, or no file of bars.
    """
    try:
        path.stat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{path} cannot be read: {why}. Give a Parquet or CSV file, or a folder of them.") from error
    if not path.exists():
        raise SourceError(f"{path} does not exist. Give a Parquet or CSV file, or a folder of them.")
    if not path.is_dir():
        only = _found(path, path)
        if _suffix(path) not in SUFFIXES:
            raise SourceError(f"{path} is no {FORMS} file{_hint(path)}. Expected columns: {EXPECTED}.")
        return (only,)
    files, closed = _walk(path)
    if str(path) in closed:
        raise SourceError(f"{path} cannot be listed: {closed[str(path)]}. Give your user the right to it.")
    found = tuple(_found(file, path) for file in files) + tuple(
        FoundFile(Path(folder), path, 0, 0, f"cannot be listed: {why}. Give your user the right to it, or move it away")
        for folder, why in sorted(closed.items())
    )
    if all(_suffix(one.file) not in SUFFIXES for one in found):
        names = ", ".join(one.file.name for one in found[:3])
        there = f" (only {names}{', ...' if len(found) > 3 else ''})" if found else ""
        raise SourceError(f"{path} holds no {FORMS} file{there}. Expected columns: {EXPECTED}.")
    return found


def _walk(root: Path) -> tuple[list[Path], dict[str, str]]:
    """(every file below a folder that is not hidden, why a folder cannot be listed).

    A folder that several links lead to is entered once.

    A warehouse in the folder is passed over: its tables are no bars of the user's own.
    """
    files, entered, closed = list[Path](), set[tuple[int, int]](), dict[str, str]()

    def close(error: OSError) -> None:
        closed[str(error.filename)] = error.strerror or str(error)

    for folder, below, names in os.walk(root, followlinks=True, onerror=close):
        here = Path(folder).stat()
        if (here.st_dev, here.st_ino) in entered or MARKET_FILE in names:
            below.clear()
            continue
        entered.add((here.st_dev, here.st_ino))
        below[:] = sorted(name for name in below if not name.startswith((".", "__MACOSX")))
        files += [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
    return sorted(files), closed


def _found(file: Path, root: Path) -> FoundFile:
    try:
        told = file.stat()
    except OSError as error:  # a link to nothing
        return FoundFile(file, root, 0, 0, f"cannot be read: {error.strerror}. Remove it or put it right")
    why = ""
    if not file.is_file():
        why = f"is no regular file. Give a {FORMS} file"
    elif file != root and _suffix(file) not in SUFFIXES:
        why = f"is no {FORMS} file{_hint(file)}"
    return FoundFile(file, root, told.st_mtime_ns, told.st_size, why)


def _suffix(file: Path) -> str:
    """The ending that tells the form, below ``.gz``; a packed Parquet is none."""
    if file.suffix.lower() != ".gz":
        return file.suffix.lower()
    inner = Path(file.stem).suffix.lower()
    return inner if inner not in {".parquet", ".pq"} else ".gz"


def _hint(file: Path) -> str:
    """What to do with a file of bars in another form."""
    if file.suffix.lower() in {".xls", ".xlsx", ".xlsm", ".ods", ".numbers"}:
        return ": save the sheet as CSV"
    if file.suffix.lower() in {".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst"}:
        return ": unpack it first"
    return ""


def is_parquet(file: Path) -> bool:
    """Whether a file is Parquet by its name."""
    return _suffix(file) in {".parquet", ".pq"}
