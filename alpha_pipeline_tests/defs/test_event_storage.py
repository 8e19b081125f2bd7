"""The batched event log says the same as Dagster's own, which is what the web UI reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.instance.ref import InstanceRef

from alpha_pipeline.defs import event_storage
from alpha_pipeline.defs.event_storage import BatchedSqliteEventLogStorage
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline_tests.defs.world import World

BARS, VOTE = dg.AssetKey(["raw", "bars"]), dg.AssetKey(["signals", "mag7_vote"])
RUN = "11111111-1111-4111-8111-111111111111"


def event(number: int, key: dg.AssetKey, partition: str) -> EventLogEntry:
    """A materialisation with metadata and a tag."""
    said = dg.AssetMaterialization(
        key, partition=partition, metadata={"rows": number}, tags={"dagster/data_version": str(number)}
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        user_message="",
        level="debug",
        run_id=RUN,
        timestamp=1_700_000_000.0 + number,
        step_key="step",
        job_name="job",
        dagster_event=dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="job",
            step_key="step",
            event_specific_data=StepMaterializationData(said),
        ),
    )


def plain(number: int) -> EventLogEntry:
    """An event that is not of an asset."""
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        user_message="",
        level="debug",
        run_id=RUN,
        timestamp=1_700_000_000.0 + number,
        step_key="step",
        job_name="job",
        dagster_event=dg.DagsterEvent(event_type_value=dg.DagsterEventType.STEP_START.value, job_name="job"),
    )


EVENTS = [
    event(1, BARS, "QQQ"),
    event(2, BARS, "^VIX"),
    plain(3),
    event(4, VOTE, "2016-11-23"),
    event(5, VOTE, "2016-11-25"),
    event(6, BARS, "QQQ"),
]


def read_back(storage: BatchedSqliteEventLogStorage, instance: dg.DagsterInstance) -> dict[str, Any]:
    """Everything the web UI and the daemons ask an event log about these assets."""
    storage.register_instance(instance)
    in_run = [e.dagster_event for e in storage.get_logs_for_run(RUN) if e.dagster_event is not None]
    found: dict[str, Any] = {
        "run": sorted(f"{e.event_type_value} {e.asset_key} {e.partition}" for e in in_run),
        "keys": sorted(key.to_user_string() for key in storage.all_asset_keys()),  # type: ignore[no-untyped-call]
    }
    for key in (BARS, VOTE):
        records = storage.fetch_materializations(key, limit=10).records
        name = key.to_user_string()
        if not records:
            continue
        found[f"{name} events"] = [
            (r.partition_key, r.timestamp, r.run_id, r.asset_materialization and r.asset_materialization.metadata)
            for r in records
        ]
        found[f"{name} partitions"] = storage.get_materialized_partitions(key)
        [row] = storage.get_asset_records([key])
        last = row.asset_entry.last_materialization
        found[f"{name} last"] = last and (last.asset_materialization, last.timestamp)
        found[f"{name} newest of each"] = sorted(
            storage.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        )
        found[f"{name} tags"] = storage.get_latest_tags_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, tag_keys=["dagster/data_version"]
        )
    return found


def stored(folder: Path, batches: Sequence[Sequence[EventLogEntry]], instance: dg.DagsterInstance) -> dict[str, Any]:
    storage = BatchedSqliteEventLogStorage(base_dir=str(folder))
    for batch in batches:
        if len(batch) == 1:
            storage.store_event(batch[0])
        else:
            storage.store_event_batch(batch)
    found = read_back(storage, instance)
    storage.dispose()
    return found


@pytest.mark.parametrize("batches", [[EVENTS], [EVENTS[:3], EVENTS[3:]]], ids=["one batch", "two batches"])
def test_a_batch_reads_back_as_the_same_events_stored_singly(
    instance: dg.DagsterInstance, tmp_path: Path, batches: list[list[EventLogEntry]]
) -> None:
    singly = stored(tmp_path / "singly", [[one] for one in EVENTS], instance)
    assert stored(tmp_path / "batched", batches, instance) == singly
    assert singly["raw/bars partitions"] == {"QQQ", "^VIX"}
    assert singly["raw/bars tags"] == {
        "QQQ": {"dagster/data_version": "6"},
        "^VIX": {"dagster/data_version": "2"},
    }
    assert len(singly["run"]) == len(EVENTS)


def test_a_batch_without_an_asset_is_stored_too(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    found = stored(tmp_path, [[plain(1), plain(2)]], instance)
    assert len(found["run"]) == 2
    assert found["keys"] == []


def test_a_database_has_one_engine(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = event_storage.create_engine
    monkeypatch.setattr(event_storage, "create_engine", lambda url, **given: made.append(url) or make(url, **given))
    stored(tmp_path, [[one] for one in EVENTS], instance)
    assert sorted(Path(url).name for url in made) == [f"{RUN}.db", "index.db"]


def test_the_instance_settings_name_it_and_it_is_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of many partitions goes through batches, and every partition is there afterwards."""
    batches: list[int] = []
    store = BatchedSqliteEventLogStorage.store_event_batch

    def counted(self: BatchedSqliteEventLogStorage, events: Sequence[EventLogEntry]) -> None:
        batches.append(len(events))
        store(self, events)

    monkeypatch.setattr(BatchedSqliteEventLogStorage, "store_event_batch", counted)
    with open_instance(world.settings) as instance:
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        result = world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"])
        assert result.success
        assert instance.get_materialized_partitions(BARS) == {"QQQ", "SPY", "NVDA"}
    assert 3 in batches


def test_dagster_loads_it_from_its_yaml(world: World) -> None:
    """`dagster dev` and every run worker rebuild the storage from the file, by its name."""
    with open_instance(world.settings) as instance:
        home = world.settings.warehouse / ".dagster"
        reference = InstanceRef.from_dir(str(home))
        assert isinstance(reference.event_storage, BatchedSqliteEventLogStorage)
        assert instance.root_directory == str(home)
        assert (home / "history" / "index.db").exists()
