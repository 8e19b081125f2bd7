"""The DuckDB side: views over the Parquet objects.

`alpha.duckdb` holds schemas and views only, so deleting it loses nothing. It is never needed by the pipeline
itself, and it is never replaced under an open reader: views read globs, so new objects show by themselves.

A view can only name files by their whole paths. A copy of a warehouse would so show the rows of the one it was copied
from, and a moved one those of whatever lies in its old place: every view first looks where its database lies, and
refuses anywhere else.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import polars as pl

from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.raw import BARS, REVISIONS

DATABASE = "alpha.duckdb"
EMPTY = "_empty.parquet"

# A bar was known from when it was fetched until it was superseded. A revision was final unless that is why it went.
_BARS_AS_OF = """
CREATE OR REPLACE MACRO raw.bars_as_of(moment) AS TABLE
    SELECT {columns} FROM (
        SELECT * FROM raw.bars
        UNION ALL BY NAME
        SELECT * EXCLUDE (superseded_at, cause), cause <> 'finalised' AS is_final FROM raw.revisions
        WHERE superseded_at > CAST(moment AS TIMESTAMPTZ)
    )
    WHERE fetched_at <= CAST(moment AS TIMESTAMPTZ)
    QUALIFY row_number() OVER (PARTITION BY ticker, session ORDER BY fetched_at DESC) = 1
    ORDER BY ticker, session
"""

# Two databases attached at once may both be copies: what counts is that every one with these views lies in its place.
# The place is told by its hash, which is the same in a view's text as in its value, whatever the folder is called.
_IN_ITS_PLACE = """
    (SELECT CASE WHEN bool_and(md5(path) = '{mark}') THEN true
        ELSE error('this alpha.duckdb was made as ' || {path} || ' and lies elsewhere, a copy or moved: its views '
            || 'would show the rows of that folder. `alpha doctor --mend --warehouse` on its folder makes it anew.')
        END
    FROM duckdb_databases() WHERE database_name IN (SELECT database_name FROM duckdb_views()
        WHERE schema_name = '{schema}' AND view_name = '{name}' AND contains(sql, '{mark}')))
"""


def literal(text: str) -> str:
    """A text as SQL has it."""
    return "'" + text.replace("'", "''") + "'"


def escaped(folder: Path) -> str:
    """A folder in a glob, whatever it is called."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in folder.as_posix())


def glob_of(folder: Path) -> str:
    """The objects in a folder, and whatever else is called like one."""
    return f"{escaped(folder)}/*.parquet"


def statements(
    tables: Sequence[Table], files: Callable[[Table], Sequence[str]], condition: str = "", *, is_checked: bool = False
) -> list[str]:
    """The statements that define every schema, view and table macro.

    ``raw.bars_as_of(moment)`` is a table macro: `raw.bars` as they were known at a moment, text such as
    ``'2025-06-30 21:00:00+00'`` (UTC where it names no zone).

    Args:
        tables: a view for each.
        files: what a table's view reads, files or globs; each must name one.
        condition: what has to hold for a view to show its rows.
        is_checked: whether the files are known to be objects of the table. Where they are not, a view fails at the
            first row that is not of the unit of its file's name: it lies in a copy, or in the object of another unit.
    """
    found = [f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in sorted({t.name.split(".")[0] for t in tables})]
    for table in tables:
        read = ", ".join(literal(file) for file in files(table))
        columns = ", ".join(f'"{column}"' for column in table.columns)
        named = "" if is_checked else ", filename = 'alpha_file'"
        conditions = [one for one in (condition, "" if is_checked else _in_its_file(table)) if one]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        found.append(
            f"CREATE OR REPLACE VIEW {table.name} AS "  # noqa: S608  names of our own tables, and quoted paths
            f"SELECT {columns} FROM read_parquet([{read}], union_by_name = true, hive_partitioning = false{named})"
            f"{where}"
        )
    if BARS in tables and REVISIONS in tables:
        found.append(_BARS_AS_OF.format(columns=", ".join(f'"{column}"' for column in BARS.columns)))
    return found


