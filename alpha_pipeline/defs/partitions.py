"""The two ways the graph is cut: by ticker (up to the forecasts) and by session (from the signals on).

Never ticker x session: tens of thousands of partitions freeze the web UI and say nothing a table does not.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from alpha_pipeline import sessions as calendar
from alpha_pipeline.steps.signals import FIRST_SESSION
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import followed

TICKERS = dg.DynamicPartitionsDefinition(name="tickers")


def _weekday_holidays() -> list[dt.datetime]:
    """Weekdays from the first signal to the calendar's end on which the exchange is shut."""
    days = (calendar.CALENDAR_LAST - FIRST_SESSION).days
    every = (FIRST_SESSION + dt.timedelta(days=i) for i in range(days + 1))
    shut = (day for day in every if day.weekday() < 5 and not calendar.is_session(day))
    return [dt.datetime.combine(day, dt.time()) for day in shut]


# end_offset=1 makes a session available on its own evening; the signal assets refuse one that has not closed.
SESSIONS = dg.DailyPartitionsDefinition(
    start_date=FIRST_SESSION.isoformat(),
    timezone="America/New_York",
    end_offset=1,
    exclusions=["0 0 * * 6", "0 0 * * 0", *_weekday_holidays()],
)


def sync_tickers(instance: dg.DagsterInstance, warehouse: Warehouse) -> list[str]:
    """Bring the dynamic partitions in line with the tickers that the warehouse follows.

    Returns:
        The registered tickers, in the order that partition ranges follow.
    """
    name = str(TICKERS.name)
    wanted = followed(warehouse)
    for stale in set(instance.get_dynamic_partitions(name)) - set(wanted):
        instance.delete_dynamic_partition(name, stale)
    instance.add_dynamic_partitions(name, wanted)
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


def range_tags(first: str, last: str) -> dict[str, str]:
    """The run tags that name a partition range."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
