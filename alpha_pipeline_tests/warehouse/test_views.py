from pathlib import Path

import duckdb
import pytest

from alpha_pipeline.warehouse import views
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
        assert views.query(warehouse, TABLES, "select count(*) as n from raw.bars")["n"].to_list() == [5]
        shell.communicate()
    assert views.publish(warehouse, TABLES)


def test_deleting_the_database_loses_nothing(warehouse: Warehouse) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    views.publish(warehouse, TABLES)
    Path(warehouse.root / views.DATABASE).unlink()
    views.publish(warehouse, TABLES)
    with duckdb.connect(str(warehouse.root / views.DATABASE)) as connection:
        assert connection.sql("select count(*) from raw.bars").fetchall() == [(5,)]


@pytest.mark.parametrize("wrong", ["select nothing from nowhere", "selec 1", "select cast('nowhere' as int)"])
def test_wrong_sql_says_what_is_wrong(warehouse: Warehouse, wrong: str) -> None:
    with pytest.raises(views.SqlError, match=r"SQL: .*(nowhere|selec)"):
        views.query(warehouse, TABLES, wrong)
