"""The DuckDB side: views over the Parquet objects, and SQL.

`alpha.duckdb` holds schemas and views only, so deleting it loses nothing. It is never needed by the pipeline
itself, and it is never replaced under an open reader: views read globs, so new objects show by themselves.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from alpha_pipeline.errors import AlphaError
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.raw import BARS, REVISIONS

DATABASE = "alpha.duckdb"

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


class SqlError(AlphaError):
    """DuckDB refused a query."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"SQL: {detail}")


def statements(warehouse: Warehouse, tables: Sequence[Table]) -> list[str]:
    """The statements that define every schema, view and table macro; each view works before its first row is written.

    ``raw.bars_as_of(moment)`` is a table macro: `raw.bars` as they were known at a moment, text such as
    ``'2025-06-30 21:00:00+00'`` (UTC where it names no zone).
    """
    found = [f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in sorted({t.name.split(".")[0] for t in tables})]
    for table in tables:
        glob = (warehouse.root / warehouse.folder(table) / "*.parquet").as_posix().replace("'", "''")
        columns = ", ".join(f'"{column}"' for column in table.columns)
        found.append(
            f"CREATE OR REPLACE VIEW {table.name} AS "  # noqa: S608  names of our own tables, and a quoted path
            f"SELECT {columns} FROM read_parquet('{glob}', union_by_name = true, hive_partitioning = false)"
        )
    if BARS in tables and REVISIONS in tables:
        found.append(_BARS_AS_OF.format(columns=", ".join(f'"{column}"' for column in BARS.columns)))
    return found


def comments(tables: Sequence[Table]) -> list[str]:
    """The statements that give every view and column its words, for `duckdb_views()` and `duckdb_columns()`."""
    said = [(f"VIEW {table.name}", table.description) for table in tables]
    said += [
        (f'COLUMN {table.name}."{name}"', column.description or "")
        for table in tables
        for name, column in table.schema.columns.items()
    ]
    return [f"COMMENT ON {what} IS '{words.replace(chr(39), chr(39) * 2)}'" for what, words in said]


def publish(warehouse: Warehouse, tables: Sequence[Table]) -> bool:
    """Bring `alpha.duckdb` up to date with the tables.

    Returns:
        False when someone holds the file open. Nothing is lost by that: its views already read the new objects.
    """
    warehouse.root.mkdir(parents=True, exist_ok=True)
    _seed_empty_tables(warehouse, tables)
    path = warehouse.root / DATABASE
    wanted = [*statements(warehouse, tables), *comments(tables)]
    try:
        with duckdb.connect(str(path)) as connection:
            connection.begin()  # one write to the disk instead of hundreds
            for statement in wanted:
                connection.execute(statement)
            connection.commit()
    except duckdb.IOException:  # the lock of another process
        return False
    return True


def query(warehouse: Warehouse, tables: Sequence[Table], sql: str) -> pl.DataFrame:
    """Run SQL over the views in a database of its own, so that no open shell can block it.

    Raises:
        SqlError: DuckDB's first line about what is wrong.
    """
    _seed_empty_tables(warehouse, tables)
    with _pinned(warehouse, tables) as still, duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements(still, tables):
            connection.execute(statement)
        try:
            relation = connection.sql(sql)
            return pl.DataFrame() if relation is None else relation.pl()
        except duckdb.Error as error:
            raise SqlError(str(error).strip().replace("\n", " ")) from None


@contextmanager
def _pinned(warehouse: Warehouse, tables: Sequence[Table]) -> Iterator[Warehouse]:
    """The objects as they are now, under names that no writer replaces.

    DuckDB opens a file more than once in a query, and takes one that was replaced in between for broken.
    """
    with tempfile.TemporaryDirectory(dir=warehouse.root, prefix=".pinned") as folder:
        for table in tables:
            target = Path(folder) / warehouse.folder(table)
            target.mkdir(parents=True)
            for path in (warehouse.root / warehouse.folder(table)).glob("[!.]*.parquet"):
                _link(path, target / path.name)
        yield Warehouse(Path(folder))


def _link(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except (OSError, NotImplementedError):  # a file system, or a system, without hard links
        shutil.copyfile(path, target)


def _seed_empty_tables(warehouse: Warehouse, tables: Sequence[Table]) -> None:
    """Give every table an object without rows: a glob that matches nothing is an error in DuckDB."""
    for table in tables:
        key = f"{warehouse.folder(table)}/_empty.parquet"
        path: Path = warehouse.objects.path(key)
        if not path.exists() or pl.read_parquet_schema(path) != table.empty().schema:
            warehouse.objects.put(key, _bytes(table.empty()))


def _bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()
