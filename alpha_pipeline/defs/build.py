"""Puts the definitions together. A builder, so that tests get fresh ones with other settings."""

from collections.abc import Mapping

import dagster as dg

from alpha_pipeline.defs import alerts, jobs, newcomers, schedules
from alpha_pipeline.defs.assets import audit, features, forecasts, proof, raw, reports, results, signals
from alpha_pipeline.defs.checks import CHECKS
from alpha_pipeline.defs.policy import with_policy
from alpha_pipeline.defs.resources import AlphaResource


def build_defs(overrides: Mapping[str, str] | None = None) -> dg.Definitions:
    """The definitions of the whole graph.

    Args:
        overrides: settings by variable name (``ALPHA_…``) that beat the environment.
    """
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
        resources={"alpha": AlphaResource(overrides=dict(overrides or {}))},
        executor=dg.in_process_executor,
    )
