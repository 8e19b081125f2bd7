"""What carries a day, or new tickers, from one job to the next: tags that a run hands on.

A scheduled refresh is followed by learning, forecasts, the signals and the results; a refresh of new tickers by
learning and forecasts. A run that a person started carries no tag and is followed by nothing. A stage that failed is
followed too: what succeeded goes on, and a signal without its input abstains, where stopping would leave an old
position standing.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import dagster as dg

from alpha_pipeline.defs.partitions import blocks, of_range, range_tags, sync_tickers
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import followed

SESSION_TAG = "alpha/session"
NEWCOMERS_TAG = "alpha/newcomers"
# The run that a chain began with: a stage's run key names it, so that a retried run is followed only once.
CHAIN_TAG = "alpha/chain"
WILL_RETRY_TAG = "dagster/will_retry"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def carried(context: dg.RunStatusSensorContext) -> dict[str, str] | None:
    """The tags that the next stage gets, or None when nothing follows: a run of a person's, or one that is retried."""
    run_id = context.dagster_run.run_id
    # Read again: Dagster tags a failed run just after it stores the failure that a sensor sees.
    run = context.instance.get_run_by_id(run_id) or context.dagster_run
    if run.tags.get(WILL_RETRY_TAG) == "true":
        return None
    tags = {name: run.tags[name] for name in (SESSION_TAG, NEWCOMERS_TAG, CHAIN_TAG) if name in run.tags}
    if not {SESSION_TAG, NEWCOMERS_TAG} & set(tags):
        return None
    return {CHAIN_TAG: run_id, **tags}


def by_blocks(
    stage: str, tags: Mapping[str, str], registered: list[str], tickers: list[str]
) -> Iterator[dg.RunRequest]:
    """One run of a stage for each block of tickers."""
    for first, last in blocks(registered, tickers):
        yield dg.RunRequest(run_key=f"{stage} {tags[CHAIN_TAG]} {first}", tags={**range_tags(first, last), **tags})


def all_with_bars(
    instance: dg.DagsterInstance, warehouse: Warehouse, _tags: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[str], list[str]]:
    """(registered, wanted): the followed tickers that have bars."""
    registered = sync_tickers(instance, warehouse)
    names = set(followed(warehouse))
    return registered, [ticker for ticker in warehouse.units(BARS) if ticker in names]


def with_bars(
    instance: dg.DagsterInstance, warehouse: Warehouse, tags: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """(registered, wanted): the tickers of a run's range that have bars."""
    registered = sync_tickers(instance, warehouse)
    held = set(warehouse.units(BARS))
    return registered, [ticker for ticker in of_range(registered, tags) if ticker in held]


def is_last_of_stage(instance: dg.DagsterInstance, chain: str, stage: str, before: str) -> bool:
    """Whether a stage is over: each run of the stage before it has been followed by one, and all have ended.

    Args:
        instance: knows the runs.
        chain: the run that the chain began with.
        stage: job name of the stage.
        before: job name of the stage before.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={CHAIN_TAG: chain}))
    # A retry is another run of the same stage.
    firsts = [run for run in runs if run.parent_run_id is None]
    counts = {name: sum(run.job_name == name for run in firsts) for name in (stage, before)}
    unfinished = [run for run in runs if run.job_name in counts and run.status in UNFINISHED]
    return counts[stage] >= counts[before] and not unfinished
