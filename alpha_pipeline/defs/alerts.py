"""Sensors that tell a person what went wrong in a day that ran by itself, of leaks, and when to leave every long."""

import datetime as dt

import dagster as dg

from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.chain import SESSION_TAG, WILL_RETRY_TAG
from alpha_pipeline.defs.failed_steps import said
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.steps.alerts import Failure, failure_alerts, notify, session_alerts


@dg.run_failure_sensor(
    name="alert_on_failure",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of a run of any job that failed for good, in the log and to the services of ALPHA_ALERTS.",
)
def alert_on_failure(context: dg.RunFailureSensorContext, alpha: AlphaResource) -> dg.SkipReason | None:
    """A run of any job failed for good."""
    run_id = context.dagster_run.run_id
    # Read again: Dagster tags a failed run just after it stores the failure that this sensor sees.
    run = context.instance.get_run_by_id(run_id) or context.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return dg.SkipReason(f"Run {run_id} will be retried.")
    if run.status == dg.DagsterRunStatus.CANCELED:
        return dg.SkipReason(f"Run {run_id} was interrupted by a person.")
    words = [said(event).words for event in context.get_step_failure_events()]
    failure = Failure(run.job_name, run_id, "; ".join(words) or context.failure_event.message or "")
    warehouse = alpha.warehouse()
    notify(warehouse, failure_alerts(warehouse, [failure]), alpha.settings().alerts)
    return None


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[jobs.RESULTS],
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells of stale data, exit_longs, leaks found and answers set aside, once a session has its results.",
)
def alert_after_results(context: dg.RunStatusSensorContext, alpha: AlphaResource) -> None:
    """Stale data, `exit_longs`, leaks found and answers set aside, of the session that was just finished."""
    session = context.dagster_run.tags.get(SESSION_TAG)
    through = dt.date.fromisoformat(session) if session is not None else alpha.through()
    warehouse = alpha.warehouse()
    notify(warehouse, session_alerts(warehouse, through), alpha.settings().alerts)


SENSORS = [alert_on_failure, alert_after_results]
