import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

MEMORY: Final = Path("/dev/shm")
ROOM: Final = 6 * 2**30  # bytes; all tests at once take a tenth of it


def pytest_configure() -> None:
    """Keep the tests' folders in memory where there is room, unless told where.

    SQLite waits for the disk at every change: a Dagster instance that is made and filled does so hundreds of times, and
    a suite spends more time on it than on its work. A process that is killed loses nothing either way.
    """
    is_told = {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"} & set(os.environ)
    if not is_told and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.fixture(scope="session", autouse=True)
def own_cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where the processes of a machine meet (a limiter's state, time zones) is not where the user's own do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
