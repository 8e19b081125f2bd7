"""The warehouse: tables as atomic Parquet objects, one per unit of write.

The objects are the truth. Every write validates first, then replaces one object atomically; a frame that says
nothing new leaves the object untouched, so a second run changes nothing.
"""

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import polars as pl

from alpha_pipeline.errors import TableError
from alpha_pipeline.warehouse.dates import impossible
from alpha_pipeline.warehouse.objects import LocalObjects
from alpha_pipeline.warehouse.state import StateError
from alpha_pipeline.warehouse.table import Table

CONTENT = "alpha.content"
INPUTS = "alpha.inputs"
_FIX = "Bring it back from a copy, or move it away: a run makes anew what it makes, and asks the source for bars."


def span(frame: pl.DataFrame) -> tuple[dt.date, dt.date] | None:
    """The first and the last session of a frame, or None when it has none."""
    days: list[dt.date] = frame.get_column("session").drop_nulls().to_list()
    return (min(days), max(days)) if days else None


def content_hash(table: Table, frame: pl.DataFrame) -> str:
    """A hash of what a frame says, without the columns that only say when."""
    return frame_hash(frame.select(c for c in table.columns if c not in table.volatile))


def frame_hash(frame: pl.DataFrame) -> str:
    """A hash of a frame's columns, types and values (Parquet stores no bytes under a null)."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="uncompressed", statistics=False)
    return hashlib.blake2b(buffer.getvalue(), digest_size=16).hexdigest()


class Warehouse:
    """Reads and writes tables under one root.

    Args:
        root: folder of the warehouse.
        on_first_write: called once, after the first write of a table through this value.
    """

    def __init__(self, root: Path, on_first_write: "Callable[[Warehouse], None] | None" = None) -> None:
        self.root = root
        self.objects = LocalObjects(root)
        self._on_first_write = on_first_write

    def key(self, table: Table, unit: str) -> str:
        """The object that holds one unit of a table."""
        return f"{self.folder(table)}/{quote(unit, safe='')}.parquet"

    def folder(self, table: Table) -> str:
        """The folder of a table's objects."""
        return "tables/" + table.name.replace(".", "/")

    def folder_path(self, table: Table) -> Path:
        """Where the objects of a table lie."""
        return self.objects.path(self.folder(table))

    def units(self, table: Table) -> list[str]:
        """The units held, sorted."""
        keys = self.objects.list(self.folder(table))
        return sorted(unquote(Path(key).stem) for key in keys if not Path(key).stem.startswith("_"))

    def newest(self, table: Table) -> list[str]:
        """The last unit that holds rows, or none: an object without rows says nothing."""
        return next(([unit] for unit in reversed(self.units(table)) if self.height(table, unit)), [])

    def read(
        self, table: Table, units: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Rows of the given units (all when None), sorted by the table's key; units not held give no rows.

        Args:
            table: the table.
            units: ticker, year or strategy names, whatever splits the table.
            columns: the columns to read; all when None.
        """
        wanted = list(columns) if columns is not None else table.columns
        frames = [table.empty().select(wanted)]
        for unit in sorted(set(self.units(table) if units is None else units)):
            data = self._object(table, unit)
            if data is not None:
                frames.append(self._possible(table, unit, _rows(table, data).select(wanted).collect()))
        rows = pl.concat(frames)
        by = [column for column in table.key if column in wanted]
        return rows.sort(by) if by else rows

    def write(self, table: Table, unit: str, frame: pl.DataFrame, inputs: str = "") -> bool:
        """Replace one unit by a frame.

        Args:
            table: the table.
            unit: the unit; every row must belong to it.
            frame: the whole unit; conformed to the table's columns and order.
            inputs: a hash of what the frame was made from, kept with the object for `is_current`.

        Returns:
            Whether the object changed.

        Raises:
            TableError: the frame does not fit, or is empty where rows are held. Nothing was written.
        """
        return self.revise(table, unit, lambda _: frame, inputs)

    def revise(
        self,
        table: Table,
        unit: str,
        change: Callable[[pl.DataFrame], pl.DataFrame],
        inputs: str = "",
        *,
        keeps_times: bool = True,
    ) -> bool:
        """Replace one unit by what `change` makes of it; no other writer of the unit comes between.

        Args:
            table: the table.
            unit: the unit.
            change: from the held rows, none at first, to the whole unit.
            inputs: a hash of what the rows were made from, kept with the object for `is_current`.
            keeps_times: whether rows that differ in their times of fetching or making alone are left as they are.

        Returns:
            Whether the object changed.

        Raises:
            TableError: the new rows do not fit, or are none where rows are held. Nothing was written.
        """
        changed = False

        def replace(held: bytes | None) -> bytes | None:
            nonlocal changed
            rows = _rows(table, held).collect() if held else table.empty()
            fresh = _conformed(table, unit, change(rows))
            metadata = {CONTENT: content_hash(table, fresh), INPUTS: inputs}
            before = _read_metadata(held) if held else {}
            is_retimed = not keeps_times and not fresh.equals(rows)
            if before == metadata and not is_retimed:
                return None
            changed = before.get(CONTENT) != metadata[CONTENT]
            if not changed and not is_retimed:  # the same rows from other inputs: keep when they were fetched or made
                return _parquet(rows, metadata)
            if fresh.is_empty() and not rows.is_empty():
                raise TableError(table.name, unit, "an empty frame never erases rows")
            return _parquet(_checked(table, unit, fresh), metadata)

        self._update(table, unit, replace)
        return changed

    def upsert(self, table: Table, unit: str, frame: pl.DataFrame, *, dropping: pl.Expr | None = None) -> bool:
        """Insert or replace rows of one unit by the table's key; rows not named stay. Serialised per object.

        Args:
            table: the table.
            unit: the unit.
            frame: the new rows.
            dropping: which held rows the frame replaces beside those with the same key; where nothing is left, so is
                no object.

        Returns:
            Whether the object changed.

        Raises:
            TableError: the merged frame does not fit. Nothing was written.
        """
        changed = False

        def merge(held: bytes | None) -> bytes | None:
            nonlocal changed
            rows = _rows(table, held).collect() if held else table.empty()
            if dropping is not None:
                rows = rows.filter(~dropping)
            fresh = _conformed(table, unit, frame)
            merged = table.conform(pl.concat([rows.join(fresh, on=table.key, how="anti", nulls_equal=True), fresh]))
            if merged.is_empty() and dropping is not None:
                changed = held is not None
                return None if held is None else b""
            metadata = {CONTENT: content_hash(table, merged), INPUTS: ""}
            changed = not held or _read_metadata(held).get(CONTENT) != metadata[CONTENT]
            return _parquet(_checked(table, unit, merged), metadata) if changed else None

        self._update(table, unit, merge)
        return changed

    def replace_sessions(self, table: Table, sessions: Sequence[dt.date], frame: pl.DataFrame) -> None:
        """Make a frame the whole truth about some sessions of a table split by year; other sessions stay.

        A year of which no row is left has no object.

        Raises:
            TableError: a year's merged frame does not fit; that year is left as it was.
        """
        for year in sorted({session.year for session in sessions}):
            asked = [session for session in sessions if session.year == year]
            fresh = frame.filter(pl.col("session").is_in(asked))
            self.upsert(table, str(year), fresh, dropping=pl.col("session").is_in(asked))

    def forget(self, table: Table, unit: str) -> None:
        """Remove a unit of a table that is made from others, once nothing is said of it any more."""
        self.objects.delete(self.key(table, unit))

    def height(self, table: Table, unit: str) -> int:
        """Rows held of one unit; 0 when it is not held."""
        data = self._object(table, unit)
        return 0 if data is None else int(pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item())

    def is_current(self, table: Table, unit: str, inputs: str) -> bool:
        """Whether the held unit was made from these inputs."""
        held = self._metadata(table, unit)
        return held is not None and held.get(INPUTS) == inputs

    def fingerprint(self, table: Table, unit: str) -> str:
        """The content hash of a held unit; empty when it is not held."""
        held = self._metadata(table, unit)
        return "" if held is None else held.get(CONTENT, "")

    def _object(self, table: Table, unit: str) -> bytes | None:
        """The bytes of a unit, or None; a power cut on a file system without syncing may leave a file without any."""
        return self.objects.get(self.key(table, unit)) or None

    def _possible(self, table: Table, unit: str, rows: pl.DataFrame) -> pl.DataFrame:
        if (column := impossible(rows)) is not None:
            detail = f"a day in its column {column} lies outside the years 1 to 9999"
            raise StateError(self.objects.path(self.key(table, unit)), detail, _FIX)
        return rows

    def _update(self, table: Table, unit: str, change: Callable[[bytes | None], bytes | None]) -> None:
        self.objects.update(self.key(table, unit), change)
        told, self._on_first_write = self._on_first_write, None
        if told is not None:
            told(self)

    def _metadata(self, table: Table, unit: str) -> dict[str, str] | None:
        data = self._object(table, unit)
        return None if data is None else _read_metadata(data)


def _rows(table: Table, data: bytes) -> pl.LazyFrame:
    """The rows of an object; null in columns that the table did not have when it was written."""
    rows = pl.scan_parquet(io.BytesIO(data))
    held = rows.collect_schema().names()
    new = {name: dtype for name, dtype in table.empty().schema.items() if name not in held}
    return rows.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in new.items()).select(table.columns)


def _conformed(table: Table, unit: str, frame: pl.DataFrame) -> pl.DataFrame:
    missing = sorted(set(table.columns) - set(frame.columns))
    if missing:
        raise TableError(table.name, unit, f"missing columns {', '.join(missing)}")
    return table.conform(frame)


def _checked(table: Table, unit: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame, once it is known to fit. What is held already was checked when it was written."""
    checked = table.validate(frame, unit)
    owners = pl.col("session").dt.year().cast(pl.String) if table.unit == "year" else pl.col(table.unit)
    strangers = checked.filter(owners != unit)
    if not strangers.is_empty():
        raise TableError(table.name, unit, f"{strangers.height} rows belong to another {table.unit}")
    return checked


def _parquet(frame: pl.DataFrame, metadata: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata=metadata)
    return buffer.getvalue()


def _read_metadata(data: bytes) -> dict[str, str]:
    found = pl.read_parquet_metadata(io.BytesIO(data))
    return {name: value for name, value in found.items() if name.startswith("alpha.")}
