"""Eight processes on one warehouse whose database a shell holds open: nobody fails, nobody reads half a write."""

from pathlib import Path

import duckdb
import pytest

from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.warehouse import views
from alpha_pipeline.warehouse.tables.raw import REVISIONS
from alpha_pipeline_tests.crowd_world import TICKERS, Size, held_open, make_ground, rush, unaccounted


@pytest.mark.slow
@pytest.mark.minutes(1)
def test_a_crowd_fails_no_write_tears_no_read_and_loses_nothing(tmp_path: Path) -> None:
    ground = make_ground(tmp_path)
    size = Size()
    assert size.processes == 8
    with held_open(ground.warehouse):
        deeds, published = rush(ground, size)
        assert published == 0
    assert [deed for deed in deeds if deed.wrong] == []
    done = {what: sum(deed.what == what for deed in deeds) for what in ("refresh", "train", "read", "query")}
    assert done["refresh"] == size.refreshing * size.rounds * len(TICKERS)
    assert done["train"] == size.training * size.rounds
    assert min(done["read"], done["query"]) > 0
    assert len({deed.version for deed in deeds}) > 2, "the market was restated while they worked"

    REVISIONS.validate(ground.warehouse.read(REVISIONS), "what was replaced")
    assert unaccounted(ground, deeds) == set()
    assert views.publish(ground.warehouse, TABLES)
    with duckdb.connect(str(ground.warehouse.root / views.DATABASE)) as connection:
        assert connection.sql("select answer from mine").fetchall() == [(42,)]
        assert len(connection.sql("select distinct ticker from raw.bars").fetchall()) == len(TICKERS)
