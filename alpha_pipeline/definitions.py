"""The entry point that Dagster loads."""

import dagster as dg

from alpha_pipeline.defs.build import build_defs


@dg.definitions
def definitions() -> dg.Definitions:
    """The whole graph, with the settings of the environment."""
    return build_defs()
