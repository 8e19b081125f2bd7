"""SQL over a warehouse: what it reads, what it refuses, and that it leaves nothing behind."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.warehouse import sql
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw, signals
from alpha_pipeline_tests.warehouse.conftest import bars

TABLES = (raw.BARS, raw.QUARANTINE, signals.MAG7_VOTE)
ENDLESS = "select count(*) from range(100000000) a, range(1000000) b where a.range * b.range % 7 = 3"


def on_disk(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_query_reads_what_was_held_when_it_began(warehouse: Warehouse) -> None:
    """DuckDB opens a file more than once, and one that is replaced in between is broken to it."""
    warehouse.write(raw.BARS, "QQQ", bars())
    sql.query(warehouse, TABLES, "select 1")
    with sql._pinned(warehouse, TABLES) as place:
        warehouse.write(raw.BARS, "QQQ", bars(days=3))
        assert Warehouse(place.own).read(raw.BARS, ["QQQ"]).height == 5
    assert sql.query(warehouse, TABLES, "from raw.bars").height == 3
    assert [path.name for path in warehouse.root.glob(".pinned*")] == []


@pytest.mark.parametrize("wrong", ["select nothing from nowhere", "selec 1", "select cast('nowhere' as int)"])
def test_wrong_sql_says_what_is_wrong(warehouse: Warehouse, wrong: str) -> None:
    with pytest.raises(sql.SqlError, match=r"SQL: .*(nowhere|selec)"):
        sql.query(warehouse, TABLES, wrong)


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
        return sql.query(warehouse, (raw.BARS, raw.REVISIONS), f"from raw.bars_as_of('{moment}')")

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
    assert sql.query(warehouse, TABLES, "from raw.bars").height == 5


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("copy raw.bars to '{root}/tables/raw/bars/QQQ.parquet'", "no COPY here"),
        ("copy (select 1) to '{elsewhere}/x.csv'", "no COPY here"),
        ("explain analyze copy (select 1) to '{root}/x.csv'", "no COPY here"),
        ("explain /* */ analyze copy (select 1) to '{root}/x.csv'", "SQL: "),
        ("copy (pivot raw.bars on ticker using sum(volume)) to '{root}/x.csv'", "no COPY here"),
        ("explain analyze copy (pivot raw.bars on ticker using sum(volume)) to '{root}/x.csv'", "no COPY here"),
        ("explain explain analyze copy (select 1) to '{root}/x.csv'", "SQL: "),
        ("import database '{root}'", "no IMPORT here"),
        ("update extensions", "no UPDATE here"),
        ("prepare p as copy (select 1) to '{root}/x.csv'; execute p", "no PREPARE here"),
        ("export database '{root}/x'", "no EXPORT here"),
        ("attach '{elsewhere}/x.duckdb'", "no ATTACH here"),
        ("select 1; attach '{elsewhere}/x.duckdb'", "no ATTACH here"),
        ("install httpfs", "no INSTALL and LOAD here"),
        ("load httpfs", "no INSTALL and LOAD here"),
        ("from read_text('/etc/hostname')", "--allow-files"),
        ("from '{elsewhere}/theirs.parquet'", "--allow-files"),
        ("from glob('{elsewhere}/*')", "--allow-files"),
        ("set enable_external_access = true", "configuration has been locked"),
        ("call enable_logging(storage = 'file', storage_path = '{elsewhere}/log')", "configuration has been locked"),
        ("create persistent secret s (type http)", "ersistent secrets are disabled"),
        ("delete from raw.bars", "SQL: "),
        ("from tables", "tables"),
    ],
)
def test_only_the_warehouse_is_read_and_nothing_is_written(
    warehouse: Warehouse, tmp_path: Path, query: str, words: str
) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    bars().write_parquet(tmp_path / "theirs.parquet")
    before = on_disk(tmp_path)
    with pytest.raises(sql.SqlError, match=words):
        sql.query(warehouse, TABLES, query.format(root=warehouse.root, elsewhere=tmp_path))
    assert on_disk(tmp_path) == before


def test_other_files_are_read_and_written_when_asked_for(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    (tmp_path / "mine.csv").write_text("ticker,note\nQQQ,held\n")
    query = (
        f"copy (select ticker, note from raw.bars join '{tmp_path}/mine.csv' using (ticker) limit 1) "
        f"to '{tmp_path}/out.csv'; attach '{tmp_path}/mine.duckdb' as mine; create table mine.t as select 1 as a"
    )
    sql.answers(warehouse, TABLES, query, allow_files=True)
    assert (tmp_path / "out.csv").read_text() == "ticker,note\nQQQ,held\n"
    assert (tmp_path / "mine.duckdb").exists()
    with pytest.raises(sql.SqlError, match="INSTALL"):
        sql.answers(warehouse, TABLES, "install httpfs", allow_files=True)


def test_every_result_is_given_and_what_was_made_is_counted(warehouse: Warehouse) -> None:
    found = sql.answers(
        warehouse,
        TABLES,
        "create table t as select 3 as a; insert into t values (4); from t; set variable b = 2; "
        "select getvariable('b') as b; explain select 1; pivot t on a using sum(a); describe t; select 1 where false;"
        "-- a comment\nexplain analyze (format json) from t; create table u as pivot t on a using sum(a); from u",
    )
    assert [frame.height for frame in found.frames] == [2, 1, 1, 1, 1, 0, 1, 1]
    assert found.frames[0]["a"].to_list() == [3, 4]
    assert found.n_made == 3


def test_nothing_is_left_behind_and_what_the_killed_left_is_swept(warehouse: Warehouse) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    before = on_disk(warehouse.root)
    old, new, held = (warehouse.root / f".pinned{name}" for name in ("old", "new", "held"))
    for folder in (old, new, held):
        folder.mkdir()
    for folder in (old, held):
        os.utime(folder, (time.time() - 3600,) * 2)
    with sql.FileLock(held / "lock"):
        os.utime(held, (time.time() - 3600,) * 2)
        sql.query(warehouse, TABLES, "from raw.bars order by random()")
    assert [old.exists(), new.exists(), held.exists()] == [False, True, True]
    assert {path: data for path, data in on_disk(warehouse.root).items() if path.parent != held} == before


@pytest.fixture(params=["permission", "mount"])
def read_only(request: pytest.FixtureRequest, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A warehouse in which nothing can be made: by permission, which binds no administrator, or as a mount says it."""
    warehouse.write(raw.BARS, "QQQ", bars())
    if request.param == "permission":
        if os.geteuid() == 0:
            pytest.skip("permission binds no administrator")
        warehouse.root.chmod(0o555)
        yield request.param
        warehouse.root.chmod(0o755)
    else:
        make = sql.tempfile.mkdtemp

        def refuse(*arguments: object, **named: object) -> str:
            if named.get("dir") == warehouse.root:
                raise OSError(30, "Read-only file system")
            return make(*arguments, **named)

        monkeypatch.setattr(sql.tempfile, "mkdtemp", refuse)
        yield request.param


