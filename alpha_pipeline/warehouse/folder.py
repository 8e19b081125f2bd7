"""The folder of a table: which of its files are objects, and which only lie there.

A copy that a person or a program that synchronises made (``QQQ (1).parquet``, ``QQQ.bak.parquet``) has a name that
could be a unit's. The seal tells: it names the object that a file was stored as.
"""

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from alpha_pipeline.warehouse import seal

SUFFIX: Final = ".parquet"


class Folder:
    """What lies in a table's folder now.

    Args:
        root: of the warehouse.
        key: of the folder, relative to the root.
    """

    def __init__(self, root: Path, key: str) -> None:
        self._path = root / key
        self._key = key

    @property
    def units(self) -> list[str]:
        """The units held, sorted; one whose file has another name now is held, and reading it says so."""
        named = {name for name in self._named if not self._is_copy(name)}
        return sorted(_unit(name) for name in named | self._renamed.keys())

    @property
    def strays(self) -> list[Path]:
        """All else that a person can see, sorted."""
        return [self._path / name for name in self._entries if name not in self._named or self._is_copy(name)]

    @property
    def misnamed(self) -> list[tuple[Path, Path]]:
        """Entries stored under another name of this folder that has no object of its own, and that name."""
        found = [(name, own) for name, own in self._owners.items() if self._renamed.get(own) == name]
        found += [(name, own) for name, own in self._owners.items() if own in self._owners]
        return [(self._path / name, self._path / own) for name, own in dict.fromkeys(found)]

    def holding(self, key: str) -> Path | None:
        """Where the object of a key lies under another name; None where nothing has it."""
        folder, _, name = key.rpartition("/")
        found = self._renamed.get(name) if folder == self._key else None
        return None if found is None else self._path / found

    @cached_property
    def _entries(self) -> list[str]:
        try:
            found = sorted(os.listdir(self._path))  # noqa: PTH208  names are all that is asked for
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name for name in found if not name.startswith((".", "_"))]

    @cached_property
    def _named(self) -> set[str]:
        """The entries with the name of an object."""
        return {
            name for name in self._entries if name.endswith(SUFFIX) and quote(_unit(name), safe="") + SUFFIX == name
        }

    @cached_property
    def _owners(self) -> dict[str, str]:
        """Entry -> the name in this folder that it was stored under, where that is another than its own."""
        found = {}
        for name in self._entries:
            owner = _owner(self._path / name)
            folder, _, own = (owner or "").rpartition("/")
            if folder == self._key and own != name:
                found[name] = own
        return found

    @cached_property
    def _renamed(self) -> dict[str, str]:
        """The name of an object that is not there -> the first entry that holds it."""
        return {own: name for name, own in reversed(self._owners.items()) if own not in self._entries}

    def _is_copy(self, name: str) -> bool:
        """Whether an entry is the copy of an object that is there, or that object renamed.

        Where the object's own name holds another's too, the two were swapped: both are damaged units, and no copies.
        """
        return name in self._owners and self._owners[name] not in self._owners


def _unit(name: str) -> str:
    return unquote(name.removesuffix(SUFFIX))


def _owner(path: Path) -> str | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _sealed_for(path, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=65_536)
def _sealed_for(path: Path, _inode: int, _mtime_ns: int, _size: int) -> str | None:
    """The key in a file's seal; looked at once for each version of the file."""
    return seal.owner(path)
