"""What a look at one kind of state comes to, and what it may look at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from alpha_pipeline.settings import Settings
from alpha_pipeline.warehouse.store import Warehouse


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: the thing.
        is_ok: whether it is as it should be.
        detail: what was seen: when it is not ok, the object by its path, the cause and the fix.
        mend: what `alpha doctor --mend` does about it, None where only a person can; says what it did. It takes
            nothing away that cannot be made again: damaged state is set aside (`aside.set_aside`).
    """

    what: str
    is_ok: bool
    detail: str
    mend: Callable[[], str] | None = None


@dataclass(frozen=True)
class Patient:
    """What is looked at.

    Attributes:
        settings: of the machine and of the warehouse, with the clock.
        warehouse: the warehouse; it may be empty, or not there.
        is_deep: whether every byte of what is stored is looked at.
    """

    settings: Settings
    warehouse: Warehouse
    is_deep: bool = False


# A look writes nothing, not even a lock or a time of a file, and may raise: that it could not be made is a finding.
Look = Callable[[Patient], Iterable[Finding]]
