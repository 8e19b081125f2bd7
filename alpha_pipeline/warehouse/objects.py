"""The object interface: the four operations every file of the warehouse goes through.

An object is a key and bytes. `put` is atomic: a reader sees the old bytes or the new ones, never a mix, and a
killed writer leaves the old ones. `update` serialises read-modify-write of one key. The interface is what an
object store offers too (one PUT is atomic), so the root of a warehouse can move there unchanged.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from filelock import FileLock

from alpha_pipeline.warehouse.places import LOCKS


class Objects(Protocol):
    """Keys are relative POSIX paths; values are bytes."""

    def get(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store an object atomically and durably."""
        ...

    def update(self, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Replace an object by what `change` makes of it; None leaves it, no bytes remove it.

        Two updates of a key never overlap.
        """
        ...

    def list(self, prefix: str) -> list[str]:
        """The keys under a folder, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""
        ...


class LocalObjects:
    """Objects as files under a folder: temporary name in the same folder, fsync, rename, fsync the folder.

    Where a folder cannot be synced (Windows opens none, some network file systems refuse), the last step is left out:
    an object is still whole there, but a power cut may bring the one before it back.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where an object lies."""
        return self.root / key

    def get(self, key: str) -> bytes | None:
        """The bytes of an object, or None if there is none."""
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Store an object atomically and durably."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        # A leading dot and another suffix: no glob of a view and no listing ever takes it for an object.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                Path(temporary).chmod(0o644)  # mkstemp's are private; a warehouse is read by others too
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105  the tests make this very call fail
        except BaseException as error:
            Path(temporary).unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno and error.filename is None:  # a full disk says not of what
                error.filename = str(path)
            raise
        _sync_folder(path.parent)

    def update(self, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Replace an object by what `change` makes of it; None leaves it, no bytes remove it.

        Two updates of a key never overlap.
        """
        locks = self.root / LOCKS
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.lock"):
            data = change(self.get(key))
            if data:
                self.put(key, data)
            elif data is not None:
                self.delete(key)

    def list(self, prefix: str) -> list[str]:
        """The keys under a folder, sorted."""
        folder = self.path(prefix)
        files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(path.relative_to(self.root).as_posix() for path in files)

    def delete(self, key: str) -> None:
        """Remove an object; removing what is not there is no error."""
        self.path(key).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(handle)
