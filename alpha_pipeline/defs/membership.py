"""Which tickers each experiment trains: the partitions of its asset.

Its own tickers, the added ones that join it, and whatever ticker a person once named for it: by a partition added in
the web UI, or by `--tickers` with `--experiments`. A ticker of which the warehouse holds members was named once, so the
partitions follow from the warehouse, but for a name that waits for its first training. See ADR 0023.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol

import dagster as dg

from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.steps.training import has_artifacts
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tickers import added, followed


class Partitions(Protocol):
    """What holds dynamic partitions: an instance, or the storage below it."""

    def get_dynamic_partitions(self, partitions_def_name: str) -> Sequence[str]:
        """The keys, in the order that partition ranges follow."""
        ...

    def add_dynamic_partitions(self, partitions_def_name: str, partition_keys: Sequence[str]) -> None:
        """Add those of the keys that are missing."""
        ...

    def delete_dynamic_partition(self, partitions_def_name: str, partition_key: str) -> None:
        """Remove a key."""
        ...


@cache
def experiments() -> Mapping[str, Experiment]:
    """The packaged experiments, read once per process."""
    return load_experiments()


def partitions_of(experiment: Experiment) -> dg.DynamicPartitionsDefinition:
    """The partitions of an experiment's asset."""
    return dg.DynamicPartitionsDefinition(name=f"tickers_{experiment.name}")


def registered(instance: Partitions, experiment: Experiment) -> list[str]:
    """The partitions of an experiment, in the order that its partition ranges follow."""
    return list(instance.get_dynamic_partitions(str(partitions_of(experiment).name)))


def may_train(experiment: Experiment, ticker: str) -> bool:
    """Whether an experiment can be given a ticker; one model of many tickers has its own and no others."""
    return ticker in experiment.tickers or not is_shared(experiment.architecture)


def sync_experiments(instance: Partitions, warehouse: Warehouse, leaving: Sequence[str]) -> None:
    """Bring every experiment's partitions in line with the warehouse.

    A partition that a person added in the web UI stays.

    Args:
        instance: holds the partitions.
        warehouse: knows the tickers followed and the members trained.
        leaving: the tickers whose partitions go.
    """
    names, newcomers = followed(warehouse), added(warehouse)
    for experiment in experiments().values():
        definition, held = str(partitions_of(experiment).name), set(registered(instance, experiment))
        for ticker in held.intersection(leaving):
            instance.delete_dynamic_partition(definition, ticker)
        own = {*experiment.tickers, *(newcomers if experiment.joins_added else ())}
        missing = [
            ticker
            for ticker in names
            if ticker not in held and (ticker in own or _was_named(warehouse, experiment, ticker))
        ]
        if missing:
            instance.add_dynamic_partitions(definition, missing)


def _was_named(warehouse: Warehouse, experiment: Experiment, ticker: str) -> bool:
    """Whether members of a ticker are held that is not the experiment's own."""
    return may_train(experiment, ticker) and has_artifacts(warehouse, experiment, ticker)


def name_for(instance: Partitions, experiment: Experiment, tickers: Sequence[str]) -> None:
    """Give an experiment tickers beside its own; from then on they are partitions of it."""
    held = registered(instance, experiment)
    new = [ticker for ticker in tickers if ticker not in held and may_train(experiment, ticker)]
    if new:
        instance.add_dynamic_partitions(str(partitions_of(experiment).name), new)


def takes(instance: Partitions, experiment: Experiment, tickers: Sequence[str] | None, *, is_chosen: bool) -> set[str]:
    """The tickers that a command trains an experiment on: its partitions, and those asked for that it may train.

    Args:
        instance: holds the partitions; sync them first.
        experiment: which.
        tickers: those asked for; None when none are named.
        is_chosen: whether the experiment is asked for by name; else only one that tickers may join is given them.
    """
    named = tickers if tickers is not None and (is_chosen or experiment.joins_added) else ()
    return {*registered(instance, experiment), *(ticker for ticker in named if may_train(experiment, ticker))}
