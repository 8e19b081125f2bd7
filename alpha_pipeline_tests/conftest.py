"""How the tests are run: where their folders lie, what runs together, and what runs first."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

MEMORY: Final = Path("/dev/shm")
ROOM: Final = 6 * 2**30  # bytes; all tests at once take a tenth of it

# The same examples in every run: a failure is one of the change, and found by whoever made it.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

# A graph and its libraries are many objects that stay, and each search for garbage goes through all of them: it is
# done more seldom, and not among what was there before the first test.
gc.set_threshold(100_000, 20, 50)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' folders in memory where there is room, unless told where.

    SQLite waits for the disk at every change: a Dagster instance that is made and filled does so hundreds of times, and
    a suite spends more time on it than on its work. A process that is killed loses nothing either way.
    """
    config.option.loadscopereorder = False  # else pytest-xdist begins with the files that hold most tests
    is_told = {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"} & set(os.environ)
    if not is_told and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest first, so that no worker ends alone: slow tests one by one, other tests with their file."""
    longest: dict[Path, float] = {}
    for item in items:
        longest[item.path] = max(longest.get(item.path, 0.0), 0.0 if _is_slow(item) else _minutes(item))
    items.sort(key=lambda item: -(_minutes(item) if _is_slow(item) else longest[item.path]))
    # A worker is handed two tests at the start, the second of which waits: a short one behind each of the longest.
    for place in range(1, 2 * int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")), 2):
        if place < len(items) and _is_slow(items[place - 1]):
            items.insert(place, items.pop())


def pytest_collection_finish() -> None:
    """Leave out of the search for garbage what the collection loaded."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the interpreter end as it would: what stays frozen is reported as leaked by libraries that count."""
    gc.unfreeze()


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _minutes(item: pytest.Item) -> float:
    marker = item.get_closest_marker("minutes")
    return float(marker.args[0]) if marker else 0.0


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the processes of a machine meet (a limiter's state, time zones) is not where the user's own do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
