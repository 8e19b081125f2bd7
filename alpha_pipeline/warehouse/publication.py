"""When the views of `alpha.duckdb` are written: with the first thing that anybody writes, and again when they change.

A day may be made by the command line, by the web UI or by the daemon, and may fail half-way: what was written until
then can be read. Looking whether there is something to do takes two milliseconds.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import duckdb
from filelock import FileLock

from alpha_pipeline.warehouse import views
from alpha_pipeline.warehouse.places import LOCKS
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table

# What was published last, and the file as it was left: of another size or time it is another file, or changed by hand.
MARK: Final = ".published.json"


def keep_published(warehouse: Warehouse, tables: Sequence[Table]) -> None:
    """Publish the views unless the file holds these very ones; never two processes at once.

    The pipeline needs no view: where the file cannot be written, as while a shell holds it open, it is left for the
    next time.

    Args:
        warehouse: whose tables are shown.
        tables: all of them.
    """
    if is_published(warehouse, tables):
        return
    with suppress(OSError):  # as where nothing can be written: what is there is read all the same
        _publish(warehouse, tables)


def _publish(warehouse: Warehouse, tables: Sequence[Table]) -> None:
    locks = warehouse.root / LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / "views.lock"):
        if is_published(warehouse, tables):  # another process was faster
            return
        try:
            is_done = views.publish(warehouse, tables)
        except duckdb.Error:
            return
        if is_done:
            mark = [_digest(warehouse, tables), *_as_it_is(warehouse)]
            warehouse.objects.put(MARK, json.dumps(mark).encode())


def is_published(warehouse: Warehouse, tables: Sequence[Table]) -> bool:
    """Whether the file holds these very views, as far as its mark says."""
    return _held(warehouse) == [_digest(warehouse, tables), *_as_it_is(warehouse)]


def _digest(warehouse: Warehouse, tables: Sequence[Table]) -> str:
    said = [*views.statements(tables, views.seen(warehouse)), *views.comments(tables)]
    return hashlib.blake2b("\n".join(said).encode(), digest_size=16).hexdigest()


def _as_it_is(warehouse: Warehouse) -> list[int]:
    """Size and time of the file; nothing where there is none."""
    try:
        found = (warehouse.root / views.DATABASE).stat()
    except FileNotFoundError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _held(warehouse: Warehouse) -> object:
    data = warehouse.objects.get(MARK)
    try:
        return None if data is None else json.loads(data)
    except ValueError:
        return None
