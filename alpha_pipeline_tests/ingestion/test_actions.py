"""Actions are counted once."""

import datetime as dt

import polars as pl
import pytest

from alpha_pipeline.features.adjust import anchored
from alpha_pipeline.ingestion.actions import actions_of
from alpha_pipeline.sources.base import ACTION_SCHEMA, Answer
from alpha_pipeline_tests.ingestion.walks import DAYS, said, walk

DAY, OTHER = DAYS[40], DAYS[50]


def answer(*actions: tuple[dt.date, str, float]) -> Answer:
    return said(walk(60, quarter=60), *actions)


def kinds(*actions: tuple[dt.date, str, float]) -> list[tuple[object, ...]]:
    return actions_of(answer(*actions), DAYS[59]).select("session", "kind", "value").rows()


@pytest.mark.parametrize("gain", [0.812, 0.81200004])
def test_a_distribution_that_is_listed_as_dividend_and_as_capital_gain_counts_once(gain: float) -> None:
    assert kinds((DAY, "dividend", 0.812), (DAY, "capital_gain", gain)) == [(DAY, "dividend", 0.812)]


def test_a_gain_beside_another_dividend_is_a_payment_of_its_own() -> None:
    both = ((DAY, "dividend", 0.5), (DAY, "capital_gain", 0.812), (OTHER, "dividend", 0.812))
    assert len(kinds(*both)) == 3
    assert kinds((DAY, "capital_gain", 0.812)) == [(DAY, "capital_gain", 0.812)]


def test_adjusted_closes_are_lowered_by_it_once_where_it_is_held_twice() -> None:
    rows = walk(60, quarter=60)
    paid = rows.with_columns(adj_close="close").drop("is_final")
    twice = pl.DataFrame(
        [("QQQ", DAY, "dividend", 2.0), ("QQQ", DAY, "capital_gain", 2.0)], schema=ACTION_SCHEMA, orient="row"
    )
    assert anchored(paid, twice).equals(anchored(paid, twice.head(1)))
