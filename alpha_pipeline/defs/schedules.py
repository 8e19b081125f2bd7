"""When things run: after each XNYS close, and what follows what.

A refresh of every followed ticker starts 45 minutes after the close (half days too). Whatever of it succeeded is
forecast, then the signals of every session that lacks them are made in order, then the ledger and the scores. In the
morning of a session whatever the evening did not get is asked for again.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import dagster as dg

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.alive import bury
from alpha_pipeline.defs.chain import (
    CHAIN_TAG,
    NEWCOMERS_TAG,
    SESSION_TAG,
    all_with_bars,
    by_blocks,
    carried,
    is_last_of_stage,
    with_bars,
)
from alpha_pipeline.defs.partitions import blocks, of_range, range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.steps.admission import behind
from alpha_pipeline.steps.signals import FIRST_SESSION, stale_sessions
from alpha_pipeline.warehouse.tickers import followed

if TYPE_CHECKING:  # Dagster has no public name for what `define_asset_job` returns
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as Job

Requests = Iterator[dg.RunRequest]
Decide = Callable[[dg.RunStatusSensorContext, AlphaResource, dict[str, str]], Requests]


# The close is at 16:00 or, on half days, at 13:00: a tick at each, and the one that does not fit skips.
@dg.schedule(
    name="after_close",
    cron_schedule=["45 13 * * 1-5", "45 16 * * 1-5"],
    execution_timezone="America/New_York",
    job=jobs.REFRESH_BARS,
    description="Refreshes every followed ticker 45 minutes after each XNYS close; the sensors carry the day on.",
)
def after_close(context: dg.ScheduleEvaluationContext, alpha: AlphaResource) -> list[dg.RunRequest] | dg.SkipReason:
    """Refresh every followed ticker once the session has closed."""
    tick = context.scheduled_execution_time
    today = tick.date()
    if not calendar.is_session(today):
        return dg.SkipReason(f"{today} is no XNYS session.")
    due = calendar.close_time(today) + calendar.CLOSE_BUFFER
    if abs(due - tick.astimezone(dt.UTC)) > dt.timedelta(minutes=30):
        return dg.SkipReason(f"The session of {today} closes at another time of day.")
    # After a pause Dagster makes up for the last ticks; one refresh brings every session since.
    last = calendar.last_closed(alpha.settings().now())
    if last > today:
        return dg.SkipReason(f"The refresh of {last} brings the session of {today} too.")
    return _refresh(context.instance, alpha, today, f"refresh {today}")


@dg.schedule(
    name="before_open",
    cron_schedule="0 8 * * 1-5",
    execution_timezone="America/New_York",
    job=jobs.REFRESH_BARS,
    description="Refreshes again at 8:00 New York where a core or added ticker lacks the last session.",
)
def before_open(context: dg.ScheduleEvaluationContext, alpha: AlphaResource) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask again for what the evening did not get, while a forecast is still in time for the open."""
    today = context.scheduled_execution_time.date()
    if not calendar.is_session(today):
        return dg.SkipReason(f"{today} is no XNYS session.")
    last = calendar.offset(today, -1)
    if not behind(alpha.warehouse(), last):
        return dg.SkipReason(f"Every core or added ticker holds {last}.")
    return _refresh(context.instance, alpha, last, f"refresh again {last}")


@dg.schedule(
    name="weekly_training",
    cron_schedule="0 6 * * 6",
    execution_timezone="America/New_York",
    job=jobs.TRAIN,
    description="Trains on Saturdays what is missing of every experiment, on the tickers that hold bars.",
)
def weekly_training(context: dg.ScheduleEvaluationContext, alpha: AlphaResource) -> Requests:
    """Train what is missing; a fold that exists is found done."""
    for first, last in blocks(*all_with_bars(context.instance, alpha.warehouse())):
        yield dg.RunRequest(
            run_key=f"train {context.scheduled_execution_time.date()} {first}", tags=range_tags(first, last)
        )


def _refresh(instance: dg.DagsterInstance, alpha: AlphaResource, session: dt.date, name: str) -> list[dg.RunRequest]:
    """Runs that refresh every followed ticker for a session: one, unless a stranger stands among their partitions."""
    warehouse = alpha.warehouse()
    spans = blocks(sync_tickers(instance, warehouse), followed(warehouse))
    return [
        dg.RunRequest(
            run_key=name if len(spans) == 1 else f"{name} {first}",
            tags={**range_tags(first, last), SESSION_TAG: session.isoformat()},
        )
        for first, last in spans
    ]


