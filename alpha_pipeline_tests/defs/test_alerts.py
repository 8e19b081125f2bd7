"""What the sensors tell a person, and when they keep still."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs import alerts, jobs
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.defs.schedules import SESSION_TAG
from alpha_pipeline.sources.registry import make_source
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.tables.signals import VIX_REGIME
from alpha_pipeline_tests.defs.world import LAST, World, fresh_defs
from alpha_pipeline_tests.loopback_webhook import LoopbackWebhook
from alpha_pipeline_tests.pipeline_world import ingest_all

BEFORE = calendar.offset(LAST, -1)


@pytest.fixture
def instance(world: World) -> Iterator[dg.DagsterInstance]:
    with open_instance(world.settings) as opened:
        yield opened


@pytest.fixture
def webhook() -> Iterator[LoopbackWebhook]:
    with LoopbackWebhook() as made:
        yield made


def alerting(world: World, *urls: str) -> World:
    """The same world with services to alert."""
    return World(replace(world.settings, alerts=urls))


def failed(instance: dg.DagsterInstance, world: World, run: dg.DagsterRun) -> dg.SkipReason | None:
    """What the sensor does about a failed run."""
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_FAILURE.value, run.job_name, message="The run ended badly.")
    context = dg.build_run_status_sensor_context("alert_on_failure", event, instance, run).for_run_failure()
    with world.entered():
        said = alerts.alert_on_failure(context, alpha=AlphaResource())
    assert said is None or isinstance(said, dg.SkipReason)
    return said


def finished(instance: dg.DagsterInstance, world: World, **tags: str) -> None:
    """The job `results` succeeded."""
    job = fresh_defs().resolve_job_def(jobs.RESULTS.name)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags=tags)
    event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, job.name)
    context = dg.build_run_status_sensor_context("alert_after_results", event, instance, run)
    with world.entered():
        alerts.alert_after_results(context, alpha=AlphaResource())


def test_a_failed_run_is_told_once_with_what_its_steps_said(
    instance: dg.DagsterInstance, world: World, webhook: LoopbackWebhook
) -> None:
    told = alerting(world, webhook.url)
    result = world.run(instance, "refresh_bars", tickers=["QQQ", "SPY", "NVDA", "AAPL"])
    assert not result.success
    for _ in range(2):
        assert failed(instance, told, result.dagster_run) is None
    [body] = webhook.taken
    assert (body["title"], body["type"]) == ("alpha_pipeline: refresh_bars failed", "failure")
    assert body["message"].startswith(f"Run {result.run_id}: ")
    assert "AAPL" in body["message"]


def test_a_run_that_failed_outside_its_steps_is_told_too(
    instance: dg.DagsterInstance, world: World, webhook: LoopbackWebhook
) -> None:
    job = fresh_defs().resolve_job_def(jobs.LEARN.name)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
    failed(instance, alerting(world, webhook.url), run)
    assert webhook.taken[0]["message"] == f"Run {run.run_id}: The run ended badly."


@pytest.mark.parametrize(("will_retry", "told"), [("true", 0), ("false", 1)])
def test_a_run_that_will_be_retried_is_no_failure_yet(
    instance: dg.DagsterInstance, world: World, webhook: LoopbackWebhook, will_retry: str, told: int
) -> None:
    job = fresh_defs().resolve_job_def(jobs.LEARN.name)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
    instance.add_run_tags(run.run_id, {alerts.WILL_RETRY_TAG: will_retry})  # after the run was handed over
    said = failed(instance, alerting(world, webhook.url), run)
    assert webhook.asked == told
    assert (said is None) == bool(told)


def test_the_session_of_the_run_is_the_one_judged(
    instance: dg.DagsterInstance, world: World, webhook: LoopbackWebhook
) -> None:
    told = alerting(world, webhook.url)
    source = make_source(world.settings)
    ingest_all(world.warehouse, source, ["QQQ"], LAST)
    ingest_all(world.warehouse, source, ["SPY"], BEFORE)
    for session in (LAST, BEFORE, LAST):
        finished(instance, told, **{SESSION_TAG: session.isoformat()})
    lacking = [body["message"].partition(".")[0].split(", ") for body in webhook.taken]
    assert len(lacking) == 2
    assert lacking[0][0] == f"SPY ends on {BEFORE}"
    assert {name.split()[0] for name in lacking[1]} == set(CORE) - {"QQQ", "SPY"}


def test_leaving_every_long_is_told_after_a_run_that_a_person_started(
    instance: dg.DagsterInstance, world: World, webhook: LoopbackWebhook
) -> None:
    row = {
        "session": LAST,
        "regime": "calm",
        "prob_spike": 0.9,
        "spike_threshold": 0.5,
        "exit_longs": True,
        "missing": "",
    }
    rows = pl.DataFrame([row | {"expected_change": 0.2, "size_multiplier": 1.0}])
    world.warehouse.upsert(VIX_REGIME, str(LAST.year), VIX_REGIME.conform(rows))
    finished(instance, alerting(world, webhook.url))
    assert f"alpha_pipeline: exit_longs, session {LAST}" in webhook.titles()


def test_a_dead_service_fails_no_tick(
    instance: dg.DagsterInstance, world: World, webhook: LoopbackWebhook, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    finished(instance, alerting(world, webhook.url))
    assert webhook.asked == 1
    assert "stale data" in caplog.text


def test_the_sensors_are_on_and_watch_every_job_and_the_last() -> None:
    failure, results = alerts.SENSORS
    assert (failure.name, results.name) == ("alert_on_failure", "alert_after_results")
    assert failure._monitored_jobs == []
    assert results._monitored_jobs == [jobs.RESULTS]
    assert {sensor.default_status for sensor in alerts.SENSORS} == {dg.DefaultSensorStatus.RUNNING}
