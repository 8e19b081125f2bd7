"""The warehouse: tables as atomic Parquet objects, one per unit of write.

The objects are the truth. Every write validates first, then replaces one object atomically; a frame that says
nothing new leaves the object untouched, so a second run changes nothing. Every object is sealed, and whoever reads one
looks whether its bytes are those that were stored under its name.
"""

import datetime as dt
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import polars as pl

from alpha_pipeline.errors import DamageError, TableError
from alpha_pipeline.warehouse import seal
from alpha_pipeline.warehouse.dates import impossible
from alpha_pipeline.warehouse.folder import SUFFIX, Folder
from alpha_pipeline.warehouse.objects import LocalObjects
from alpha_pipeline.warehouse.table import Table

CONTENT = "alpha.content"
INPUTS = "alpha.inputs"
TABLES_FOLDER: Final = "tables"
# Where it lies, every object has a seal: one without was not stored by this product.
SEALED: Final = ".sealed"


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
        return f"{self.folder(table)}/{quote(unit, safe='')}{SUFFIX}"

    def folder(self, table: Table) -> str:
        """The folder of a table's objects."""
        return f"{TABLES_FOLDER}/{table.name.replace('.', '/')}"

    def folder_path(self, table: Table) -> Path:
        """Where the objects of a table lie."""
        return self.objects.path(self.folder(table))

    def units(self, table: Table) -> list[str]:
        """The units held, sorted."""
        return self._folder(table).units

    def strays(self, table: Table) -> list[Path]:
        """What lies among the objects of a table and is none of them: copies, links, folders; never read as rows."""
        return self._folder(table).strays

    def newest(self, table: Table) -> list[str]:
        """The last unit that holds rows, or none: an object without rows says nothing."""
        return next(([unit] for unit in reversed(self.units(table)) if self.height(table, unit)), [])

    def misnamed(self, table: Table) -> list[tuple[Path, Path]]:
        """Objects of a table that lie under another name than they were stored under, whole, and where each belongs.

        Only those whose place is free, or taken by one of them.
        """
        folder = self._folder(table)
        whole = {path: own for path, own in folder.misnamed if _is_sound(self.root, path, own)}
        return [(path, own) for path, own in whole.items() if not own.exists() or own in whole]

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
                frames.append(self._decoded(table, unit, data, wanted))
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
            rows = self._held_rows(table, unit, held)
            fresh = _conformed(table, unit, change(rows))
            metadata = {CONTENT: content_hash(table, fresh), INPUTS: inputs}
            before = _read_metadata(held) if held else {}
            is_retimed = not keeps_times and not fresh.equals(rows)
            if before == metadata and not is_retimed:
                return None
            changed = before.get(CONTENT) != metadata[CONTENT]
            if not changed and not is_retimed:  # the same rows from other inputs: keep when they were fetched or made
                return self._sealed(table, unit, rows, metadata)
            if fresh.is_empty() and not rows.is_empty():
                raise TableError(table.name, unit, "an empty frame never erases rows")
            return self._sealed(table, unit, _checked(table, unit, fresh), metadata)

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
            rows = self._held_rows(table, unit, held)
            if dropping is not None:
                rows = rows.filter(~dropping)
            fresh = _conformed(table, unit, frame)
            merged = table.conform(pl.concat([rows.join(fresh, on=table.key, how="anti", nulls_equal=True), fresh]))
            if merged.is_empty() and dropping is not None:
                changed = held is not None
                return None if held is None else b""
            metadata = {CONTENT: content_hash(table, merged), INPUTS: ""}
            changed = not held or _read_metadata(held).get(CONTENT) != metadata[CONTENT]
            return self._sealed(table, unit, _checked(table, unit, merged), metadata) if changed else None

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

    def holds(self, table: Table, unit: str) -> bool:
        """Whether an object of a unit is there, with rows or without."""
        return self.objects.path(self.key(table, unit)).exists()

    def height(self, table: Table, unit: str) -> int:
        """Rows held of one unit; 0 when it is not held."""
        data = self._object(table, unit)
        if data is None:
            return 0
        with self._decoding(table, unit):
            return int(pl.scan_parquet(io.BytesIO(data)).select(pl.len()).collect().item())

    def is_current(self, table: Table, unit: str, inputs: str) -> bool:
        """Whether the held unit was made from these inputs."""
        held = self._metadata(table, unit)
        return held is not None and held.get(INPUTS) == inputs

    def fingerprint(self, table: Table, unit: str) -> str:
        """The content hash of a held unit; empty when it is not held."""
        held = self._metadata(table, unit)
        return "" if held is None else held.get(CONTENT, "")

    def fault(self, table: Table, unit: str) -> str | None:
        """What is wrong with a unit, if anything; it is read whole."""
        try:
            data = self._object(table, unit)
            if data is not None:
                self._decoded(table, unit, data)
        except DamageError as error:
            return str(error)
        return None

    def require_sound(self, table: Table, unit: str, path: Path) -> None:
        """Look at the bytes of a file that is about to be read as a unit, but not by this class.

        Raises:
            DamageError: they are not those that were stored as the unit.
        """
        if not path.is_file():
            self._object(table, unit)
        data = path.read_bytes()
        if not self._verify(table, unit, data):
            self._decoded(table, unit, data)

    def _object(self, table: Table, unit: str) -> bytes | None:
        """The bytes of a unit as they were stored, or None.

        Raises:
            DamageError: they are others.
        """
        key = self.key(table, unit)
        try:
            data = self.objects.get(key)
        except IsADirectoryError:
            raise self._damage(table, unit, "it is a folder") from None
        if data is None:
            elsewhere = self._folder(table).holding(key)
            if elsewhere is not None:
                raise self._damage(table, unit, f"it lies there as {elsewhere.name}", is_misnamed=True)
            if self.objects.path(key).is_symlink():
                raise self._damage(table, unit, "it is a link that leads nowhere")
            return None
        self._verify(table, unit, data)
        return data

    def _verify(self, table: Table, unit: str, data: bytes) -> bool:
        try:
            is_sealed = seal.verify(self.key(table, unit), data)
        except seal.MisnamedError as error:
            raise self._damage(table, unit, str(error), is_misnamed=True) from None
        except seal.SealError as error:
            raise self._damage(table, unit, str(error)) from None
        if not is_sealed and self.is_sealed:
            raise self._damage(table, unit, "it has no seal, so no version that seals objects stored it")
        return is_sealed

    def _held_rows(self, table: Table, unit: str, held: bytes | None) -> pl.DataFrame:
        """The rows that a write begins with."""
        if held is None:
            self._object(table, unit)  # not there, and nothing holds it under another name
            return table.empty()
        self._verify(table, unit, held)
        return self._decoded(table, unit, held)

    def _decoded(self, table: Table, unit: str, data: bytes, columns: Sequence[str] | None = None) -> pl.DataFrame:
        with self._decoding(table, unit):
            rows = _rows(table, data).select(table.columns if columns is None else columns).collect()
        column = impossible(rows)
        if column is not None:
            raise self._damage(table, unit, f"a day in its column {column} lies outside the years 1 to 9999")
        return rows

    @contextmanager
    def _decoding(self, table: Table, unit: str) -> Iterator[None]:
        """What cannot be read is damaged; of bytes that the seal vouches for it never is."""
        try:
            yield
        except UnknownColumnsError as error:
            raise self._damage(table, unit, str(error)) from None
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError) as error:
            raise self._damage(table, unit, str(error).partition("\n")[0]) from None

    @property
    def is_sealed(self) -> bool:
        """Whether every object of this warehouse has a seal; those of earlier versions get theirs once."""
        return self.objects.path(SEALED).exists()

    def mark_sealed(self) -> None:
        """Say that every object has a seal."""
        self.objects.put(SEALED, b"Every object in tables/ is sealed.\n")

    def _folder(self, table: Table) -> Folder:
        return Folder(self.root, self.folder(table))

    def _damage(self, table: Table, unit: str, why: str, *, is_misnamed: bool = False) -> DamageError:
        first = "`alpha run` gives each object its own name again, where nothing else has taken it. Otherwise: "
        fix = f"{first if is_misnamed else ''}{table.is_mended_by}"
        return DamageError(str(self.objects.path(self.key(table, unit))), why, fix)

    def _sealed(self, table: Table, unit: str, frame: pl.DataFrame, metadata: dict[str, str]) -> bytes:
        return seal.sealed(self.key(table, unit), _parquet(frame, metadata))

    def _update(self, table: Table, unit: str, change: Callable[[bytes | None], bytes | None]) -> None:
        if not self.objects.path(TABLES_FOLDER).exists():
            self.mark_sealed()
        try:
            self.objects.update(self.key(table, unit), change)
        except IsADirectoryError:
            raise self._damage(table, unit, "it is a folder") from None
        told, self._on_first_write = self._on_first_write, None
        if told is not None:
            told(self)

    def _metadata(self, table: Table, unit: str) -> dict[str, str] | None:
        data = self._object(table, unit)
        if data is None:
            return None
        with self._decoding(table, unit):
            return _read_metadata(data)


def _is_sound(root: Path, path: Path, own: Path) -> bool:
    try:
        return (
            path.is_file()
            and not path.is_symlink()
            and seal.verify(own.relative_to(root).as_posix(), path.read_bytes())
        )
    except (seal.SealError, OSError):
        return False


class UnknownColumnsError(Exception):
    """An object has columns that its table does not have."""


def _rows(table: Table, data: bytes) -> pl.LazyFrame:
    """The rows of an object; null in columns that the table did not have when it was written.

    Raises:
        UnknownColumnsError: it has columns that the table has not.
    """
    rows = pl.scan_parquet(io.BytesIO(data))
    held = rows.collect_schema().names()
    strange = [name for name in held if name not in table.columns]
    if strange:
        raise UnknownColumnsError(
            f"its columns {', '.join(strange)} are none of {table.name}: a newer version of alpha_pipeline wrote it, "
            "or it is of another table"
        )
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
