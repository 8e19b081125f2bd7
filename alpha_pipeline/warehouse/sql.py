"""SQL over the warehouse: it reads what was held when it began, changes nothing and leaves nothing behind."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import duckdb
import polars as pl
from filelock import FileLock, Timeout

from alpha_pipeline import interruption
from alpha_pipeline.errors import AlphaError, DamageError
from alpha_pipeline.warehouse import result_types
from alpha_pipeline.warehouse.places import PINNED
from alpha_pipeline.warehouse.result_types import Purpose
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.views import EMPTY, empty_object, escaped, literal, statements

# A folder is locked a moment after it is made: one without a lock gets a minute.
_GRACE_S: Final = 60.0
_Type = duckdb.StatementType
_SHOWS: Final = {_Type.SELECT, _Type.EXPLAIN, _Type.PRAGMA, _Type.CALL, _Type.MULTI, _Type.EXECUTE}
# In the memory of this one call, and gone after it.
_MAKES: Final = {
    _Type.CREATE, _Type.INSERT, _Type.UPDATE, _Type.DELETE, _Type.DROP, _Type.ALTER, _Type.MERGE_INTO,
}  # fmt: skip
_QUIET: Final = {_Type.TRANSACTION, _Type.SET, _Type.VARIABLE_SET, _Type.VACUUM, _Type.ANALYZE}
_MAY_PIVOT: Final = {"PIVOT", "PIVOT_WIDER", "UNPIVOT", "PIVOT_LONGER", "WITH", "SELECT", "FROM", "VALUES", "CREATE"}
_EXPLAIN: Final = re.compile(r"^\s*explain\s+(analyze\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)
# A prepared statement may be any of them.
_TOUCHES_FILES: Final = {
    _Type.COPY, _Type.COPY_DATABASE, _Type.ATTACH, _Type.DETACH, _Type.EXPORT, _Type.PREPARE, _Type.EXECUTE,
}  # fmt: skip


class SqlError(AlphaError):
    """DuckDB refused a query, or it is more than reading."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"SQL: {detail}")


@dataclass(frozen=True)
class Answers:
    """What some statements came to.

    Attributes:
        frames: the result of each statement that has one, in their order; of a query for JSON, in `json_columns` JSON
            texts.
        json_columns: by result, the columns whose texts are JSON already.
        n_made: statements that made or changed something in memory, which is gone.
    """

    frames: tuple[pl.DataFrame, ...]
    json_columns: tuple[frozenset[str], ...]
    n_made: int


def query(warehouse: Warehouse, tables: Sequence[Table], sql: str) -> pl.DataFrame:
    """The last result of some SQL; no rows and no columns where there is none.

    Raises:
        SqlError: as `answers` does.
    """
    frames = answers(warehouse, tables, sql).frames
    return frames[-1] if frames else pl.DataFrame()


def answers(
    warehouse: Warehouse,
    tables: Sequence[Table],
    sql: str,
    *,
    purpose: Purpose = "values",
    allow_files: bool = False,
) -> Answers:
    """Run SQL over the views in a database of its own, so that no open shell can block it.

    Args:
        warehouse: what is read.
        tables: a view for each.
        sql: one or more statements.
        purpose: what the results are for: `text` and `json` ask for columns that a text can hold.
        allow_files: whether other files may be read and written too.

    Raises:
        SqlError: DuckDB's first line about what is wrong, or a statement that does more than read.
        KeyboardInterrupt: it was interrupted.
    """
    with _pinned(warehouse, tables) as place, duckdb.connect(":memory:") as connection:
        defined = [
            *statements(tables, place.files, is_checked=True),
            *(_refusing(place, *one) for one in place.damaged.items()),
        ]
        for statement in [*defined, *_settings(place, allow_files=allow_files)]:
            connection.execute(statement)
        try:
            with interruption.calling(connection.interrupt):
                return _run(connection, sql, purpose, allow_files=allow_files)
        except duckdb.PermissionException as error:
            raise SqlError(f"{_first_line(error)}. Only the warehouse is read; --allow-files lifts that.") from None
        except (duckdb.Error, RuntimeError) as error:
            interruption.require_wanted()  # DuckDB puts an error of its own in the place of the signal's
            if not isinstance(error, duckdb.Error):
                raise
            raise SqlError(_first_line(error)) from None


def _first_line(error: Exception) -> str:
    return str(error).strip().replace("\n", " ")


def _run(connection: duckdb.DuckDBPyConnection, sql: str, purpose: Purpose, *, allow_files: bool) -> Answers:
    frames, columns, n_made = list[pl.DataFrame](), list[frozenset[str]](), 0
    given = connection.extract_statements(sql)
    for statement in given:
        _require_reading(connection, statement, allow_files=allow_files)
    for statement in given:
        if statement.type in _SHOWS and _first_word(statement.query) != "CREATE":
            relation = connection.sql(statement.query)
            if relation is not None:
                frame, texts = result_types.frame_of(relation, purpose)
                frames.append(frame)
                columns.append(texts)
        else:
            connection.execute(statement)
            n_made += statement.type in _MAKES or statement.type is _Type.MULTI
    return Answers(tuple(frames), tuple(columns), n_made)


