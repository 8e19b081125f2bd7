"""The seal of an object: whose bytes they are, and the SHA-256 of them all. Whoever reads an object looks at it.

A seal lies in the Parquet file, in front of the footer: readers go by the footer's places, and pass over what it names
none of. So an object and its seal are one file and are put at once, and sealing an object changes none of its values.
SHA-256 is in every Python, the processors of today have instructions for it, and it depends on no library's version
and on no column added later: it covers the bytes that are stored.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PARQUET: Final = b"PAR1"
_END: Final = 8  # of a Parquet file: the footer's length, and the four letters
_MARK: Final = b"\0alpha1\0"
_MARK_OF_ANY: Final = re.compile(rb"\0alpha\d\0")
_DIGEST: Final = hashlib.sha256().digest_size
_LENGTH: Final = 2  # bytes of the length of a key
_LONGEST_KEY: Final = 4096


@dataclass(frozen=True)
class Seal:
    """A seal that was found.

    Attributes:
        key: of the object that was sealed, relative to the warehouse.
        digest: SHA-256 of the key and of all other bytes of the file.
        start: where it begins.
        end: where the footer begins.
    """

    key: str
    digest: bytes
    start: int
    end: int


class SealError(Exception):
    """Bytes are not what was stored under their name; says why."""


class MisnamedError(SealError):
    """Bytes were stored under another name."""


def sealed(key: str, parquet: bytes) -> bytes:
    """A Parquet file with a seal.

    Raises:
        SealError: it is no whole Parquet file.
    """
    place = _footer(parquet)
    name = key.encode()
    seal = name + _digest(name, parquet[:place], parquet[place:]) + len(name).to_bytes(_LENGTH, "little") + _MARK
    return parquet[:place] + seal + parquet[place:]


def verify(key: str, data: bytes) -> bool:
    """Compare the bytes of an object with their seal.

    Returns:
        Whether there is one; objects of the versions before seals have none.

    Raises:
        MisnamedError: they are whole, and were stored under another key.
        SealError: they are not what was stored.
    """
    found = find(data)
    if found is None:
        return False
    digest = _digest(found.key.encode(), memoryview(data)[: found.start], memoryview(data)[found.end :])
    if digest != found.digest:
        raise SealError("its bytes are not those that were stored")
    if found.key != key:
        raise MisnamedError(f"it is {found.key} under another name")
    return True


def find(data: bytes) -> Seal | None:
    """The seal of a Parquet file; None where there is none.

    Raises:
        SealError: it is no whole Parquet file, or a newer version sealed it.
    """
    return _seal(data, _footer(data))


def owner(path: Path) -> str | None:
    """The key that a file was sealed for, from its end alone; None where it says none. Nothing is verified."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _END))
            length = int.from_bytes(file.read(_END)[:4], "little")
            tail = min(size, _END + length + len(_MARK) + _LENGTH + _DIGEST + _LONGEST_KEY)
            file.seek(size - tail)
            data = file.read(tail)
            found = _seal(data, _footer(data, is_whole=False))
    except (OSError, SealError):
        return None
    return None if found is None else found.key


def _seal(data: bytes, end: int) -> Seal | None:
    """The seal that ends where the footer begins."""
    place = end - len(_MARK)
    mark = data[max(0, place) : end]
    if mark != _MARK:
        if _MARK_OF_ANY.fullmatch(mark):
            raise SealError("a newer version of alpha_pipeline wrote it: use that version")
        return None
    place -= _LENGTH
    length = int.from_bytes(data[place : place + _LENGTH], "little")
    place -= _DIGEST
    start = place - length
    if start < 0 or length > _LONGEST_KEY:
        raise SealError("its bytes are not those that were stored")
    try:
        key = data[start:place].decode()
    except UnicodeDecodeError:
        raise SealError("its bytes are not those that were stored") from None
    return Seal(key, data[place : place + _DIGEST], start, end)


def _digest(key: bytes, *parts: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _footer(data: bytes, *, is_whole: bool = True) -> int:
    """Where the footer begins."""
    size = len(data)
    if not size:
        raise SealError("it is empty")
    if size < _END or data[-4:] != _PARQUET or (is_whole and data[:4] != _PARQUET):
        raise SealError("it is no whole Parquet file")
    place = size - _END - int.from_bytes(data[-_END:-4], "little")
    if place < (len(_PARQUET) if is_whole else 0):
        raise SealError("it is no whole Parquet file")
    return place
