"""When things run: after each XNYS close, and what follows what.

A refresh of every followed ticker starts 45 minutes after the close (half days too). Whatever of it succeeded is
forecast, then the session's signals are made, then the ledger and the scores.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.partitions import blocks, range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import added

SESSION_TAG = "alpha/session"


# The close is at 16:00 or, on half days, at 13:00: a tick at each, and the one that does not fit skips.
@dg.schedule(
    name="after_close",
    cron_schedule=["45 13 * * 1-5", "45 16 * * 1-5"],
    execution_timezone="America/New_York",
    job=jobs.REFRESH_BARS,
)
def after_close(context: dg.ScheduleEvaluationContext, alpha: AlphaResource) -> dg.RunRequest | dg.SkipReason:
    """Refresh every followed ticker once the session has closed."""
    tick = context.scheduled_execution_time
    today = tick.date()
    if not calendar.is_session(today):
        return dg.SkipReason(f"{today} is no XNYS session.")
    due = calendar.close_time(today) + calendar.CLOSE_BUFFER
    if abs(due - tick.astimezone(dt.UTC)) > dt.timedelta(minutes=30):
        return dg.SkipReason(f"The session of {today} closes at another time of day.")
    registered = sync_tickers(context.instance, alpha.warehouse())
    return dg.RunRequest(
        run_key=f"refresh {today}",
        tags={**range_tags(registered[0], registered[-1]), SESSION_TAG: today.isoformat()},
    )


@dg.schedule(name="weekly_training", cron_schedule="0 6 * * 6", execution_timezone="America/New_York", job=jobs.TRAIN)
def weekly_training(context: dg.ScheduleEvaluationContext, alpha: AlphaResource) -> Iterator[dg.RunRequest]:
    """Train what is missing; a fold that exists is found done."""
    for first, last in forecast_blocks(context.instance, alpha.warehouse()):
        yield dg.RunRequest(
            run_key=f"train {context.scheduled_execution_time.date()} {first}", tags=range_tags(first, last)
        )


def _learn_requests(context: dg.RunStatusSensorContext, alpha: AlphaResource) -> Iterator[dg.RunRequest]:
    session = context.dagster_run.tags.get(SESSION_TAG)
    if session is None:
        return
    for first, last in forecast_blocks(context.instance, alpha.warehouse()):
        yield dg.RunRequest(
            run_key=f"learn {context.dagster_run.run_id} {first}",
            tags={**range_tags(first, last), SESSION_TAG: session},
        )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[jobs.REFRESH_BARS],
    request_job=jobs.LEARN,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def learn_after_refresh(context: dg.RunStatusSensorContext, alpha: AlphaResource) -> Iterator[dg.RunRequest]:
    """Features and models, once the bars of a scheduled session are in."""
    yield from _learn_requests(context, alpha)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.FAILURE,
    monitored_jobs=[jobs.REFRESH_BARS],
    request_job=jobs.LEARN,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def learn_after_partial_refresh(context: dg.RunStatusSensorContext, alpha: AlphaResource) -> Iterator[dg.RunRequest]:
    """Go on with what succeeded: one bad ticker never stops the others."""
    yield from _learn_requests(context, alpha)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[jobs.LEARN],
    request_job=jobs.PREDICT,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def forecast_after_learning(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest]:
    """Forecast the same tickers. A job of its own: a model that was not due must not stop the forecasts of others."""
    tags = context.dagster_run.tags
    if SESSION_TAG in tags:
        carried = {name: tags[name] for name in (*range_tags("", ""), SESSION_TAG)}
        yield dg.RunRequest(run_key=f"forecast {context.dagster_run.run_id}", tags=carried)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[jobs.PREDICT],
    request_job=jobs.SIGNALS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def signals_after_forecast(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest]:
    """The signals of the scheduled session."""
    session = context.dagster_run.tags.get(SESSION_TAG)
    if session is not None:
        yield dg.RunRequest(
            run_key=f"signals {context.dagster_run.run_id}",
            partition_key=session,
            tags={SESSION_TAG: session},
        )


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[jobs.SIGNALS],
    request_job=jobs.RESULTS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def results_after_signals(context: dg.RunStatusSensorContext) -> Iterator[dg.RunRequest]:
    """The ledger and the scores, once the session's position is known."""
    if SESSION_TAG in context.dagster_run.tags:
        yield dg.RunRequest(run_key=f"results {context.dagster_run.run_id}")


def forecast_blocks(instance: dg.DagsterInstance, warehouse: Warehouse) -> list[tuple[str, str]]:
    """The partition ranges of the tickers to forecast: the core ones and those a person added, that have bars."""
    registered = sync_tickers(instance, warehouse)
    wanted = set(CORE) | set(added(warehouse))
    return blocks(registered, [ticker for ticker in warehouse.units(BARS) if ticker in wanted])


SCHEDULES = [after_close, weekly_training]
SENSORS = [
    learn_after_refresh,
    learn_after_partial_refresh,
    forecast_after_learning,
    signals_after_forecast,
    results_after_signals,
]
