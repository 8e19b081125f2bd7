"""The names of what lies in a warehouse beside its tables."""

from typing import Final

HOME: Final = ".dagster"  # of Dagster's instance
LOCKS: Final = ".locks"
PINNED: Final = ".pinned"  # how the folder of a query begins
