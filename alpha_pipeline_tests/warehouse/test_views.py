import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from alpha_pipeline.warehouse import sql, views
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw, signals
from alpha_pipeline_tests.warehouse.conftest import bars

TABLES = (raw.BARS, raw.QUARANTINE, signals.MAG7_VOTE)


def test_views_read_objects_and_work_while_empty(warehouse: Warehouse) -> None:
    assert views.publish(warehouse, TABLES)
    with duckdb.connect(str(warehouse.root / views.DATABASE), read_only=True) as connection:
        assert connection.sql("select count(*) from raw.bars").fetchall() == [(0,)]
        warehouse.write(raw.BARS, "^VIX", bars("^VIX"))
        assert connection.sql("select ticker, count(*) from raw.bars group by 1").fetchall() == [("^VIX", 5)]
        assert connection.sql("from signals.mag7_vote").columns == signals.MAG7_VOTE.columns


def test_a_shell_shows_what_a_table_and_its_columns_are(warehouse: Warehouse) -> None:
    assert views.publish(warehouse, TABLES)
    assert views.publish(warehouse, TABLES)
    with duckdb.connect(str(warehouse.root / views.DATABASE), read_only=True) as connection:
        said = dict(
            connection.sql(
                "select column_name, comment from duckdb_columns() where schema_name = 'raw' and table_name = 'bars'"
            ).fetchall()
        )
        assert said == {name: column.description for name, column in raw.BARS.schema.columns.items()}
        [[words]] = connection.sql("select comment from duckdb_views() where view_name = 'mag7_vote'").fetchall()
        assert words == signals.MAG7_VOTE.description


def test_a_shell_holding_the_file_open_blocks_neither_publishing_nor_queries(warehouse: Warehouse) -> None:
    views.publish(warehouse, TABLES)
    import subprocess
    import sys

    path = warehouse.root / views.DATABASE
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"open\n"
        warehouse.write(raw.BARS, "QQQ", bars())
        assert not views.publish(warehouse, TABLES)
        assert sql.query(warehouse, TABLES, "select count(*) as n from raw.bars")["n"].to_list() == [5]
        shell.communicate()
    assert views.publish(warehouse, TABLES)


def test_deleting_the_database_loses_nothing(warehouse: Warehouse) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    views.publish(warehouse, TABLES)
    Path(warehouse.root / views.DATABASE).unlink()
    views.publish(warehouse, TABLES)
    with duckdb.connect(str(warehouse.root / views.DATABASE)) as connection:
        assert connection.sql("select count(*) from raw.bars").fetchall() == [(5,)]


def shell(database: Path, query: str, folder: Path) -> list[tuple[Any, ...]]:
    """What a plain DuckDB shell that is started in some folder shows."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with duckdb.connect(str(database), read_only=True) as connection:
            return connection.sql(query).fetchall()
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    "query", ["from raw.bars", "select count(*) from raw.bars", "from raw.bars_as_of('2100-01-01')"]
)
def test_a_copy_never_shows_the_rows_of_its_original(warehouse: Warehouse, tmp_path: Path, query: str) -> None:
    tables = (raw.BARS, raw.REVISIONS)
    warehouse.write(raw.BARS, "QQQ", bars())
    views.publish(warehouse, tables)
    copy = Warehouse(tmp_path / "copy")
    shutil.copytree(warehouse.root, copy.root)
    warehouse.write(raw.BARS, "QQQ", bars(days=3))
    database = copy.root / views.DATABASE
    for opened, folder in ((database, tmp_path), (Path(views.DATABASE), copy.root)):
        with pytest.raises(duckdb.Error, match=r"lies elsewhere.*alpha doctor"):
            shell(opened, query, folder)
    assert views.publish(copy, tables)
    assert shell(database, "select count(*) from raw.bars", warehouse.root) == [(5,)]
    assert shell(warehouse.root / views.DATABASE, "select count(*) from raw.bars", copy.root) == [(3,)]


def test_a_moved_warehouse_never_shows_the_rows_of_one_in_its_old_place(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    views.publish(warehouse, TABLES)
    moved = Warehouse(warehouse.root.rename(tmp_path / "moved"))
    other = Warehouse(tmp_path / "warehouse")
    other.write(raw.BARS, "SPY", bars("SPY"))
    views.publish(other, TABLES)
    with pytest.raises(duckdb.Error, match="lies elsewhere"):
        shell(moved.root / views.DATABASE, "from raw.bars", tmp_path)
    views.publish(moved, TABLES)
    assert shell(moved.root / views.DATABASE, "select distinct ticker from raw.bars", tmp_path) == [("QQQ",)]


def test_warehouses_attached_side_by_side_show_each_its_own_and_a_copy_none(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    other = Warehouse(tmp_path / "other")
    for held, days in ((warehouse, 5), (other, 3)):
        held.write(raw.BARS, "QQQ", bars(days=days))
        views.publish(held, TABLES)
    shutil.copytree(warehouse.root, tmp_path / "copy")

    def attached(*folders: Path) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            for number, folder in enumerate(folders):
                connection.execute(f"attach '{folder / views.DATABASE}' as w{number} (read_only)")
            return [connection.sql(f"select count(*) from w{i}.raw.bars").fetchall()[0] for i in range(len(folders))]

    assert attached(warehouse.root, other.root) == [(5,), (3,)]
    with pytest.raises(duckdb.Error, match="lies elsewhere"):
        attached(tmp_path / "copy", warehouse.root)


def test_a_link_to_a_warehouse_is_the_warehouse(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    views.publish(warehouse, TABLES)
    (tmp_path / "link").symlink_to(warehouse.root)
    assert shell(tmp_path / "link" / views.DATABASE, "select count(*) from raw.bars", tmp_path) == [(5,)]


@pytest.mark.parametrize("name", ["we'ird [12] *x", "a b [!c] {d,e}", '50% "off" #é $HOME ~', "[[]1] **"])
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    """Each of these is a pattern that fits the folder beside it too."""
    warehouse, beside = Warehouse(tmp_path / name), Warehouse(tmp_path / "we'ird 1 yx")
    beside.write(raw.BARS, "SPY", bars("SPY"))
    warehouse.write(raw.BARS, "M&M.NS", bars("M&M.NS"))
    assert views.publish(warehouse, TABLES)
    assert shell(warehouse.root / views.DATABASE, "select distinct ticker from raw.bars", tmp_path) == [("M&M.NS",)]
    assert sql.query(warehouse, TABLES, "from raw.bars").equals(warehouse.read(raw.BARS))


def test_a_folder_that_duckdb_cannot_write_to_is_read(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "what?")
    warehouse.write(raw.BARS, "QQQ", bars())
    assert not views.publish(warehouse, TABLES)
    assert sql.query(warehouse, TABLES, "from raw.bars").height == 5
