import os
from pathlib import Path

import pytest

from alpha_pipeline.warehouse.objects import LocalObjects


def test_put_get_list_delete(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    assert objects.get("a/b") is None
    objects.put("a/b", b"1")
    objects.put("a/c/d", b"2")
    assert objects.get("a/b") == b"1"
    assert objects.list("a") == ["a/b", "a/c/d"]
    objects.delete("a/b")
    objects.delete("a/b")
    assert objects.list("a") == ["a/c/d"]


def test_a_failed_put_leaves_the_old_object_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = LocalObjects(tmp_path)
    objects.put("a", b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        objects.put("a", b"new")
    assert objects.get("a") == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_write_killed_half_way_is_never_listed(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.put("t/a.parquet", b"whole")
    (tmp_path / "t" / ".killed.tmp").write_bytes(b"ha")
    assert objects.list("t") == ["t/a.parquet"]


def test_an_update_that_raises_changes_nothing(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path)
    objects.put("a", b"old")

    def refuse(_: bytes | None) -> bytes:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        objects.update("a", refuse)
    objects.update("a", lambda held: (held or b"") + b"er")
    assert objects.get("a") == b"older"
