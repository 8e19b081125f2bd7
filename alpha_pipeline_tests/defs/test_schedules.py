"""When things run, and what follows what."""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.events import JobFailureData, RunFailureReason

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs import jobs, schedules
from alpha_pipeline.defs.chain import CHAIN_TAG, NEWCOMERS_TAG, SESSION_TAG, WILL_RETRY_TAG
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.partitions import range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.universe import CORE, UNIVERSE
from alpha_pipeline.warehouse import tickers
from alpha_pipeline_tests.defs.world import World, fresh_defs, make_world
from alpha_pipeline_tests.pipeline_world import signal_all

NEW_YORK = ZoneInfo("America/New_York")
TICK = {"dagster/asset_partition_range_start": UNIVERSE[0], "dagster/asset_partition_range_end": UNIVERSE[-1]}


@pytest.fixture
def instance(world: World) -> Iterator[dg.DagsterInstance]:
    """The world's own, on disk: a schedule opens the instance by its reference."""
    with open_instance(world.settings) as opened:
        yield opened


def tick(instance: dg.DagsterInstance, world: World, when: str) -> dg.RunRequest | dg.SkipReason:
    """What the daily schedule says at a New York time."""
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime.fromisoformat(when).replace(tzinfo=NEW_YORK),
    )
    with world.entered():
        return only(schedules.after_close(context, alpha=AlphaResource()))


def only(said: object) -> dg.RunRequest | dg.SkipReason:
    """The one run that a schedule requests, or why it requests none."""
    if isinstance(said, list):
        [said] = said
    assert isinstance(said, dg.RunRequest | dg.SkipReason)
    return said


@pytest.mark.parametrize("when", ["2024-11-27 16:45", "2024-11-29 13:45", "2024-07-05 16:45", "2025-07-03 13:45"])
def test_the_refresh_runs_three_quarters_of_an_hour_after_the_close(
    instance: dg.DagsterInstance, world: World, when: str
) -> None:
    said = tick(instance, world, when)
    assert isinstance(said, dg.RunRequest)
    assert said.run_key == f"refresh {when[:10]}"
    assert said.tags == {**TICK, SESSION_TAG: when[:10]}


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("2024-11-27 13:45", "closes at another time"),
        ("2024-11-29 16:45", "closes at another time"),
        ("2024-11-28 13:45", "no XNYS session"),
        ("2024-11-28 16:45", "no XNYS session"),
        ("2025-01-09 16:45", "no XNYS session"),
    ],
)
def test_the_other_ticks_skip_and_say_why(instance: dg.DagsterInstance, world: World, when: str, why: str) -> None:
    said = tick(instance, world, when)
    assert isinstance(said, dg.SkipReason)
    assert why in str(said.skip_message)


def test_daylight_saving_moves_no_refresh(instance: dg.DagsterInstance, world: World) -> None:
    """The close stays at 16:00 in New York while it moves by an hour in UTC."""
    asked = []
    for session in calendar.between(dt.date(2024, 3, 7), dt.date(2024, 3, 13)):
        said = [tick(instance, world, f"{session} {time}") for time in ("13:45", "16:45")]
        asked += [request.tags[SESSION_TAG] for request in said if isinstance(request, dg.RunRequest)]
    assert asked == ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13"]


def test_an_added_ticker_is_refreshed_too(instance: dg.DagsterInstance, world: World) -> None:
    tickers.add(world.warehouse, ["PLTR"])
    said = tick(instance, world, "2024-11-27 16:45")
    assert isinstance(said, dg.RunRequest)
    assert said.tags["dagster/asset_partition_range_end"] == "PLTR"
    assert "PLTR" in instance.get_dynamic_partitions("tickers")


def test_a_name_that_no_source_was_asked_about_is_not_refreshed(instance: dg.DagsterInstance, world: World) -> None:
    instance.add_dynamic_partitions("tickers", ["TYPO"])
    said = tick(instance, world, "2024-11-27 16:45")
    assert isinstance(said, dg.RunRequest)
    assert said.tags["dagster/asset_partition_range_start"] == UNIVERSE[0]