def _require_reading(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement, *, allow_files: bool) -> None:
    """Refuse what does more than read; DuckDB's own settings alone would let it write where it may read.

    Raises:
        SqlError: naming the statement.
    """
    word = _first_word(statement.query)
    try:
        kind = statement.type
    except ValueError:  # DuckDB knows the kind and its Python client does not (UPDATE EXTENSIONS)
        raise SqlError(f"no {word} here: the warehouse is only read.") from None
    if word == "EXPLAIN":  # with ANALYZE it runs what it explains
        inner = connection.extract_statements(_EXPLAIN.sub("", statement.query, count=1))
        if not inner or _first_word(inner[0].query) == "EXPLAIN":
            raise SqlError("what EXPLAIN explains cannot be told; leave out comments and brackets before it.")
        for one in inner:
            _require_reading(connection, one, allow_files=allow_files)
        return
    # What holds a PIVOT is several statements to DuckDB, whatever they are at last.
    hides = (kind is _Type.MULTI and word not in _MAY_PIVOT) or (kind is _Type.PRAGMA and word == "IMPORT")
    touches_files = kind in _TOUCHES_FILES or hides
    if touches_files and allow_files:
        return
    if touches_files or kind not in _SHOWS | _MAKES | _QUIET:
        name = "INSTALL and LOAD" if kind is _Type.LOAD else word
        lifted = "; --allow-files lets it read and write other files" if touches_files else ""
        raise SqlError(f"no {name} here: the warehouse is only read. --out FILE writes a result{lifted}.")


def _first_word(query: str) -> str:
    found = re.match(r"\W*(\w+)", query)
    return found[1].upper() if found else ""


def _settings(place: "_Place", *, allow_files: bool) -> list[str]:
    """What locks a connection: nothing is fetched, no other file is touched, and no statement lifts that."""
    # A pattern is held against the folders letter by letter, before it is one: its own spelling counts too.
    texts = [text for folder in place.all for text in (folder.as_posix(), escaped(folder))]
    closed = [
        f"SET allowed_directories = [{', '.join(map(literal, texts))}]",
        "SET enable_external_access = false",
    ]
    return [
        "SET TimeZone = 'UTC'",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
        "SET allow_persistent_secrets = false",
        "SET python_enable_replacements = false",
        f"SET temp_directory = {literal((place.own / 'spill').as_posix())}",
        *([] if allow_files else closed),
        "SET lock_configuration = true",
    ]


@dataclass(frozen=True)
class _Place:
    """Where a query finds its objects.

    Attributes:
        own: a folder of the query's alone, gone after it.
        root: the warehouse's folder where its objects are read in place; None where they are linked into `own`.
        read: by table what its view reads: objects whose bytes were looked at.
        damaged: by table why its view reads nothing and fails instead.
    """

    own: Path
    root: Path | None
    read: dict[str, list[str]] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    @property
    def all(self) -> list[Path]:
        """The folders that may be read."""
        return [self.own, *([] if self.root is None else [self.root])]

    def files(self, table: Table) -> list[str]:
        """What the view of a table reads."""
        return self.read[table.name]


@contextmanager
def _pinned(warehouse: Warehouse, tables: Sequence[Table]) -> Iterator[_Place]:
    """The objects as they are now, under names that no writer replaces.

    DuckDB opens a file more than once in a query, and takes one that was replaced in between for broken. Where nothing
    can be written beside the objects they are read in place.
    """
    _sweep(warehouse.root)
    try:
        own = Path(tempfile.mkdtemp(dir=warehouse.root, prefix=PINNED))
        place = _Place(own, None)
    except OSError:
        own = Path(tempfile.mkdtemp(prefix="alpha_sql"))
        place = _Place(own.resolve(), warehouse.root)
    try:
        with interruption.leaving(lambda: shutil.rmtree(own, ignore_errors=True)), FileLock(own / "lock"):
            for table in tables:
                try:
                    place.read[table.name] = _fill(warehouse, table, place)
                except DamageError as error:
                    place.read[table.name] = [_seed(table, place)]
                    place.damaged[table.name] = str(error)
            yield place
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _fill(warehouse: Warehouse, table: Table, place: _Place) -> list[str]:
    """Pin the objects of a table and look at their bytes; what lies beside them is not read.

    Raises:
        DamageError: one of them is not what was stored.
    """
    pinned = Warehouse(place.own)
    found = [_seed(table, place)]
    for unit in warehouse.units(table):
        path = warehouse.objects.path(warehouse.key(table, unit))
        if place.root is None and path.is_file():
            _link(path, pinned.objects.path(pinned.key(table, unit)))
            path = pinned.objects.path(pinned.key(table, unit))
        warehouse.require_sound(table, unit, path)
        found.append(escaped(path))
    return found


def _seed(table: Table, place: _Place) -> str:
    """An object without rows, which a view needs where nothing is held."""
    path = Warehouse(place.own).folder_path(table) / EMPTY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(empty_object(table))
    return escaped(path)


def _refusing(place: _Place, name: str, why: str) -> str:
    """A view that fails, whatever is asked of it, with the words of what is damaged."""
    [seed] = place.read[name]
    return (
        f"CREATE OR REPLACE VIEW {name} AS SELECT columns.* FROM (SELECT error({literal(why)}) AS why) AS damage "  # noqa: S608
        f"LEFT JOIN read_parquet({literal(seed)}) AS columns ON damage.why IS NOT NULL"
    )


def _link(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except (OSError, NotImplementedError):  # a file system, or a system, without hard links
        shutil.copyfile(path, target)


def _sweep(root: Path) -> None:
    """Remove what killed queries left: the system let go of their locks."""
    for folder in root.glob(f"{PINNED}*"):
        with suppress(OSError, Timeout):
            if abs(time.time() - folder.stat().st_mtime) > _GRACE_S:  # a time ahead is of a wrong clock
                with FileLock(folder / "lock", blocking=False):
                    pass
                shutil.rmtree(folder, ignore_errors=True)
