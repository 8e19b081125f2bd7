"""Where an instance keeps what it knows: in the home of the warehouse, whoever opens it and from whichever folder.

Named in `dagster.yaml`, which therefore says nothing of folders: the same file serves at the top of the checkout and in
every home. Dagster has no public names for the classes extended; the documented ones are used.
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from filelock import FileLock
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from alpha_pipeline import failures
from alpha_pipeline.defs.event_storage import BatchedSqliteEventLogStorage
from alpha_pipeline.defs.home import find_home


@event.listens_for(Engine, "handle_error")
def _name_the_database(context: ExceptionContext) -> None:
    """Have an error of SQLite say of which file it is; SQLite does not."""
    engine, error = context.engine, context.sqlalchemy_exception or context.original_exception
    if engine is not None and engine.url.database:
        error.add_note(f"{failures.DATABASE_NOTE}{engine.url.database}")


class HomeStorage(DagsterSqliteStorage):
    """Runs, events and schedules in SQLite files below the home."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # In place of Dagster's own, which writes events one by one.
        self.base_dir = base_dir
        self._run_storage = SqliteRunStorage.from_local(f"{base_dir}/history/")
        self._event_log_storage = BatchedSqliteEventLogStorage(f"{base_dir}/history")
        self._schedule_storage = SqliteScheduleStorage.from_local(f"{base_dir}/schedules")
        self._inst_data = inst_data
        DagsterStorage.__init__(self)  # type: ignore[arg-type, no-untyped-call]

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to set."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Made by Dagster from `dagster.yaml`; the first to come shows it the tickers that the warehouse follows."""
        home, is_first = find_home()
        made = cls(str(home), inst_data, **config_value)
        if is_first:
            # Takes seconds to import, which the processes that follow are spared.
            from alpha_pipeline.defs.partitions import sync_tickers  # noqa: PLC0415
            from alpha_pipeline.warehouse.store import Warehouse  # noqa: PLC0415

            with FileLock(home / "tickers.lock"):
                sync_tickers(made.event_log_storage, Warehouse(home.parent))
        return made


class HomeArtifacts(LocalArtifactStorage):
    """The home as the folder of what is no database."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to set."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Made by Dagster from `dagster.yaml`."""
        return cls(str(find_home()[0]), inst_data, **config_value)


class HomeComputeLogs(LocalComputeLogManager):
    """What the steps print, in files below the home."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to set."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Made by Dagster from `dagster.yaml`."""
        return cls(str(find_home()[0] / "storage"), inst_data=inst_data, **config_value)