def test_after_a_pause_one_refresh_brings_every_session_since(instance: dg.DagsterInstance, world: World) -> None:
    """Dagster makes up for the last ticks at once; the newest does the work."""
    back = world.at(dt.datetime(2024, 11, 27, 23, tzinfo=dt.UTC))
    said = [tick(instance, back, f"2024-11-{day} 16:45") for day in (22, 25, 26, 27)]
    assert [isinstance(one, dg.RunRequest) for one in said] == [False, False, False, True]
    assert isinstance(said[0], dg.SkipReason)
    assert "The refresh of 2024-11-27 brings the session of 2024-11-22 too" in str(said[0].skip_message)


def morning(instance: dg.DagsterInstance, world: World, day: str) -> dg.RunRequest | dg.SkipReason:
    """What the schedule before the open says."""
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=dt.datetime.fromisoformat(f"{day} 08:00").replace(tzinfo=NEW_YORK)
    )
    with world.entered():
        return only(schedules.before_open(context, alpha=AlphaResource()))


def test_what_the_evening_did_not_get_is_asked_for_before_the_open(tmp_path: Path) -> None:
    world = make_world(tmp_path, CORE)
    with open_instance(world.settings) as own:
        assert world.run(own, "refresh_bars", tickers=CORE[1:]).success
        said = morning(own, world, "2016-11-28")
        assert isinstance(said, dg.RunRequest)
        assert said.run_key == "refresh again 2016-11-25"
        assert said.tags == {**TICK, SESSION_TAG: "2016-11-25"}
        assert world.run(own, "refresh_bars", tickers=CORE[:1]).success
        for day, why in (("2016-11-28", "holds 2016-11-25"), ("2016-11-24", "no XNYS session")):
            said = morning(own, world, day)
            assert isinstance(said, dg.SkipReason)
            assert why in str(said.skip_message)


def test_training_takes_the_tickers_with_bars(instance: dg.DagsterInstance, world: World) -> None:
    tickers.add(world.warehouse, ["PLTR"])
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime(2024, 11, 30, 6, tzinfo=NEW_YORK),
    )
    with world.entered():
        [request] = cast("Iterator[dg.RunRequest]", schedules.weekly_training(context, alpha=AlphaResource()))
    assert request.run_key == "train 2024-11-30 QQQ"
    assert request.tags == {**TICK, "dagster/asset_partition_range_end": "NVDA"}


FOLLOWERS = {sensor.name: sensor for sensor in schedules.FOLLOWERS}
DAY = {SESSION_TAG: "2016-11-25"}
NEW = {NEWCOMERS_TAG: "yes"}


class Chain:
    """Runs that end, one after the other, and what the sensors request then."""

    def __init__(self, instance: dg.DagsterInstance, world: World) -> None:
        self.instance = instance
        self.world = world

    def start(self, job: str, tags: Mapping[str, str]) -> dg.DagsterRun:
        return self.instance.create_run_for_job(
            fresh_defs().resolve_job_def(job), status=dg.DagsterRunStatus.STARTED, tags=dict(tags)
        )

    def end(
        self, run: dg.DagsterRun, sensor: str, *, failed: bool = False, killed: bool = False
    ) -> list[dg.RunRequest]:
        """End a run, by itself or by a kill, and ask the sensor that watches for it."""
        ending = dg.DagsterEventType.RUN_FAILURE if failed or killed else dg.DagsterEventType.RUN_SUCCESS
        why = JobFailureData(None, RunFailureReason.STEP_FAILURE) if failed else None
        event = dg.DagsterEvent(ending.value, run.job_name, message="ended", event_specific_data=why)
        self.instance.report_dagster_event(event, run_id=run.run_id)
        context = dg.build_run_status_sensor_context(
            sensor_name=sensor, dagster_instance=self.instance, dagster_run=run, dagster_event=event
        )
        with self.world.entered():
            return list(cast("Iterator[dg.RunRequest]", FOLLOWERS[sensor](context, alpha=AlphaResource())))


@pytest.fixture
def chain(instance: dg.DagsterInstance, world: World) -> Chain:
    """Three tickers have bars."""
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    return Chain(instance, world)


HELD = {**TICK, "dagster/asset_partition_range_end": "NVDA"}


