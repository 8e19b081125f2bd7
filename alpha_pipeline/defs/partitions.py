"""The two ways the graph is cut: by ticker (up to the forecasts) and by session (from the signals on).

Never ticker x session: tens of thousands of partitions freeze the web UI and say nothing a table does not. An
experiment has partitions of its own, see `membership`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import dagster as dg
from dagster._core.instance import DynamicPartitionsStore

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.membership import Partitions, sync_experiments
from alpha_pipeline.steps.signals import FIRST_SESSION
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import followed, gone, leaving

TICKERS = dg.DynamicPartitionsDefinition(name="tickers")


def _weekday_holidays() -> list[dt.datetime]:
    """Weekdays from the first signal to the calendar's end on which the exchange is shut."""
    days = (calendar.CALENDAR_LAST - FIRST_SESSION).days
    every = (FIRST_SESSION + dt.timedelta(days=i) for i in range(days + 1))
    shut = (day for day in every if day.weekday() < 5 and not calendar.is_session(day))
    return [dt.datetime.combine(day, dt.time()) for day in shut]


class _Sessions(dg.DailyPartitionsDefinition):
    """Daily partitions whose keys come from the exchange's calendar.

    Dagster walks a cron schedule and its exclusions through all years to say the same, and asks a dozen times a run.
    """

    def get_partition_keys(
        self, current_time: dt.datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        """The sessions so far, as ISO dates, ascending."""
        with dg.partition_loading_context(current_time, dynamic_partitions_store):
            last = self.get_last_partition_key()
        if last is None:
            return []
        return [day.isoformat() for day in calendar.between(FIRST_SESSION, dt.date.fromisoformat(last))]


# end_offset=1 makes a session available on its own evening; the signal assets refuse one that has not closed.
SESSIONS = _Sessions(
    start_date=FIRST_SESSION.isoformat(),
    timezone="America/New_York",
    end_offset=1,
    exclusions=["0 0 * * 6", "0 0 * * 0", *_weekday_holidays()],
)


def sync_tickers(instance: Partitions, warehouse: Warehouse) -> list[str]:
    """Bring the dynamic partitions, the experiments' too, in line with the tickers that the warehouse follows.

    A partition that a person added in the web UI stays, until the sensor for new tickers has asked the source.

    Returns:
        The registered tickers, in the order that partition ranges follow.
    """
    name = str(TICKERS.name)
    stale = leaving(warehouse)
    for ticker in stale:
        instance.delete_dynamic_partition(name, ticker)
    sync_experiments(instance, warehouse, stale)
    gone(warehouse, stale)
    instance.add_dynamic_partitions(name, followed(warehouse))
    return list(instance.get_dynamic_partitions(name))


def blocks(registered: Sequence[str], wanted: Sequence[str]) -> list[tuple[str, str]]:
    """The fewest partition ranges (first, last) that cover exactly the wanted keys."""
    chosen = set(wanted)
    found: list[tuple[str, str]] = []
    previous = -2
    for i, key in enumerate(registered):
        if key not in chosen:
            continue
        found.append((found.pop()[0], key) if previous == i - 1 and found else (key, key))
        previous = i
    return found


def of_range(registered: Sequence[str], tags: Mapping[str, str]) -> list[str]:
    """The partition keys that a run's tags name: a range, one key, or none."""
    first, last, only = (tags.get(name, "") for name in (*range_tags("", ""), "dagster/partition"))
    if first in registered and last in registered:
        return list(registered[registered.index(first) : registered.index(last) + 1])
    return [only] if only in registered else []


def range_tags(first: str, last: str) -> dict[str, str]:
    """The run tags that name a partition range."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
