"""The entry point that Dagster loads."""

import dagster as dg

from alpha_pipeline.defs.build import build_defs
from alpha_pipeline.defs.home import introduce_tickers


@dg.definitions
def definitions() -> dg.Definitions:
    """The whole graph, with the settings of the environment."""
    introduce_tickers()
    return build_defs()
