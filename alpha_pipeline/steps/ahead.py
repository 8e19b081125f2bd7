"""What is stamped with a time that has not come yet on this machine: its clock was ahead then, or is behind now.

Such a time says nothing, so it never decides which of two answers is the later one. The next refresh asks for the bars
again and gives those that it confirms its own time. A forecast that was made keeps its time, for it cannot be made
again; whether it counts as live was decided by a clock that was wrong.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import polars as pl

from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tables.forecasts import DAILY

# The times that are compared with others.
STAMPED: Final[tuple[tuple[Table, str], ...]] = (
    (raw.BARS, "fetched_at"),
    (raw.SECOND_OPINION, "fetched_at"),
    (DAILY, "made_at"),
)
NAMED: Final = 5


@dataclass(frozen=True)
class Ahead:
    """The rows of one table whose time has not come yet.

    Attributes:
        table: its name.
        units: those that hold such rows, ascending.
        n_rows: how many.
        latest: the latest time.
    """

    table: str
    units: tuple[str, ...]
    n_rows: int
    latest: dt.datetime

    @property
    def words(self) -> str:
        """Table, units, how many rows and the latest time, in one sentence with the fix."""
        more = f" and {len(self.units) - NAMED} more" if len(self.units) > NAMED else ""
        fix = (
            "what was forecast keeps it, and is no proof of having been made in time"
            if self.table == DAILY.name
            else "such a time never wins, and `alpha refresh` asks for these rows anew"
        )
        return (
            f"{self.table}: {self.n_rows:,} rows of {', '.join(self.units[:NAMED])}{more} are stamped up to "
            f"{self.latest:%Y-%m-%d %H:%M} UTC, which has not come yet: this machine's clock was ahead then, or is "
            f"behind now. Set it right if it is wrong; {fix}."
        )


def ahead(warehouse: Warehouse, clock: dt.datetime) -> list[Ahead]:
    """What is stamped after a time, by table.

    Args:
        warehouse: which.
        clock: this machine's time, whatever time is replayed.
    """
    found = []
    for table, column in STAMPED:
        late: dict[str, pl.Series] = {}
        for unit in warehouse.units(table):
            times = warehouse.read(table, [unit], columns=[column]).get_column(column)
            if (times > clock).any():
                late[unit] = times.filter(times > clock)
        if late:
            all_late = pl.concat(list(late.values()))
            found.append(Ahead(table.name, tuple(late), len(all_late), all_late.max()))  # type: ignore[arg-type]
    return found
