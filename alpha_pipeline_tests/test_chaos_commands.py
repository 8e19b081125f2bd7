"""kill -9 of the command at a random moment, sixteen times: one of two files that make thirty kills.

After each, every object reads, nothing acknowledged is lost or doubled, and the next run finishes the work: the
warehouse is the one that a single uninterrupted run makes.
"""

import time
from pathlib import Path

import pytest

from alpha_pipeline_tests import chaos_world as chaos
from alpha_pipeline_tests.chaos_world import Reference, moments
from alpha_pipeline_tests.defs.served import assert_all_gone
from alpha_pipeline_tests.defs.world import World

pytestmark = pytest.mark.slow

COMMANDS, COMMANDS_WITH_WORKERS = 12, 4


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return chaos.chaos_world(tmp_path_factory.mktemp("chaos") / "world")


@pytest.fixture(scope="module")
def plain(world: World, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Made without worker processes."""
    return chaos.reference_of(world, chaos.PLAIN, tmp_path_factory)


@pytest.fixture(scope="module")
def full(world: World, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Made with worker processes too."""
    return chaos.reference_of(world, chaos.ALL, tmp_path_factory)


@pytest.mark.minutes(0.5)
@pytest.mark.parametrize("moment", moments(1, COMMANDS), ids="{:.2f}".format)
def test_a_killed_command(world: World, plain: Reference, moment: float, tmp_path: Path) -> None:
    kill_a_command(chaos.in_another(world, tmp_path / "warehouse"), plain, moment)


@pytest.mark.minutes(1)
@pytest.mark.parametrize("moment", moments(2, COMMANDS_WITH_WORKERS), ids="{:.2f}".format)
def test_a_killed_command_with_workers(world: World, full: Reference, moment: float, tmp_path: Path) -> None:
    kill_a_command(chaos.in_another(world, tmp_path / "warehouse"), full, moment)


def kill_a_command(world: World, reference: Reference, moment: float) -> None:
    with chaos.command(world, reference.experiments) as process:
        chaos.begins(world, process)
        time.sleep(moment * reference.work)
        chaos.end(process.pid)
        process.wait(30)
        assert_all_gone(process.pid)  # its workers too
    chaos.is_mended(world, reference)
