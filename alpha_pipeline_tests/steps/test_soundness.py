import datetime as dt
import io

import polars as pl
import pytest

from alpha_pipeline.errors import DamageError
from alpha_pipeline.steps.soundness import damages, kept_aside, make_sound, mend
from alpha_pipeline.warehouse.aside import FOLDER
from alpha_pipeline.warehouse.store import CONTENT, INPUTS, Warehouse, content_hash
from alpha_pipeline.warehouse.tables.raw import BARS, REVISIONS
from alpha_pipeline.warehouse.tables.signals import MAG7_VOTE, QQQ_POSITION
from alpha_pipeline_tests.pipeline_world import leave_empty
from alpha_pipeline_tests.warehouse.conftest import NOW, bars, warehouse

__all__ = ["warehouse"]
TABLES = (BARS, REVISIONS)


def as_before_seals(held: Warehouse, frame: pl.DataFrame, ticker: str = "QQQ") -> bytes:
    """Store bars as the versions before seals did."""
    rows, buffer = BARS.conform(frame), io.BytesIO()
    rows.write_parquet(buffer, compression="zstd", metadata={CONTENT: content_hash(BARS, rows), INPUTS: ""})
    held.objects.put(held.key(BARS, ticker), buffer.getvalue())
    return buffer.getvalue()


def damage(held: Warehouse, key: str) -> None:
    data = bytearray(held.objects.get(key) or b"")
    data[20] ^= 1
    held.objects.put(key, bytes(data))


def test_objects_from_before_are_taken_over_once_and_say_the_same(warehouse: Warehouse) -> None:
    as_before_seals(warehouse, bars())
    before, said_before = warehouse.read(BARS), warehouse.fingerprint(BARS, "QQQ")
    [said] = make_sound(warehouse, TABLES, NOW)
    assert "1 objects of an earlier version were looked at and sealed" in said
    assert warehouse.read(BARS).equals(before)
    assert warehouse.fingerprint(BARS, "QQQ") == said_before
    assert not warehouse.write(BARS, "QQQ", bars())
    assert make_sound(warehouse, TABLES, NOW) == []
    damage(warehouse, warehouse.key(BARS, "QQQ"))
    with pytest.raises(DamageError):
        warehouse.read(BARS)


def test_one_from_before_that_no_longer_says_what_it_said_is_not_taken_over(warehouse: Warehouse) -> None:
    as_before_seals(warehouse, bars())
    rows, buffer = BARS.conform(bars("SPY", close=50.0)), io.BytesIO()
    rows.write_parquet(buffer, metadata={CONTENT: "another", INPUTS: ""})
    warehouse.objects.put(warehouse.key(BARS, "SPY"), buffer.getvalue())
    said = make_sound(warehouse, TABLES, NOW)
    assert "Not sealed, because they do not say what they said" in said[1]
    assert "SPY.parquet" in said[1]
    assert "set aside" in said[2]
    assert warehouse.units(BARS) == ["QQQ"]


def test_where_polars_makes_the_hash_no_longer_all_are_taken_over_and_that_is_said(warehouse: Warehouse) -> None:
    rows, buffer = BARS.conform(bars()), io.BytesIO()
    rows.write_parquet(buffer, metadata={CONTENT: "of another version", INPUTS: ""})
    warehouse.objects.put(warehouse.key(BARS, "QQQ"), buffer.getvalue())
    said = make_sound(warehouse, TABLES, NOW)
    assert "Another version of Polars made the hash of 1 of them" in said[1]
    assert warehouse.read(BARS).height == 5


def test_what_can_be_made_again_is_set_aside_and_what_cannot_waits_for_a_person(warehouse: Warehouse) -> None:
    warehouse.write(BARS, "QQQ", bars())
    revised = bars().with_columns(superseded_at=pl.lit(NOW + dt.timedelta(days=1)), cause=pl.lit("correction"))
    warehouse.upsert(REVISIONS, "QQQ", revised.drop("is_final"))
    for table in TABLES:
        damage(warehouse, warehouse.key(table, "QQQ"))
    said = make_sound(warehouse, TABLES, NOW)
    assert "set aside" in said[0]
    assert "cannot be made again: bring the file back from a copy" in said[1]
    assert (warehouse.units(BARS), warehouse.units(REVISIONS)) == ([], ["QQQ"])
    [left] = damages(warehouse, TABLES)
    assert left.is_lost
    assert "Now set aside" in mend(warehouse, left, NOW)
    [(kept, table)] = kept_aside(warehouse, TABLES)
    assert kept.is_relative_to(warehouse.root / FOLDER)
    assert table is REVISIONS
    assert damages(warehouse, TABLES) == []


def test_a_lost_signal_takes_the_position_along_that_would_say_it_is_current(warehouse: Warehouse) -> None:
    for table in (MAG7_VOTE, QQQ_POSITION):
        leave_empty(warehouse, table, "2024")
    warehouse.mark_sealed()
    damage(warehouse, warehouse.key(MAG7_VOTE, "2024"))
    make_sound(warehouse, (MAG7_VOTE, QQQ_POSITION), NOW)
    assert warehouse.units(QQQ_POSITION) == []
