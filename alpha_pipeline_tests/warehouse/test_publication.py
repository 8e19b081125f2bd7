"""When `alpha.duckdb` is written: with the first write, whoever writes, and once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pytest

from alpha_pipeline import catalogue
from alpha_pipeline.warehouse import publication, views
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline_tests.warehouse.conftest import bars


@pytest.fixture(autouse=True)
def few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "TABLES", (raw.BARS, raw.QUARANTINE))


def sessions_shown(root: Path) -> int:
    """How many bars a shell counts."""
    with duckdb.connect(str(root / views.DATABASE), read_only=True) as connection:
        [[count]] = connection.sql("select count(*) from raw.bars").fetchall()
    return int(count)


def test_the_first_write_can_be_read_in_a_shell_whoever_made_it(tmp_path: Path) -> None:
    warehouse = catalogue.open_warehouse(tmp_path / "new")
    assert warehouse.read(raw.BARS).is_empty()
    assert not warehouse.root.exists(), "who only reads leaves nothing"
    warehouse.write(raw.BARS, "QQQ", bars())
    assert sessions_shown(warehouse.root) == bars().height


def test_a_refused_write_publishes_nothing(tmp_path: Path) -> None:
    warehouse = catalogue.open_warehouse(tmp_path)
    with pytest.raises(Exception, match="missing columns"):
        warehouse.write(raw.BARS, "QQQ", pl.DataFrame({"ticker": ["QQQ"]}))
    assert not (tmp_path / views.DATABASE).exists()


def test_nothing_is_published_twice_and_what_was_deleted_or_changed_by_hand_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[Path] = []
    whole = views.publish

    def counted(warehouse: Warehouse, tables: object) -> bool:
        published.append(warehouse.root)
        return whole(warehouse, tables)  # type: ignore[arg-type]

    monkeypatch.setattr(views, "publish", counted)

    def write() -> int:
        catalogue.open_warehouse(tmp_path).write(raw.BARS, "QQQ", bars())
        return len(published)

    assert [write(), write()] == [1, 1]
    (tmp_path / views.DATABASE).unlink()
    assert [write(), write()] == [2, 2]
    with duckdb.connect(str(tmp_path / views.DATABASE)) as connection:
        connection.execute("drop view raw.bars")
    assert [write(), write()] == [3, 3]
    monkeypatch.setattr(catalogue, "TABLES", (raw.BARS, raw.QUARANTINE, raw.COVERAGE))
    assert [write(), write()] == [4, 4], "another version has a table more"


def test_many_that_begin_at_once_publish_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[Path] = []
    whole = views.publish
    monkeypatch.setattr(views, "publish", lambda *given: published.append(tmp_path) or whole(*given))
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(
            lambda name: catalogue.open_warehouse(tmp_path).write(raw.BARS, name, bars(name)), ["QQQ", "SPY", "A", "B"]
        )
        assert all(made)
    assert len(published) == 1
    assert sessions_shown(tmp_path) == 4 * bars().height


def test_a_file_that_cannot_be_written_stops_no_write(tmp_path: Path) -> None:
    (tmp_path / views.DATABASE).write_bytes(b"no database")
    assert catalogue.open_warehouse(tmp_path).write(raw.BARS, "QQQ", bars())
    assert not (tmp_path / publication.MARK).exists()