def _learn(context: dg.RunStatusSensorContext, alpha: AlphaResource, tags: dict[str, str]) -> Requests:
    """Features and models: of the day's tickers, or of the new ones, that have bars."""
    find = with_bars if NEWCOMERS_TAG in tags else all_with_bars
    yield from by_blocks("learn", tags, *find(context.instance, alpha.warehouse(), context.dagster_run.tags))


def _predict(context: dg.RunStatusSensorContext, alpha: AlphaResource, tags: dict[str, str]) -> Requests:
    """Forecasts of the same tickers; a job of its own, so that a model that was not due stops no forecast of others."""
    registered = sync_tickers(context.instance, alpha.warehouse())
    yield from by_blocks("predict", tags, registered, of_range(registered, context.dagster_run.tags))


def _signals(context: dg.RunStatusSensorContext, alpha: AlphaResource, tags: dict[str, str]) -> Requests:
    """The signals of every session that lacks them up to the scheduled one, in order and in one run."""
    if SESSION_TAG not in tags or not is_last_of_stage(
        context.instance, tags[CHAIN_TAG], jobs.PREDICT.name, jobs.LEARN.name
    ):
        return
    session = dt.date.fromisoformat(tags[SESSION_TAG])
    stale = stale_sessions(alpha.warehouse(), calendar.between(FIRST_SESSION, session))
    which = range_tags(stale[0], stale[-1]) if stale else range_tags(str(session), str(session))
    yield dg.RunRequest(run_key=f"signals {tags[CHAIN_TAG]}", tags={**which, **tags})


def _results(_context: dg.RunStatusSensorContext, _alpha: AlphaResource, tags: dict[str, str]) -> Requests:
    """The ledger, the scores and the checks, once the session's position is known."""
    yield dg.RunRequest(run_key=f"results {tags[CHAIN_TAG]}", tags=tags)


def _follow(name: str, stage: "Job", then: "Job", decide: Decide, status: dg.DagsterRunStatus) -> dg.SensorDefinition:
    """A sensor that requests the stage after one that ended."""

    @dg.run_status_sensor(
        name=name,
        run_status=status,
        monitored_jobs=[stage],
        request_job=then,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=decide.__doc__,
    )
    def follow(context: dg.RunStatusSensorContext, alpha: AlphaResource) -> Requests:
        tags = carried(context)
        if tags is not None:
            yield from decide(context, alpha, tags)

    return follow


_DONE, _FAILED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@dg.sensor(
    name="dead_runs",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends the runs whose process was killed, so that they hold neither their place nor the pool.",
)
def dead_runs(context: dg.SensorEvaluationContext, alpha: AlphaResource) -> dg.SkipReason:
    """End the runs whose process was killed: they would hold their place, and the pool, for good."""
    dead = bury(context.instance, alpha.warehouse().root)
    return dg.SkipReason(f"Ended {', '.join(dead)}." if dead else "Every run that counts as started is alive.")


SCHEDULES = [after_close, before_open, weekly_training]
FOLLOWERS = [
    _follow("learn_after_refresh", jobs.REFRESH_BARS, jobs.LEARN, _learn, _DONE),
    _follow("learn_after_failed_refresh", jobs.REFRESH_BARS, jobs.LEARN, _learn, _FAILED),
    _follow("forecast_after_learning", jobs.LEARN, jobs.PREDICT, _predict, _DONE),
    _follow("forecast_after_failed_learning", jobs.LEARN, jobs.PREDICT, _predict, _FAILED),
    _follow("signals_after_forecast", jobs.PREDICT, jobs.SIGNALS, _signals, _DONE),
    _follow("signals_after_failed_forecast", jobs.PREDICT, jobs.SIGNALS, _signals, _FAILED),
    _follow("results_after_signals", jobs.SIGNALS, jobs.RESULTS, _results, _DONE),
    _follow("results_after_failed_signals", jobs.SIGNALS, jobs.RESULTS, _results, _FAILED),
]
SENSORS = [dead_runs, *FOLLOWERS]