def _in_its_file(table: Table) -> str:
    """The condition that a row lies in the file of its unit."""
    unit = "CAST(year(session) AS VARCHAR)" if table.unit == "year" else f'url_encode("{table.unit}")'
    return (
        f"CASE WHEN parse_filename(alpha_file, true) = {unit} THEN true ELSE error(alpha_file || ' holds rows of ' || "
        f"{unit} || ': it is a copy, or another unit under that name. `alpha doctor` says what mends it.') END"
    )


def comments(tables: Sequence[Table]) -> list[str]:
    """The statements that give every view and column its words, for `duckdb_views()` and `duckdb_columns()`."""
    said = [(f"VIEW {table.name}", table.description) for table in tables]
    said += [
        (f'COLUMN {table.name}."{name}"', column.description or "")
        for table in tables
        for name, column in table.schema.columns.items()
    ]
    return [f"COMMENT ON {what} IS {literal(words)}" for what, words in said]


def publish(warehouse: Warehouse, tables: Sequence[Table]) -> bool:
    """Bring `alpha.duckdb` up to date with the tables.

    Returns:
        False when someone holds the file open, or the folder takes no writing. Nothing is lost by that: views that are
        there already read the new objects.
    """
    try:
        warehouse.root.mkdir(parents=True, exist_ok=True)
        _seed_empty_tables(warehouse, tables)
        with duckdb.connect(str(warehouse.root / DATABASE)) as connection:
            in_place = _in_its_place(connection, tables[0])
            connection.begin()  # one write to the disk instead of hundreds
            for statement in [*statements(tables, seen(warehouse), in_place), *comments(tables)]:
                connection.execute(statement)
            connection.commit()
    # The lock of another process, a folder without permission, or one whose name DuckDB cannot write to (a `?` in it).
    except (duckdb.IOException, duckdb.TransactionException, OSError):
        return False
    return True


def fault(warehouse: Warehouse) -> str | None:
    """What is wrong with `alpha.duckdb`, as far as opening it to read tells; None where nothing is, or it is in use."""
    path = warehouse.root / DATABASE
    if not path.exists():
        return None
    if not path.is_file():
        return "it is no file"
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("SELECT count(*) FROM duckdb_views()").fetchall()
    except duckdb.Error as error:
        words = str(error).strip().partition("\n")[0]
        return None if "lock" in words else words
    return None


def seen(warehouse: Warehouse) -> Callable[[Table], list[str]]:
    """What the views of `alpha.duckdb` read: whatever objects there are when they are asked."""
    return lambda table: [glob_of(warehouse.folder_path(table))]


def _in_its_place(connection: duckdb.DuckDBPyConnection, table: Table) -> str:
    """The condition that the database lies where it lies now, by the path that DuckDB itself gives it."""
    [[path, mark]] = connection.sql(
        "SELECT path, md5(path) FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchall()
    schema, name = table.name.split(".")
    return _IN_ITS_PLACE.format(path=literal(path), mark=mark, schema=schema, name=name)


def empty_object(table: Table) -> bytes:
    """An object without rows: a glob that matches nothing is an error in DuckDB."""
    buffer = io.BytesIO()
    table.empty().write_parquet(buffer)
    return buffer.getvalue()


def has_empty_object(warehouse: Warehouse, table: Table) -> bool:
    """Whether the object without rows is there and has the columns of today."""
    try:
        return pl.read_parquet((warehouse.folder_path(table) / EMPTY).read_bytes()).equals(table.empty())
    except (OSError, pl.exceptions.PolarsError):
        return False


def _seed_empty_tables(warehouse: Warehouse, tables: Sequence[Table]) -> None:
    """Give every table an object without rows, so that its view works before its first row is written."""
    for table in tables:
        if not has_empty_object(warehouse, table):
            warehouse.objects.put(f"{warehouse.folder(table)}/{EMPTY}", empty_object(table))
