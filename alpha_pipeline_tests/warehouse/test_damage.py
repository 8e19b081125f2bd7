"""Objects that are not what was stored, and files among them that are none: named, and never read as rows."""

import io
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

from alpha_pipeline.errors import DamageError
from alpha_pipeline.warehouse import views
from alpha_pipeline.warehouse.sql import SqlError, query
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import ACTIONS, BARS
from alpha_pipeline_tests.warehouse.conftest import bars


@pytest.fixture
def held(warehouse: Warehouse) -> Warehouse:
    for ticker, close in (("QQQ", 100.0), ("SPY", 200.0)):
        warehouse.write(BARS, ticker, bars(ticker, close=close))
    return warehouse


def path_of(warehouse: Warehouse, ticker: str) -> Path:
    return warehouse.objects.path(warehouse.key(BARS, ticker))


@pytest.mark.parametrize(
    "name", ["QQQ (1).parquet", "QQQ.parquet.bak", "QQQ.bak.parquet", "QQQ.sync-conflict-20260101-1.parquet", "a", "l"]
)
def test_what_lies_beside_an_object_is_never_read(held: Warehouse, name: str) -> None:
    stray = path_of(held, "QQQ").with_name(name)
    if name == "a":
        stray.mkdir()
    elif name == "l":
        stray = stray.with_name("link.parquet")
        stray.symlink_to(path_of(held, "QQQ"))
    else:
        shutil.copy(path_of(held, "QQQ"), stray)
    assert held.units(BARS) == ["QQQ", "SPY"]
    assert held.strays(BARS) == [stray]
    assert held.read(BARS).height == 10
    assert query(held, [BARS], "select count(*) from raw.bars").item() == 10
    assert views.publish(held, [BARS])
    with duckdb.connect(str(held.root / views.DATABASE), read_only=True) as shell:
        if stray.suffix == ".parquet":
            with pytest.raises(duckdb.Error, match="holds rows of QQQ: it is a copy"):
                shell.sql("select count(*) from raw.bars").fetchall()
        else:
            assert shell.sql("select count(*) from raw.bars").fetchall() == [(10,)]


def test_swapped_objects_are_named_and_put_back(held: Warehouse) -> None:
    one, other = path_of(held, "QQQ"), path_of(held, "SPY")
    ours, theirs = one.read_bytes(), other.read_bytes()
    one.write_bytes(theirs)
    other.write_bytes(ours)
    for ask in [["QQQ"], ["SPY"], None]:
        with pytest.raises(DamageError, match="under another name"):
            held.read(BARS, ask)
    with pytest.raises(SqlError, match="under another name"):
        query(held, [BARS], "select count(*) from raw.bars")
    assert held.misnamed(BARS) == [(one, other), (other, one)]


def test_a_renamed_object_is_missed(held: Warehouse) -> None:
    path_of(held, "QQQ").rename(path_of(held, "QQQ").with_name("mine.parquet"))
    assert held.units(BARS) == ["QQQ", "SPY"]
    with pytest.raises(DamageError, match=r"it lies there as mine\.parquet"):
        held.read(BARS)


@pytest.mark.parametrize(
    "why", ["it is a folder", "a link that leads nowhere", "it is empty", "no seal", "none of raw"]
)
def test_whatever_lies_under_the_name_of_an_object_is_named_with_the_fix(held: Warehouse, why: str) -> None:
    path = path_of(held, "QQQ")
    path.unlink()
    if why == "it is a folder":
        path.mkdir()
    elif "link" in why:
        path.symlink_to("nowhere")
    elif "empty" in why:
        path.write_bytes(b"")
    else:
        newer = bars().with_columns(new=pl.lit(1)) if "none" in why else bars()
        buffer = io.BytesIO()
        newer.write_parquet(buffer)
        path.write_bytes(buffer.getvalue())
        if "none" in why:
            held.objects.delete(".sealed")
    with pytest.raises(DamageError, match=why) as said:
        held.read(BARS)
    assert str(said.value).startswith(f"{path} is damaged")
    assert "`alpha run` sets it aside and asks the source" in str(said.value)
    with pytest.raises(DamageError, match=why):
        held.write(BARS, "QQQ", bars())
    with pytest.raises(SqlError, match=why):
        query(held, [BARS, ACTIONS], "select count(*) from raw.bars")
    assert query(held, [BARS, ACTIONS], "select count(*) from raw.actions").item() == 0
