"""kill -9 of run workers and of the daemon at random moments: one of two files that make thirty kills.

After each, every object reads, nothing acknowledged is lost or doubled, and the next run finishes the work: the
warehouse is the one that a single uninterrupted run makes, and the pool is free.
"""

import time
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import dagster as dg
import pytest

from alpha_pipeline.defs.chain import UNFINISHED, WILL_RETRY_TAG
from alpha_pipeline.defs.partitions import range_tags
from alpha_pipeline.steps.signals import FIRST_SESSION
from alpha_pipeline_tests import chaos_world as chaos
from alpha_pipeline_tests.chaos_world import Reference, moments
from alpha_pipeline_tests.defs.served import Served, eventually, serve, survivors
from alpha_pipeline_tests.defs.world import World

pytestmark = pytest.mark.slow

WORKERS, DAEMONS = 10, 4
LAUNCH: Final = """mutation($asked: ExecutionParams!) { launchRun(executionParams: $asked) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


class Stage(NamedTuple):
    """A job of the day.

    Attributes:
        job: its name.
        makes: the folders of a warehouse that it fills.
        experiments: of a training; none is asked for by name when empty.
        partitions: the range that it is asked for.
    """

    job: str
    makes: tuple[str, ...]
    experiments: tuple[str, ...] = ()
    partitions: tuple[str, str] = (chaos.TICKERS[0], chaos.TICKERS[-1])


STAGES: Final = (
    Stage("refresh_bars", ("tables/raw",)),
    Stage("prepare", ("tables/features", "tables/targets")),
    Stage("train", ("models",), tuple(chaos.ALL)),
    Stage("predict", ("tables/forecasts",)),
    Stage("daily_signals", ("tables/signals",), (), (FIRST_SESSION.isoformat(), chaos.THROUGH.isoformat())),
)
TRAIN: Final = STAGES[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return chaos.chaos_world(tmp_path_factory.mktemp("chaos") / "world")


@pytest.fixture(scope="module")
def full(world: World, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """Made with worker processes too."""
    return chaos.reference_of(world, chaos.ALL, tmp_path_factory)


@pytest.mark.minutes(8)
@pytest.mark.parametrize("half", [0, 1])
def test_killed_run_workers_and_daemons(world: World, full: Reference, tmp_path: Path, half: int) -> None:
    """Under each daemon run workers die, then it dies itself, and `alpha ui` with it; the next one takes over.

    Half of the deaths in one warehouse, and half in another at the same time: most of it is waiting.
    """
    ours = chaos.in_another(world, tmp_path / "warehouse")
    deaths = zip(STAGES, moments(3, WORKERS)[half::2], strict=True)
    left = WORKERS // 2
    daemons = list(enumerate(moments(4, DAEMONS)))[half::2]
    lives: Lives | None = None
    for later, (number, moment) in enumerate(daemons):
        with serve(ours, tmp_path / f"ui_{number}.log") as ui:
            if lives is None:
                lives = Lives(measured(ui, ours, full, STAGES[1]), measured(ui, ours, full, TRAIN))
            else:
                nothing_hangs(ours, full)
            due = -(-left // (len(daemons) - later))
            left -= due
            for stage, when in islice(deaths, due):
                kill_a_worker(ui, ours, full, stage, when * lives.of(stage))
            stage = STAGES[number % len(STAGES)]
            kill_the_daemon(ui, ours, full, stage, moment * lives.of(stage))
        chaos.everything_reads(ours.warehouse)
        chaos.what_was_acknowledged_is_held(ours)
    with serve(ours, tmp_path / "ui_last.log"):
        nothing_hangs(ours, full)


class Lives(NamedTuple):
    """Seconds from the launch of a run to its end: of one that trains, and of any other."""

    other: float
    train: float

    def of(self, stage: Stage) -> float:
        return self.train if stage == TRAIN else self.other


def measured(ui: Served, world: World, reference: Reference, stage: Stage) -> float:
    """How long an uninterrupted run of a stage lives."""
    begin = time.monotonic()
    run_id = launched(ui, world, reference, stage)
    with chaos.opened(world.settings) as instance:
        eventually(lambda: has_ended(instance, run_id), f"{stage.job} is done")
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.is_success
    return time.monotonic() - begin


def has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def nothing_hangs(world: World, reference: Reference) -> None:
    """Runs that an earlier daemon left come to an end, and the next run finishes the work."""
    with chaos.opened(world.settings) as instance:
        eventually(lambda: is_quiet(instance), "every run has an end, and is run again where it was killed", 420)
        eventually(lambda: chaos.pool_is_free(instance), "the pool is free")
    chaos.is_mended(world, reference)


def is_quiet(instance: dg.DagsterInstance) -> bool:
    """Whether nothing runs, and nothing is about to run again."""
    if instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        return False
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    awaited = [run for run in failed if run.tags.get(WILL_RETRY_TAG) == "true"]
    return all("dagster/auto_retry_run_id" in run.tags for run in awaited)


def kill_a_worker(ui: Served, world: World, reference: Reference, stage: Stage, after: float) -> None:
    """Kill the process of a run so many seconds after its launch, at once where it is born later."""
    begin = time.monotonic()
    run_id = launched(ui, world, reference, stage)
    with chaos.opened(world.settings) as instance:
        worker = eventually(lambda: chaos.worker_of(instance, run_id), f"{stage.job} has a process")
        time.sleep(max(0.0, begin + after - time.monotonic()))
        if worker in survivors(ui.session):  # else it was done by then
            chaos.end(worker)
        eventually(lambda: has_ended(instance, run_id), f"the death of {stage.job} is noticed")
    chaos.everything_reads(world.warehouse)
    chaos.what_was_acknowledged_is_held(world)
    nothing_hangs(world, reference)


def kill_the_daemon(ui: Served, world: World, reference: Reference, stage: Stage, after: float) -> None:
    """Kill the daemon so many seconds after the launch of a run: it waits, starts, works or is done by then."""
    daemon = chaos.daemon_of(ui.session)
    launched(ui, world, reference, stage)
    time.sleep(after)
    chaos.end(daemon)
    eventually(lambda: not survivors(ui.session), "`alpha ui` ends with its daemon")


def launched(ui: Served, world: World, reference: Reference, stage: Stage) -> str:
    """Take away what a stage makes, and launch the stage in the web UI; the run's id."""
    chaos.reset(world, reference, stage.makes)
    selector = {
        "repositoryLocationName": "alpha_pipeline",
        "repositoryName": "__repository__",
        "jobName": stage.job,
    }
    config = {"ops": {"models__trained": {"config": {"experiments": stage.experiments}}}} if stage.experiments else {}
    tags = [{"key": key, "value": value} for key, value in range_tags(*stage.partitions).items()]
    asked = {"selector": selector, "runConfigData": config, "executionMetadata": {"tags": tags}}
    said = ui.ask(LAUNCH, {"asked": asked})["launchRun"]
    assert said["__typename"] == "LaunchRunSuccess", said
    run_id: str = said["run"]["runId"]
    return run_id
