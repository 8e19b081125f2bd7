"""When a forecast of bull moves fires."""

import polars as pl

from alpha_pipeline.training.calibration import NEVER


def fires() -> pl.Expr:
    """Whether rows of ``forecasts.daily`` fire; null where the model forecasts no bull move.

    From the threshold on, and never where the threshold is `NEVER`: then the validation slice showed the stated
    precision nowhere.
    """
    return (pl.col("prob_bull") >= pl.col("bull_threshold")) & (pl.col("bull_threshold") < NEVER)
