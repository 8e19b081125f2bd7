"""New tickers, from a name to forecasts without help.

The sensor is level-triggered: it looks at what is there and not at what happened. A followed ticker of a person's that
has no forecasts is on its way, due now, or waiting for its next attempt; whatever was lost on the way (a killed run, a
source that was down, a restarted daemon) is asked for again. The chain of jobs does the work, see `schedules`.
"""

import json
import time

import dagster as dg

from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.chain import NEWCOMERS_TAG, UNFINISHED
from alpha_pipeline.defs.membership import experiments, may_train, partitions_of
from alpha_pipeline.defs.membership import registered as registered_for
from alpha_pipeline.defs.partitions import TICKERS, blocks, of_range, range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import AlphaError, TickerNameError, UnknownTickerError
from alpha_pipeline.steps.admission import require_known
from alpha_pipeline.universe import checked
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tickers import add, added, followed

# A tick has a minute, and a source may be asked about twice a second.
NAMES_ASKED_A_TICK = 10
# Longer than the sensors between two jobs of a chain take; doubled from attempt to attempt, up to a day.
FIRST_WAIT_S = 300.0
LONGEST_WAIT_S = 86_400.0

Attempts = dict[str, tuple[int, float]]


@dg.sensor(
    job=jobs.REFRESH_BARS,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Brings every added ticker to forecasts; asks the source about partitions that were added here.",
)
def new_tickers(context: dg.SensorEvaluationContext, alpha: AlphaResource) -> dg.SensorResult:
    """Bring every added ticker that has no forecasts yet to them; ask the source about names added in the web UI."""
    warehouse = alpha.warehouse()
    said = adopt(context.instance, alpha)
    for words in said:
        context.log.info(words)
    registered = sync_tickers(context.instance, warehouse)
    without = [ticker for ticker in added(warehouse) if not warehouse.height(DAILY, ticker)]
    due, attempts = due_now(
        without, _on_their_way(context.instance, registered), _parse(context.cursor), now=time.time()
    )
    cursor = json.dumps(attempts)
    if not due:
        waiting = f"{len(without)} added ticker(s) without forecasts, none due: {', '.join(without)}" if without else ""
        return dg.SensorResult(
            skip_reason="; ".join([*said, waiting or "Every added ticker has forecasts."]), cursor=cursor
        )
    requests = [
        dg.RunRequest(
            run_key=f"new {first} {last} {attempts[first][1]:.0f}",
            tags={**range_tags(first, last), NEWCOMERS_TAG: "yes"},
        )
        for first, last in blocks(registered, due)
    ]
    return dg.SensorResult(run_requests=requests, cursor=cursor)


def adopt(instance: dg.DagsterInstance, alpha: AlphaResource) -> list[str]:
    """Follow the partitions that a person added in the web UI and the source knows; take back the others.

    An experiment's partitions are looked at too. A ticker that is followed already is one of the experiment's from then
    on; a model of many tickers at once takes none but its own.

    Returns:
        What was done and why, in words.
    """
    warehouse = alpha.warehouse()
    registered = sync_tickers(instance, warehouse)
    said, known, strangers = [], set(followed(warehouse)), [*registered]
    for experiment in experiments().values():
        for given in registered_for(instance, experiment):
            if may_train(experiment, given):
                strangers.append(given)
            else:
                instance.delete_dynamic_partition(str(partitions_of(experiment).name), given)
                said.append(f"{given} refused: {experiment.name} is one model of its own tickers, and of no others")
    strangers = [given for given in dict.fromkeys(strangers) if given not in known][:NAMES_ASKED_A_TICK]
    return [*said, *(_adopt_one(instance, alpha, warehouse, given) for given in strangers)]


def _adopt_one(instance: dg.DagsterInstance, alpha: AlphaResource, warehouse: Warehouse, given: str) -> str:
    try:
        ticker, held = checked(given), followed(warehouse)
        if ticker not in held:
            [ticker] = require_known(alpha.source(), [ticker], alpha.through(), held)
    except (TickerNameError, UnknownTickerError) as error:
        _rename(instance, given, None)
        return f"{given} refused: {error}"
    except AlphaError as error:  # it says nothing about the name (nor do files that are gone): asked at the next tick
        return f"{given} not yet known: {error}"
    add(warehouse, [ticker])
    if ticker != given:
        _rename(instance, given, ticker)
    return f"{ticker} added"


def _rename(instance: dg.DagsterInstance, given: str, ticker: str | None) -> None:
    """Put a ticker in the place of a partition wherever it is one; take the partition back when None."""
    for definition in (TICKERS, *(partitions_of(experiment) for experiment in experiments().values())):
        name = str(definition.name)
        if instance.has_dynamic_partition(name, given):
            instance.delete_dynamic_partition(name, given)
            if ticker is not None:
                instance.add_dynamic_partitions(name, [ticker])


def due_now(
    without: list[str], on_their_way: set[str], attempts: Attempts, *, now: float
) -> tuple[list[str], Attempts]:
    """Which tickers to start now, and when each may be started again.

    Args:
        without: the tickers that lack forecasts.
        on_their_way: those of which a run has not ended.
        attempts: (attempts made, time of the next one) by ticker.
        now: seconds since the epoch.
    """
    due, after = [], Attempts()
    for ticker in without:
        made, when = attempts.get(ticker, (0, now))
        when = min(when, now + LONGEST_WAIT_S)  # further off lies what a clock ahead of time noted
        if ticker in on_their_way:
            when = max(when, now + _wait(made))
        elif when <= now:
            due.append(ticker)
            made += 1
            when = now + _wait(made)
        after[ticker] = (made, when)
    return due, after


def _wait(attempts: int) -> float:
    return min(FIRST_WAIT_S * 2 ** max(attempts - 1, 0), LONGEST_WAIT_S)


def _on_their_way(instance: dg.DagsterInstance, registered: list[str]) -> set[str]:
    runs = instance.get_runs(dg.RunsFilter(tags={NEWCOMERS_TAG: "yes"}, statuses=UNFINISHED))
    return {ticker for run in runs for ticker in of_range(registered, run.tags)}


def _parse(cursor: str | None) -> Attempts:
    return {ticker: (int(made), float(when)) for ticker, (made, when) in json.loads(cursor or "{}").items()}


SENSORS = [new_tickers]
