import errno
import os
import stat
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


def test_where_a_folder_cannot_be_opened_an_object_is_put_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows opens no folder."""
    opens = os.open

    def refuse_folders(path: str, *arguments: int) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "is a folder")
        return opens(path, *arguments)

    monkeypatch.setattr(os, "open", refuse_folders)
    objects = LocalObjects(tmp_path)
    objects.put("a", b"1")
    assert objects.get("a") == b"1"


@pytest.mark.parametrize(("number", "is_borne"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
def test_a_file_system_that_cannot_sync_a_folder_is_borne_and_a_broken_disk_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, is_borne: bool
) -> None:
    syncs = os.fsync

    def refuse_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        syncs(handle)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    objects = LocalObjects(tmp_path)
    if is_borne:
        objects.put("a", b"1")
        assert objects.get("a") == b"1"
    else:
        with pytest.raises(OSError, match=os.strerror(number)):
            objects.put("a", b"1")


def test_others_may_read_what_one_has_written(tmp_path: Path) -> None:
    LocalObjects(tmp_path).put("a", b"1")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644
