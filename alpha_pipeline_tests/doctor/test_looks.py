"""Each kind of damaged state is named with its path, cause and fix, and plain looking changes nothing."""

import datetime as dt
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.doctor import examination, folders, leftovers
from alpha_pipeline.doctor.examination import examine
from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.shared_state import machine_folder
from alpha_pipeline.sources.simulated import SimulatedSource
from alpha_pipeline.steps.alerts import KEY as SENT
from alpha_pipeline.universe import CORE, UNIVERSE, VIX
from alpha_pipeline.warehouse.market import FILES_FILE, MarketRecord, claim_market, keep_files
from alpha_pipeline.warehouse.publication import keep_published
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import KEY as TICKERS
from alpha_pipeline.warehouse.tickers import followed
from alpha_pipeline_tests.pipeline_world import ingest_all, signal_all

LAST = dt.date(2016, 1, 29)  # a Friday
NOW = dt.datetime(2016, 1, 30, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small warehouse with a position, a database and a card, in which all is well but the tickers it lacks."""
    warehouse = Warehouse(tmp_path_factory.mktemp("sound"))
    source = SimulatedSource(7)
    claim_market(warehouse, MarketRecord(source.kind, source.market))
    ingest_all(warehouse, source, ["QQQ", VIX], LAST, dt.date(2015, 12, 1))
    signal_all(warehouse, [LAST])
    keep_published(warehouse, TABLES)
    history = warehouse.root / ".dagster" / "history"
    history.mkdir(parents=True)
    with sqlite3.connect(history / "runs.db") as database:
        database.execute("create table runs (id integer, body text)")
        database.executemany("insert into runs values (?, ?)", [(number, "x" * 500) for number in range(200)])
    database.close()
    warehouse.objects.put("models/ridge/QQQ/one.json", b"{}")
    warehouse.objects.put("models/ridge/QQQ/one.safetensors", b"weights")
    return warehouse.root


@pytest.fixture
def held(sound: Path, tmp_path: Path) -> Warehouse:
    """A copy that a test may spoil."""
    shutil.copytree(sound, tmp_path / "held")
    warehouse = Warehouse(tmp_path / "held")
    keep_published(warehouse, TABLES)
    return warehouse


def found(warehouse: Warehouse, now: dt.datetime = NOW) -> dict[str, Finding]:
    """The findings by name."""
    return {one.what: one for one in examine(Settings(warehouse=warehouse.root, fixed_now=now))}


def tree(root: Path) -> dict[str, tuple[int, int, str]]:
    """Every entry with its times and content."""
    return {
        str(path.relative_to(root)): (
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in (root, *sorted(root.rglob("*")))
    }


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def scribbled(path: Path) -> None:
    path.write_bytes(b"\xff{[" * 50)


def folded(path: Path) -> None:
    path.unlink()
    path.mkdir()


def torn(path: Path) -> None:
    """The middle of a database overwritten; it begins as one."""
    data = bytearray(path.read_bytes())
    data[4096 : len(data) // 2] = b"\x07" * (len(data) // 2 - 4096)
    path.write_bytes(data)


DAMAGE = [
    ("tables/raw/bars/QQQ.parquet", shortened, "objects"),
    ("tables/signals/qqq_position/2016.parquet", scribbled, "objects"),
    (TICKERS, scribbled, "tickers"),
    (TICKERS, lambda path: path.write_text('{"followed": "QQQ"}'), "tickers"),
    (TICKERS, lambda path: path.write_text("[" * 100_000), "tickers"),
    (SENT, scribbled, "alerts sent"),
    (SENT, lambda path: path.write_text('{"sent": {}, "waiting": [3]}'), "alerts sent"),
    (".dagster/history/runs.db", scribbled, "Dagster"),
    (".dagster/history/runs.db", torn, "Dagster"),
    (".dagster/history/runs.db", folded, "Dagster"),
    ("alpha.duckdb", scribbled, "alpha.duckdb"),
    ("alpha.duckdb", shortened, "alpha.duckdb"),
    ("models/ridge/QQQ/one.json", scribbled, "models"),
    ("models/ridge/QQQ/one.safetensors", lambda path: path.unlink(), "models"),
]


@pytest.mark.parametrize(("name", "damage", "what"), DAMAGE)
def test_damaged_state_is_named_and_mended_and_looking_changes_nothing(
    held: Warehouse, name: str, damage: Callable[[Path], object], what: str
) -> None:
    path = held.root / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_text(json.dumps({"followed": ["QQQ"], "sent": [], "waiting": []}))
    assert what not in found(held) or found(held)[what].is_ok
    damage(path)
    before = tree(held.root)
    sick = found(held)
    assert tree(held.root) == before
    assert not sick[what].is_ok
    assert str(held.root) in sick[what].detail
    assert "--mend" in sick[what].detail or "`alpha run` sets it aside" in sick[what].detail
    assert "\n" not in sick[what].detail
    assert not any("defect" in one.detail for one in sick.values())
    mend = sick[what].mend
    assert mend is not None
    n_before = sum(1 for entry in held.root.rglob("*") if entry.is_file())
    assert "set aside" in mend()
    after = found(held)
    assert what not in after or after[what].is_ok, after[what]
    assert sum(1 for entry in held.root.rglob("*") if entry.is_file()) >= n_before, "nothing is deleted"
    assert (held.root / "set_aside" / "20160130T120000Z" / name).exists() or not path.exists()


def test_a_set_aside_list_of_tickers_names_those_it_holds_beside_the_universe(held: Warehouse) -> None:
    held.write(BARS, "ZZZT", held.read(BARS, ["QQQ"]).with_columns(ticker=pl.lit("ZZZT")))
    scribbled(held.root / TICKERS)
    sick = found(held)["tickers"]
    assert "`alpha tickers add ZZZT`" in sick.detail
    assert sick.mend is not None
    sick.mend()
    assert followed(held) == list(UNIVERSE)


def test_a_market_that_cannot_be_read_is_named_and_the_rest_is_looked_at(held: Warehouse) -> None:
    scribbled(held.root / "market.json")
    sick = found(held)
    assert "market.json cannot be read" in sick["market"].detail
    assert sick["models"].is_ok
    (held.root / "market.json").unlink()
    assert "market.json is gone" in found(held)["market"].detail


@pytest.mark.parametrize("text", ["{", "[]", '{"cooling_until": "soon"}', '{"refusals": -1}', '{"next_at": NaN}'])
def test_a_pace_that_says_nothing_is_named_and_set_aside(held: Warehouse, text: str) -> None:
    path = machine_folder("somewhere") / "pace.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    try:
        sick = found(held)["pace"]
        assert str(path) in sick.detail
        assert sick.mend is not None
        assert "set aside" in sick.mend()
        assert "pace" not in found(held)
    finally:
        shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    ("now", "n_behind"),
    [
        ("2016-01-29T21:30:00", -1),  # half an hour after the close: it does not count yet
        ("2016-01-29T21:50:00", 0),
        ("2016-01-30T12:00:00", 0),
        ("2016-01-31T23:00:00", 0),  # a weekend
        ("2016-02-01T21:00:00", 0),  # the next session has not closed
        ("2016-02-01T21:50:00", 1),
        ("2016-02-16T12:00:00", 10),  # a Monday without a session between
        ("2016-02-19T22:00:00", 14),
    ],
)
def test_bars_and_position_are_judged_by_the_calendar_and_now(held: Warehouse, now: str, n_behind: int) -> None:
    seen = found(held, dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC))
    words = f"{n_behind} session{'' if n_behind == 1 else 's'}"
    assert seen["sessions"].is_ok == (n_behind <= 0)
    assert seen["position"].is_ok == (n_behind == 0)
    if n_behind > 0:
        assert f"{words} behind" in seen["sessions"].detail
        assert "QQQ, ^VIX" in seen["sessions"].detail
        assert f"{words} old: decided at the close of {LAST}" in seen["position"].detail
        assert f"{words} behind at the least" in seen["core tickers"].detail
    if n_behind < 0:
        assert "Ahead of the clock" in seen["position"].detail


def test_bars_that_are_gone_are_named(held: Warehouse) -> None:
    held.objects.path(held.key(BARS, VIX)).unlink()
    assert f"gone from {held.folder_path(BARS)}: ^VIX" in found(held)["bars"].detail
    assert len(CORE) > 2
    assert calendar.is_session(LAST)


def test_what_killed_processes_left_is_removed_when_nobody_can_come_back_for_it(held: Warehouse) -> None:
    pinned, temporary = held.root / ".pinned0", held.folder_path(BARS) / ".abc.tmp"
    pinned.mkdir()
    (pinned / "lock").touch()
    temporary.write_bytes(b"half")
    assert found(held)["leftovers"].is_ok, "somebody may be writing it"
    for path in (pinned, temporary):
        os.utime(path, (0, 0))
    sick = found(held)["leftovers"]
    assert not sick.is_ok
    assert sick.mend is not None
    sick.mend()
    assert not pinned.exists()
    assert not temporary.exists()
    assert leftovers.OLD_S > 60


def test_a_file_in_place_of_the_locks_is_named(held: Warehouse) -> None:
    shutil.rmtree(held.root / ".locks")
    (held.root / ".locks").touch()
    assert f"{held.root}/.locks is a file" in found(held)["locks"].detail


def test_no_entries_left_in_the_table_of_files_is_a_finding(held: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_free_files", lambda _: 12)
    assert "takes 12 more files" in found(held)["files"].detail


def test_what_cannot_be_written_to_is_a_finding(held: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, right: not right & os.W_OK)
    assert f"{held.root} and " in found(held)["permissions"].detail
    assert "`today`, `sql` and `report --out` work all the same" in found(held)["permissions"].detail


def test_a_look_that_breaks_is_itself_a_finding(held: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Patient) -> list[Finding]:
        raise OSError(28, "No space left on device", "/held")

    def broken(_: Patient) -> list[Finding]:
        return [Finding("x", True, str({}["y"]))]

    monkeypatch.setattr(examination, "LOOKS", {"one": full, "two": broken, "three": folders.room})
    one, two, three = examine(Settings(warehouse=held.root, fixed_now=NOW))
    assert (one.what, one.is_ok) == ("one", False)
    assert "/held: No space left on device" in one.detail
    assert "KeyError: 'y'. That is a defect of ours" in two.detail
    assert three.is_ok


def test_dates_out_of_any_calendar_in_an_object_are_said(held: Warehouse) -> None:
    path = held.objects.path("tables/signals/qqq_position/2016.parquet")
    rows = pl.read_parquet(path).with_columns(pl.lit(2**30, pl.Int32).cast(pl.Date).alias("session"))
    rows.write_parquet(path)
    seen = found(held)
    assert not seen["position"].is_ok
    assert "\n" not in seen["position"].detail


def test_a_note_of_the_source_files_that_cannot_be_read(held: Warehouse) -> None:
    assert "source files" not in found(held)
    keep_files(held, Path("/bars"))
    assert "source files" not in found(held)
    held.objects.put(FILES_FILE, b"{")
    finding = found(held)["source files"]
    assert not finding.is_ok
    assert finding.detail.startswith(f"{held.root / FILES_FILE} cannot be read.")
    assert "name them with --path (or ALPHA_SOURCE_PATH)" in finding.detail
    assert finding.mend is not None
    assert finding.mend().startswith("set aside")
    assert "source files" not in found(held)
