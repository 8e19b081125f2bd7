"""Corporate actions as an answer names them, each once."""

import datetime as dt
from typing import Final

import polars as pl

from alpha_pipeline.sources.base import ACTION_SCHEMA, Answer

# Two amounts of one payment differ by how they were rounded.
SAME_PAYMENT: Final = 1e-4


def actions_of(answer: Answer, through: dt.date) -> pl.DataFrame:
    """The answer's actions up to `through`, one per session and kind, the last one said."""
    value = pl.col("value")
    known = answer.actions.filter(pl.col("session") <= through, value > 0, value.is_finite())
    known = known.unique(["session", "kind"], keep="last", maintain_order=True)
    return without_twins(known).select(*ACTION_SCHEMA).sort("session", "kind")


def without_twins(actions: pl.DataFrame) -> pl.DataFrame:
    """The actions without capital gains that are listed as a dividend too, of the same session and amount.

    Yahoo lists some distributions of funds under both names; they were paid once.
    """
    paid = actions.filter(kind="dividend").select("ticker", "session", paid="value")
    beside = actions.join(paid, on=["ticker", "session"], how="left", maintain_order="left")
    is_twin = (pl.col("kind") == "capital_gain") & ((pl.col("value") / pl.col("paid") - 1).abs() < SAME_PAYMENT)
    return beside.filter(~is_twin.fill_null(value=False)).drop("paid")