@pytest.mark.parametrize("failed", [False, True])
def test_the_day_goes_on_from_refresh_to_results_whether_a_stage_fails_or_not(chain: Chain, failed: bool) -> None:
    names = (
        "learn_after_{}refresh",
        "forecast_after_{}learning",
        "signals_after_{}forecast",
        "results_after_{}signals",
    )
    learn, forecast, signals, results = (name.format("failed_" if failed else "") for name in names)
    refresh = chain.start("refresh_bars", {**TICK, **DAY})
    [request] = chain.end(refresh, learn, failed=failed)
    carried = {**DAY, CHAIN_TAG: refresh.run_id}
    assert request.tags == {**HELD, **carried}

    [request] = chain.end(chain.start("learn", request.tags), forecast, failed=failed)
    assert request.tags == {**HELD, **carried}

    [request] = chain.end(chain.start("predict", request.tags), signals, failed=failed)
    # No signal was ever made here: all sessions are, in order, in one run.
    assert request.tags == {**range_tags("2016-01-04", "2016-11-25"), **carried}

    [request] = chain.end(chain.start("daily_signals", request.tags), results, failed=failed)
    assert request.tags == carried
    assert request.partition_key is None


def test_a_missed_week_of_signals_is_made_in_order_and_nothing_else(chain: Chain) -> None:
    signal_all(chain.world.warehouse, calendar.between(dt.date(2016, 1, 4), dt.date(2016, 11, 18)))
    [request] = chain.end(chain.start("predict", {**HELD, **DAY, CHAIN_TAG: "one"}), "signals_after_forecast")
    assert request.tags == {**range_tags("2016-11-21", "2016-11-25"), **DAY, CHAIN_TAG: "one"}


def test_the_signals_wait_for_every_block_of_tickers(chain: Chain) -> None:
    """With half of the forecasts they would be made twice, and the first time wrong."""
    tags = {**DAY, CHAIN_TAG: "one"}
    blocks = [range_tags("QQQ", "SPY"), range_tags("NVDA", "NVDA")]
    learning = [chain.start("learn", {**block, **tags}) for block in blocks]
    assert len(chain.end(learning[0], "forecast_after_learning")) == 1
    first = chain.start("predict", {**blocks[0], **tags})
    assert chain.end(first, "signals_after_forecast") == []
    assert len(chain.end(learning[1], "forecast_after_learning")) == 1
    second = chain.start("predict", {**blocks[1], **tags})
    [request] = chain.end(second, "signals_after_forecast")
    assert request.run_key == "signals one"


def test_new_tickers_go_on_to_forecasts_alone(chain: Chain) -> None:
    tickers.add(chain.world.warehouse, ["PLTR"])
    registered = sync_tickers(chain.instance, chain.world.warehouse)
    refresh = chain.start("refresh_bars", {**range_tags("NVDA", "PLTR"), **NEW})
    assert "PLTR" in registered
    [request] = chain.end(refresh, "learn_after_refresh")
    carried = {**NEW, CHAIN_TAG: refresh.run_id}
    assert request.tags == {**range_tags("NVDA", "NVDA"), **carried}  # PLTR has no bars
    [request] = chain.end(chain.start("learn", request.tags), "forecast_after_learning")
    assert request.tags == {**range_tags("NVDA", "NVDA"), **carried}
    assert chain.end(chain.start("predict", request.tags), "signals_after_forecast") == []


def test_a_killed_run_is_run_again_and_only_the_second_one_is_followed(chain: Chain) -> None:
    refresh = chain.start("refresh_bars", {**TICK, **DAY})
    assert chain.end(refresh, "learn_after_failed_refresh", killed=True) == []
    ended = chain.instance.get_run_by_id(refresh.run_id)
    assert ended is not None
    assert ended.tags[WILL_RETRY_TAG] == "true"


@pytest.mark.parametrize(
    ("sensor", "job"),
    [
        ("learn_after_refresh", "refresh_bars"),
        ("forecast_after_learning", "learn"),
        ("signals_after_forecast", "predict"),
        ("results_after_signals", "daily_signals"),
    ],
)
def test_a_run_that_a_person_started_is_followed_by_nothing(chain: Chain, sensor: str, job: str) -> None:
    assert chain.end(chain.start(job, {}), sensor) == []


def test_the_sensors_watch_the_job_before_theirs() -> None:
    watched = {
        "learn": (jobs.REFRESH_BARS, jobs.LEARN),
        "forecast": (jobs.LEARN, jobs.PREDICT),
        "signals": (jobs.PREDICT, jobs.SIGNALS),
        "results": (jobs.SIGNALS, jobs.RESULTS),
    }
    for name, sensor in FOLLOWERS.items():
        before, after = watched[name.partition("_")[0]]
        assert sensor._monitored_jobs == [before]
        assert sensor.job_name == after.name
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
