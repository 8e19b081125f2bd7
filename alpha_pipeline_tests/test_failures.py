"""What a system or a library raises, in one line; a defect stays one."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from alpha_pipeline import failures
from alpha_pipeline.warehouse.objects import LocalObjects


def caught(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as found:  # noqa: PT011
        call()
    return found.value


@pytest.mark.parametrize("number", sorted(failures._FIXES))
def test_of_a_system_the_path_the_cause_and_the_fix_are_said(number: int) -> None:
    said = failures.words(OSError(number, errno.errorcode[number], "/held/raw/QQQ.parquet"))
    assert said is not None
    assert said.startswith(f"/held/raw/QQQ.parquet: {errno.errorcode[number]}. ")
    assert len(said.splitlines()) == 1


def test_of_a_library_what_it_says_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(b"PAR1nothing at allPAR1")
    database = tmp_path / "runs.db"
    database.write_bytes(b"no database" * 100)
    of_sqlite = caught(lambda: sqlite3.connect(database).execute("select * from runs"))
    of_sqlite.add_note(f"database {database}")
    for error, word in [
        (caught(lambda: pl.read_parquet(file)), "a table cannot be read"),
        (caught(lambda: duckdb.connect(str(database))), "DuckDB: "),
        (of_sqlite, f"{database}: file is not a database. `alpha doctor --mend`"),
        (MemoryError(), "memory"),
    ]:
        said = failures.words(error)
        assert said is not None, error
        assert word in said
        assert len(said.splitlines()) == 1


def test_the_innermost_cause_is_said_whatever_wraps_it() -> None:
    error = RuntimeError("a library gave up")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "/held/x")
    assert str(failures.words(error)).startswith("/held/x: No space left on device. ")


@pytest.mark.parametrize("error", [KeyError("close"), ValueError("x"), AssertionError(), RuntimeError("boom")])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    assert failures.words(error) is None


def test_words_of_others_are_short_and_can_be_printed() -> None:
    said = failures.words(OSError(errno.EIO, "Input/output error", "/held/\x1b[31m" + "x" * 10_000))
    assert said is not None
    assert said.isprintable()
    assert len(said) <= failures.LONGEST


def test_a_full_disk_is_said_of_the_object_that_was_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    error = caught(lambda: LocalObjects(tmp_path).put("raw/QQQ.parquet", b"x"))
    assert str(failures.words(error)).startswith(f"{tmp_path}/raw/QQQ.parquet: No space left on device.")
    assert [*tmp_path.rglob("*.tmp")] == []
