"""The bytes of a file that somebody else put there: a regular one, and of a size that can be."""

import errno
import os
import stat
import zlib
from pathlib import Path
from typing import Final

# Daily bars of a whole exchange are below.
LARGEST: Final = 4 * 2**30
# What holds a hundred times more than it takes on the disk is no table: a sparse file, or a bomb.
MOST_TIMES: Final = 100
SMALL: Final = 64 * 2**20
_PIECE: Final = 2**20


class UnusableFileError(OSError):
    """A file that is not read: the reason, as `strerror`."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EINVAL, why)


def read_regular(path: Path, *, is_packed: bool = False) -> bytes:
    """What a file holds, unpacked if it is gzip.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger than anything that is meant to be read.
        zlib.error: it is no gzip.
    """
    # A FIFO without a writer would be waited for: opened like this it is not, and then it is told by what it is.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        told = os.fstat(file.fileno())
        if not stat.S_ISREG(told.st_mode):
            raise UnusableFileError("it is no regular file")
        taken = getattr(told, "st_blocks", told.st_size // 512 + 1) * 512
        _require_size(told.st_size, taken, "holds")
        data = file.read(LARGEST + 1)
    _require_size(len(data), max(taken, len(data)), "holds")
    return _unpacked(data) if is_packed else data


def _unpacked(data: bytes) -> bytes:
    pieces, n, rest = list[bytes](), 0, data
    while rest:
        unpacker = zlib.decompressobj(wbits=31)
        while not unpacker.eof:
            piece = unpacker.decompress(rest, _PIECE)
            rest = unpacker.unconsumed_tail
            if not piece and not unpacker.eof:
                raise UnusableFileError("Compressed file ended before its end")
            pieces.append(piece)
            n += len(piece)
            _require_size(n, len(data), "unpacks to")
        rest = unpacker.unused_data.lstrip(b"\0")  # a file may hold several, and zeros after them
    return b"".join(pieces)


def _require_size(n: int, taken: int, what: str) -> None:
    if n > LARGEST or (n > SMALL and n > MOST_TIMES * max(taken, 1)):
        raise UnusableFileError(f"it {what} {n / 2**30:.1f} GB or more, which no table of daily bars does")
