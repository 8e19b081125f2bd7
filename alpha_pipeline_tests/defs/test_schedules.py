"""When things run, and what follows what."""

import datetime as dt
from collections.abc import Iterator
from typing import cast
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs import jobs, schedules
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.universe import UNIVERSE
from alpha_pipeline.warehouse import tickers
from alpha_pipeline_tests.defs.world import World, fresh_defs

NEW_YORK = ZoneInfo("America/New_York")
TICK = {"dagster/asset_partition_range_start": UNIVERSE[0], "dagster/asset_partition_range_end": UNIVERSE[-1]}
ENDED = {
    dg.DagsterRunStatus.SUCCESS: dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterRunStatus.FAILURE: dg.DagsterEventType.RUN_FAILURE,
}


@pytest.fixture
def instance(world: World) -> Iterator[dg.DagsterInstance]:
    """The world's own, on disk: a schedule opens the instance by its reference."""
    with open_instance(world.settings) as opened:
        yield opened


def alpha(world: World) -> AlphaResource:
    return AlphaResource(overrides=world.environment)


def tick(instance: dg.DagsterInstance, world: World, when: str) -> dg.RunRequest | dg.SkipReason:
    """What the daily schedule says at a New York time."""
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime.fromisoformat(when).replace(tzinfo=NEW_YORK),
    )
    said = schedules.after_close(context, alpha=alpha(world))
    assert isinstance(said, dg.RunRequest | dg.SkipReason)
    return said


@pytest.mark.parametrize("when", ["2024-11-27 16:45", "2024-11-29 13:45", "2024-07-05 16:45", "2025-07-03 13:45"])
def test_the_refresh_runs_three_quarters_of_an_hour_after_the_close(
    instance: dg.DagsterInstance, world: World, when: str
) -> None:
    said = tick(instance, world, when)
    assert isinstance(said, dg.RunRequest)
    assert said.run_key == f"refresh {when[:10]}"
    assert said.tags == {**TICK, schedules.SESSION_TAG: when[:10]}


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
        asked += [request.tags[schedules.SESSION_TAG] for request in said if isinstance(request, dg.RunRequest)]
    assert asked == ["2024-03-07", "2024-03-08", "2024-03-11", "2024-03-12", "2024-03-13"]


def test_an_added_ticker_is_refreshed_too(instance: dg.DagsterInstance, world: World) -> None:
    tickers.add(world.warehouse, ["PLTR"])
    said = tick(instance, world, "2024-11-27 16:45")
    assert isinstance(said, dg.RunRequest)
    assert said.tags["dagster/asset_partition_range_end"] == "PLTR"
    assert "PLTR" in instance.get_dynamic_partitions("tickers")


def test_training_takes_the_tickers_with_bars(instance: dg.DagsterInstance, world: World) -> None:
    tickers.add(world.warehouse, ["PLTR"])
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    context = dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=dt.datetime(2024, 11, 30, 6, tzinfo=NEW_YORK),
    )
    [request] = cast("Iterator[dg.RunRequest]", schedules.weekly_training(context, alpha=alpha(world)))
    assert request.run_key == "train 2024-11-30 QQQ"
    assert request.tags == {**TICK, "dagster/asset_partition_range_end": "NVDA"}


def ask(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    world: World,
    job: dg.JobDefinition,
    tags: dict[str, str],
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
) -> list[dg.RunRequest]:
    """What a run status sensor requests after a run of a job with these tags."""
    run = instance.create_run_for_job(job, status=status, tags=tags)
    resources = {"alpha": alpha(world)} if "learn_after" in sensor.name else {}
    event = dg.DagsterEvent(event_type_value=ENDED[status].value, job_name=job.name)
    context = dg.build_run_status_sensor_context(
        sensor_name="any",
        dagster_instance=instance,
        dagster_run=run,
        dagster_event=event,
    )
    return list(cast("Iterator[dg.RunRequest]", sensor(context, **resources)))


def job_of(world: World, name: str) -> dg.JobDefinition:
    return fresh_defs(world.environment).resolve_job_def(name)


DAY = {schedules.SESSION_TAG: "2016-11-25"}


def test_the_day_goes_on_from_refresh_to_results(instance: dg.DagsterInstance, world: World) -> None:
    assert world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA"]).success
    refresh = job_of(world, "refresh_bars")

    [request] = ask(schedules.learn_after_refresh, instance, world, refresh, DAY)
    assert request.tags == {**TICK, "dagster/asset_partition_range_end": "NVDA", **DAY}

    [request] = ask(schedules.forecast_after_learning, instance, world, job_of(world, "learn"), dict(request.tags))
    assert request.tags == {**TICK, "dagster/asset_partition_range_end": "NVDA", **DAY}

    [request] = ask(schedules.signals_after_forecast, instance, world, job_of(world, "predict"), dict(request.tags))
    assert request.partition_key == "2016-11-25"
    assert request.tags == DAY

    [request] = ask(schedules.results_after_signals, instance, world, job_of(world, "daily_signals"), DAY)
    assert request.partition_key is None


def test_a_partial_refresh_is_forecast_too(instance: dg.DagsterInstance, world: World) -> None:
    assert not world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA", "AAPL"]).success
    [request] = ask(
        schedules.learn_after_partial_refresh,
        instance,
        world,
        job_of(world, "refresh_bars"),
        DAY,
        dg.DagsterRunStatus.FAILURE,
    )
    assert request.tags == {**TICK, "dagster/asset_partition_range_end": "NVDA", **DAY}


@pytest.mark.parametrize(
    ("sensor", "job"),
    [
        (schedules.learn_after_refresh, "refresh_bars"),
        (schedules.forecast_after_learning, "learn"),
        (schedules.signals_after_forecast, "predict"),
        (schedules.results_after_signals, "daily_signals"),
    ],
)
def test_a_run_that_a_person_started_is_followed_by_nothing(
    instance: dg.DagsterInstance, world: World, sensor: dg.SensorDefinition, job: str
) -> None:
    assert ask(sensor, instance, world, job_of(world, job), {}) == []


def test_the_sensors_watch_the_job_before_theirs() -> None:
    watched = {
        "learn_after_refresh": (jobs.REFRESH_BARS, jobs.LEARN),
        "learn_after_partial_refresh": (jobs.REFRESH_BARS, jobs.LEARN),
        "forecast_after_learning": (jobs.LEARN, jobs.PREDICT),
        "signals_after_forecast": (jobs.PREDICT, jobs.SIGNALS),
        "results_after_signals": (jobs.SIGNALS, jobs.RESULTS),
    }
    for sensor in schedules.SENSORS:
        before, after = watched[sensor.name]
        assert sensor._monitored_jobs == [before]
        assert sensor.job_name == after.name
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
