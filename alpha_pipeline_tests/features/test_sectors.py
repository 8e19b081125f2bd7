"""The sectors side by side: what is missing neither ranks nor counts."""

import math

import polars as pl
import pytest

from alpha_pipeline.features.context import sessions_of
from alpha_pipeline.features.panel import Panel
from alpha_pipeline.features.sectors import between_sectors, sector_rank, sector_returns, yardsticks
from alpha_pipeline.universe import SECTORS
from alpha_pipeline_tests.features.by_hand import from_closes

CONTEXT = pl.concat([from_closes("XLE", [100.0, 110.0, 121.0]), from_closes("XLK", [100.0, 100.0, 100.0])])


def test_returns_by_length_and_sector() -> None:
    returns = sector_returns(CONTEXT, sessions_of(CONTEXT), (1, 2))

    assert set(returns) == {1, 2}
    assert returns[1].columns == list(SECTORS)
    assert returns[2]["XLE"].to_list() == [None, None, pytest.approx(2 * math.log(1.1))]
    assert returns[1]["XLU"].null_count() == 3


def test_a_missing_sector_is_never_lower() -> None:
    yard = yardsticks(sector_returns(CONTEXT, sessions_of(CONTEXT), (1,))[1], 1)
    last = yard.row(-1, named=True)
    panel = Panel(yard, [0])

    assert (last["XLU_1"], last["sectors_present_1"]) == (math.inf, 2.0)
    assert last["sectors_mean_1"] == pytest.approx(math.log(1.1) / 2)
    assert sector_rank(panel, pl.Series([0.0, 0.05, 0.0]), 1).to_list() == [None, 0.5, 0.0]


def test_dispersion_is_of_those_present_and_appetite_needs_all_four() -> None:
    last = between_sectors(sector_returns(CONTEXT, sessions_of(CONTEXT), (1,))[1], 1).row(-1, named=True)

    assert last["sector_dispersion_1"] == pytest.approx(math.log(1.1) / 2)
    assert last["risk_appetite_1"] is None
