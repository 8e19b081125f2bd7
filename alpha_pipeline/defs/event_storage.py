"""Dagster's SQLite event log, with batches written as batches.

Filling the signals of nine years is one run of some 2,500 session partitions and tens of thousands of events.
Dagster's SQLite storage writes each in two transactions of its own, which takes many minutes; its Postgres
storage writes a batch at a time. This does the same for SQLite. `DAGSTER_EVENT_BATCH_SIZE` turns batches on.

Named in `dagster.yaml`. Dagster has no public name for the class it extends; the documented one is used, and a
test holds that a batch reads back as the same events stored singly.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData

# SQLite takes 32,766 variables a statement; an event has 7.
BATCH_SIZE = 2000


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """SQLite event storage that writes a batch of asset events in one transaction per database."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Made by Dagster from `dagster.yaml`; `base_dir` is the Dagster home."""
        return cls(base_dir=str(Path(config_value["base_dir"]) / "history"), inst_data=inst_data)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of one run; asset events together, any other one by one."""
        together: list[EventLogEntry] = []
        for event in events:
            if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS:
                together.append(event)
            else:
                self.store_event(event)
        if not together:
            return
        insert = self.prepare_insert_event_batch(together)
        with self.run_connection(together[0].run_id) as connection:
            connection.execute(insert)
        with self.index_connection() as connection:
            ids = list(connection.execute(insert.returning(SqlEventLogStorageTable.c.id)).scalars())
        self.store_asset_event_tags(together, ids)
        # The asset's own row shows its last event only.
        last = {
            event.get_dagster_event().asset_key: (event, number) for event, number in zip(together, ids, strict=True)
        }
        for event, number in last.values():
            self.store_asset_event(event, number)
