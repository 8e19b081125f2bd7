"""Puts the definitions together. A builder, so that whoever needs them gets fresh ones."""

import dagster as dg

from alpha_pipeline.defs import alerts, jobs, newcomers, schedules
from alpha_pipeline.defs.assets import audit, features, forecasts, proof, raw, reports, results, signals
from alpha_pipeline.defs.checks import CHECKS
from alpha_pipeline.defs.policy import with_policy
from alpha_pipeline.defs.resources import AlphaResource


def build_defs() -> dg.Definitions:
    """The definitions of the whole graph; its steps follow the settings of the process that they run in."""
    return dg.Definitions(
        assets=with_policy(
            [
                raw.raw_tables,
                *features.ASSETS,
                *forecasts.assets(),
                *signals.ASSETS,
                *results.ASSETS,
                *proof.ASSETS,
                *audit.ASSETS,
                *reports.ASSETS,
            ]
        ),
        asset_checks=[*CHECKS, *audit.CHECKS],
        jobs=jobs.ALL,
        schedules=schedules.SCHEDULES,
        sensors=[*schedules.SENSORS, *newcomers.SENSORS, *alerts.SENSORS],
        # Every asset stores its own rows. Dagster's default manager of files would take a folder from the run config.
        resources={"alpha": AlphaResource(), "io_manager": dg.mem_io_manager},
        executor=dg.in_process_executor,
    )
