"""Dagster's SQLite event log, with batches written as batches.

Filling the signals of nine years is one run of some 2,500 session partitions and tens of thousands of events.
Dagster's SQLite storage writes each in two transactions of its own, which takes many minutes; its Postgres
storage writes a batch at a time. This does the same for SQLite. `DAGSTER_EVENT_BATCH_SIZE` turns batches on.

It also makes an engine for every statement, and a new engine compiles its statements anew; here a database has one.

A storage is told when it serves a web server, which is then put behind the guard (`guarded`): this class, because
every `dagster.yaml` of this package, the earliest too, comes to it.

Named in `dagster.yaml`. Dagster has no public name for the class it extends; the documented one is used, and a
test holds that a batch reads back as the same events stored singly.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool

# SQLite takes 32,766 variables a statement; an event has 7.
BATCH_SIZE = 2000


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """SQLite event storage that writes a batch of asset events in one transaction per database."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Made by Dagster from `dagster.yaml`; `base_dir` is the Dagster home."""
        return cls(base_dir=str(Path(config_value["base_dir"]) / "history"), inst_data=inst_data)

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        """Called by Dagster's web server before it makes its app, and by nothing else."""
        # No other process needs the parser of GraphQL.
        from alpha_pipeline.defs.guarded import guard_web_servers  # noqa: PLC0415

        guard_web_servers()
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction on the database of a run, or on the index."""
        with self._db_lock:
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

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


@lru_cache(maxsize=16)
def _engine(database: str) -> Engine:
    """Keeps compiled statements, and no connection open."""
    return create_engine(database, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
