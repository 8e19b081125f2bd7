import datetime as dt
import io
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline.errors import TableError
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tables.signals import MAG7_VOTE
from alpha_pipeline_tests.pipeline_world import leave_empty
from alpha_pipeline_tests.warehouse.conftest import NOW, bars


@pytest.mark.parametrize("ticker", ["QQQ", "^VIX", "BRK-B", "005930.KS"])
def test_what_is_written_is_read(warehouse: Warehouse, ticker: str) -> None:
    assert warehouse.write(BARS, ticker, bars(ticker))
    assert warehouse.units(BARS) == [ticker]
    assert warehouse.read(BARS, [ticker]).equals(BARS.conform(bars(ticker)))


def test_a_column_that_came_later_is_null_in_older_objects(warehouse: Warehouse) -> None:
    older = BARS.conform(bars()).drop("source")
    buffer = io.BytesIO()
    older.write_parquet(buffer)
    warehouse.objects.put(warehouse.key(BARS, "QQQ"), buffer.getvalue())
    held = warehouse.read(BARS, ["QQQ"])
    assert held.columns == BARS.columns
    assert held["source"].null_count() == held.height == 5
    assert warehouse.read(BARS, columns=["ticker", "close"]).equals(older.select("ticker", "close"))
    assert warehouse.upsert(BARS, "QQQ", bars(days=5, close=50.0))
    assert warehouse.read(BARS)["source"].null_count() == 0


def test_the_same_rows_fetched_later_change_nothing(warehouse: Warehouse) -> None:
    warehouse.write(BARS, "QQQ", bars())
    before = warehouse.objects.get(warehouse.key(BARS, "QQQ"))
    assert not warehouse.write(BARS, "QQQ", bars(now=NOW + dt.timedelta(days=1)))
    assert warehouse.objects.get(warehouse.key(BARS, "QQQ")) == before


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (bars().with_columns(close=pl.lit(-1.0)), "close"),
        (bars().with_columns(close=pl.lit(float("nan"))), "close"),
        (bars().with_columns(high=pl.lit(float("inf"))), "finite|inf"),
        (bars().with_columns(close=pl.lit(150.0)), "low <= open, close <= high"),
        (pl.concat([bars(), bars()]), "unique"),
        (bars().drop("volume"), "missing columns volume"),
        (bars("SPY"), "belong to another ticker"),
        (bars().head(0), "empty frame never erases"),
    ],
)
def test_a_bad_frame_is_refused_and_nothing_is_written(warehouse: Warehouse, bad: pl.DataFrame, named: str) -> None:
    warehouse.write(BARS, "QQQ", bars())
    before = warehouse.objects.get(warehouse.key(BARS, "QQQ"))
    with pytest.raises(TableError, match=named):
        warehouse.write(BARS, "QQQ", bad)
    assert warehouse.objects.get(warehouse.key(BARS, "QQQ")) == before


def test_upsert_replaces_by_key_and_keeps_the_rest(warehouse: Warehouse) -> None:
    warehouse.write(BARS, "QQQ", bars(days=5))
    assert warehouse.upsert(BARS, "QQQ", bars(days=7, close=50.0).tail(3))
    assert warehouse.read(BARS)["close"].to_list() == [100.0] * 4 + [50.0] * 3
    assert not warehouse.upsert(BARS, "QQQ", bars(days=7, close=50.0).tail(3))


def votes(sessions: list[dt.date], n_bull: int) -> pl.DataFrame:
    return pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).with_columns(
        n_bull=pl.lit(n_bull), n_voting=pl.lit(7), signal=pl.lit("neutral"), missing=pl.lit("")
    )


def test_replacing_sessions_drops_their_old_rows_and_spares_the_others(warehouse: Warehouse) -> None:
    days = [dt.date(2023, 12, 29), dt.date(2024, 1, 2), dt.date(2024, 1, 3)]
    warehouse.replace_sessions(MAG7_VOTE, days, votes(days, 1))
    warehouse.replace_sessions(MAG7_VOTE, days[:2], votes(days[:1], 2))
    assert warehouse.units(MAG7_VOTE) == ["2023", "2024"]
    assert warehouse.read(MAG7_VOTE).select("session", "n_bull").rows() == [(days[0], 2), (days[2], 1)]


