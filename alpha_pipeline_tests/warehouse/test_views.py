import datetime as dt
from pathlib import Path

import duckdb
import polars as pl
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
        assert views.query(warehouse, TABLES, "select count(*) as n from raw.bars")["n"].to_list() == [5]
        shell.communicate()
    assert views.publish(warehouse, TABLES)


def test_a_query_reads_what_was_held_when_it_began(warehouse: Warehouse) -> None:
    """DuckDB opens a file more than once, and one that is replaced in between is broken to it."""
    warehouse.write(raw.BARS, "QQQ", bars())
    views.query(warehouse, TABLES, "select 1")
    with views._pinned(warehouse, TABLES) as still:
        warehouse.write(raw.BARS, "QQQ", bars(days=3))
        assert still.read(raw.BARS, ["QQQ"]).height == 5
    assert views.query(warehouse, TABLES, "from raw.bars").height == 3
    assert [path.name for path in warehouse.root.glob(".pinned*")] == []


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


def test_bars_as_they_were_known_at_a_past_moment(warehouse: Warehouse) -> None:
    monday, tuesday, wednesday = (dt.datetime(2024, 3, day, 21, tzinfo=dt.UTC) for day in (4, 5, 6))
    rows = bars().head(2)
    first, second = rows["session"]
    early = rows.with_columns(fetched_at=pl.lit(monday), is_final=pl.col("session") == first)
    late = rows.with_columns(pl.col("close") * 1.001, fetched_at=pl.lit(tuesday), is_final=pl.lit(value=True))
    # On Tuesday the first bar was corrected and the second finalised; on Wednesday the first was withdrawn.
    replaced = early.with_columns(superseded_at=pl.lit(tuesday), cause=pl.Series(["correction", "finalised"])).drop(
        "is_final"
    )
    withdrawn = late.filter(session=first).with_columns(superseded_at=pl.lit(wednesday), cause=pl.lit("correction"))
    warehouse.write(raw.BARS, "QQQ", late.filter(session=second))
    warehouse.write(raw.REVISIONS, "QQQ", pl.concat([replaced, withdrawn.drop("is_final")]))

    def known(moment: dt.datetime | str) -> pl.DataFrame:
        return views.query(warehouse, (raw.BARS, raw.REVISIONS), f"from raw.bars_as_of('{moment}')")

    assert known(monday - dt.timedelta(seconds=1)).is_empty()
    assert known(monday).equals(raw.BARS.conform(early))
    assert known("2024-03-05 20:59:59").equals(raw.BARS.conform(early))  # without a zone it is UTC
    assert known(tuesday).equals(raw.BARS.conform(late))
    assert known(wednesday)["session"].to_list() == [second]


@pytest.mark.parametrize("error", [OSError("not permitted"), NotImplementedError("os.link() is not there")])
def test_a_query_does_without_hard_links(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    warehouse.write(raw.BARS, "QQQ", bars())
    assert views.query(warehouse, TABLES, "from raw.bars").height == 5
