import re

import polars as pl
import pytest

from alpha_pipeline.reports.figures.palette import STEPS
from alpha_pipeline.reports.months import monthly_returns, months_table, step_of
from alpha_pipeline.warehouse.tables import results
from alpha_pipeline_tests.reports.test_daily_report import LEDGER

OWN = LEDGER.filter(strategy="qqq_position")


def test_months_compound_to_the_year_and_the_year_to_the_equity() -> None:
    returns = monthly_returns(OWN)
    assert returns["month"].to_list() == [1, 2, 3, 4, 5, 6]
    assert (1 + returns["monthly_return"]).product() == pytest.approx(OWN["equity"][-1])
    cells = re.findall(r"<td(?: class=\"step-\d\")?>(.*?)</td>", months_table(OWN))
    assert cells[0] == "2024"
    assert cells[7:13] == [""] * 6
    assert cells[13] == f"{100 * (OWN['equity'][-1] - 1):.1f}"


def test_no_month_hides_its_digit() -> None:
    tiny = OWN.with_columns(net_return=pl.lit(1e-6))
    assert ">0.0<" not in months_table(tiny)
    assert ">0.0021<" in months_table(tiny)


@pytest.mark.parametrize(
    ("value", "step"), [(-0.2, 0), (-0.05, 1), (-0.02, 2), (0.0, 3), (0.02, 4), (0.05, 5), (0.2, 6)]
)
def test_the_middle_colour_is_about_nothing(value: float, step: int) -> None:
    assert step_of(value) == step < len(STEPS)


def test_without_a_ledger_there_is_no_table() -> None:
    assert months_table(results.LEDGER.empty()) == "<p>No rows yet.</p>"