@pytest.mark.usefixtures("read_only")
def test_a_warehouse_that_cannot_be_written_to_is_read(warehouse: Warehouse) -> None:
    before = on_disk(warehouse.root)
    assert sql.query(warehouse, TABLES, "from raw.bars").equals(warehouse.read(raw.BARS))
    assert sql.query(warehouse, TABLES, "from signals.mag7_vote").columns == signals.MAG7_VOTE.columns
    with pytest.raises(sql.SqlError, match="--allow-files"):
        sql.query(warehouse, TABLES, "from glob('/etc/*')")
    assert on_disk(warehouse.root) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_long_query_ends_when_it_is_told_to(warehouse: Warehouse, number: signal.Signals) -> None:
    warehouse.write(raw.BARS, "QQQ", bars())
    before = on_disk(warehouse.root)
    script = f"""
from pathlib import Path
from alpha_pipeline import interruption
from alpha_pipeline.warehouse import sql
from alpha_pipeline.warehouse.store import Warehouse
run = sql._run
def say(*given, **named):
    print("begun", flush=True)
    return run(*given, **named)
sql._run = say
with interruption.heard("ended"):
    try:
        sql.query(Warehouse(Path({str(warehouse.root)!r})), (), {ENDLESS!r})
    except KeyboardInterrupt:
        raise SystemExit(7)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(number)
        assert process.wait(30) == 7
    assert on_disk(warehouse.root) == before