def test_sessions_without_rows_leave_no_object(warehouse: Warehouse) -> None:
    days = [dt.date(2023, 12, 29), dt.date(2024, 1, 2)]
    warehouse.replace_sessions(MAG7_VOTE, days, votes([], 1))
    assert warehouse.units(MAG7_VOTE) == []
    warehouse.replace_sessions(MAG7_VOTE, days, votes(days, 1))
    warehouse.replace_sessions(MAG7_VOTE, days[1:], votes([], 1))
    assert warehouse.units(MAG7_VOTE) == ["2023"]


def test_the_newest_unit_is_one_that_holds_rows(warehouse: Warehouse) -> None:
    assert warehouse.newest(MAG7_VOTE) == []
    leave_empty(warehouse, MAG7_VOTE, "2024")
    assert warehouse.newest(MAG7_VOTE) == []
    warehouse.replace_sessions(MAG7_VOTE, [dt.date(2023, 12, 29)], votes([dt.date(2023, 12, 29)], 1))
    assert warehouse.newest(MAG7_VOTE) == ["2023"]
    assert warehouse.read(MAG7_VOTE).height == 1


def test_made_from_the_same_inputs_is_current(warehouse: Warehouse) -> None:
    warehouse.write(BARS, "QQQ", bars(), inputs="a")
    assert warehouse.is_current(BARS, "QQQ", "a")
    assert not warehouse.write(BARS, "QQQ", bars(), inputs="b")
    assert warehouse.is_current(BARS, "QQQ", "b")
    assert not warehouse.is_current(BARS, "SPY", "b")


def _add_one_day(root: Path, day: int) -> None:
    Warehouse(root).upsert(BARS, "QQQ", bars(days=40).slice(day, 1))


@pytest.mark.slow
@pytest.mark.minutes(0.2)
def test_concurrent_writers_of_one_object_lose_nothing(warehouse: Warehouse) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        list(pool.map(_add_one_day, [warehouse.root] * 40, range(40)))
    assert warehouse.height(BARS, "QQQ") == 40


def test_a_revision_sees_what_is_held_and_nobody_writes_between(warehouse: Warehouse) -> None:
    first, second = bars().head(3), bars().tail(2)
    seen = []

    def add(frame: pl.DataFrame) -> Callable[[pl.DataFrame], pl.DataFrame]:
        def change(held: pl.DataFrame) -> pl.DataFrame:
            seen.append(held.height)
            return pl.concat([held, BARS.conform(frame)])

        return change

    assert warehouse.revise(BARS, "QQQ", add(first))
    with ThreadPoolExecutor(2) as pool:
        inside, may_go_on = threading.Event(), threading.Event()

        def slowly(held: pl.DataFrame) -> pl.DataFrame:
            inside.set()
            may_go_on.wait(30)
            return add(second)(held)

        one = pool.submit(warehouse.revise, BARS, "QQQ", slowly)
        assert inside.wait(30)
        other = pool.submit(
            warehouse.revise, BARS, "QQQ", lambda held: held.filter(pl.col("session") > dt.date(2024, 1, 2))
        )
        may_go_on.set()
        assert (one.result(30), other.result(30)) == (True, True)
    assert seen == [0, 3]
    assert warehouse.read(BARS, ["QQQ"]).height == 4


def test_a_revision_that_fails_leaves_what_is_held(warehouse: Warehouse) -> None:
    warehouse.write(BARS, "QQQ", bars())

    def fails(_held: pl.DataFrame) -> pl.DataFrame:
        raise KeyError("half-way")

    with pytest.raises(KeyError):
        warehouse.revise(BARS, "QQQ", fails)
    with pytest.raises(TableError, match="never erases rows"):
        warehouse.revise(BARS, "QQQ", lambda held: held.head(0))
    assert warehouse.read(BARS, ["QQQ"]).height == 5
