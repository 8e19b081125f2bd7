import re

import numpy as np
import polars as pl
import pytest
from matplotlib.dates import date2num

from alpha_pipeline.evaluation import metrics
from alpha_pipeline.reports.figures import signals, strategies
from alpha_pipeline.reports.figures.palette import STRATEGIES
from alpha_pipeline.reports.figures.svg import inline
from alpha_pipeline_tests.reports.test_daily_report import BARS, DAYS, LEDGER, REGIMES


def test_equity_and_drawdown_are_the_ledgers() -> None:
    above, below = strategies.equity(LEDGER, 980).axes
    for axes, column in ((above, "equity"), (below, "drawdown")):
        lines = {line.get_color(): line for line in axes.lines}
        for (strategy,), rows in LEDGER.group_by("strategy"):
            shown = lines[STRATEGIES[str(strategy)].light]
            expected = rows["equity"] if column == "equity" else strategies.drawdown(rows)["drawdown"]
            assert np.asarray(shown.get_ydata()).tolist() == expected.to_list()
            assert date2num(np.asarray(shown.get_xdata())).tolist() == date2num(DAYS).tolist()
            if column == "drawdown":
                worst = metrics.max_drawdown(rows["net_return"].to_numpy())
                assert np.min(shown.get_ydata()) == pytest.approx(worst, abs=1e-12)


def test_a_rival_is_dashed_and_the_position_lies_on_top() -> None:
    lines = strategies.equity(LEDGER, 980).axes[0].lines
    styles = {line.get_color(): line.get_linestyle() for line in lines}
    assert styles == {STRATEGIES["buy_and_hold"].light: "--", STRATEGIES["qqq_position"].light: "-"}
    assert lines[-1].get_color() == STRATEGIES["qqq_position"].light


def test_drawdown_counts_the_start_as_a_high() -> None:
    rows = pl.DataFrame({"session": DAYS[:3], "equity": [0.9, 1.2, 0.6]})
    assert strategies.drawdown(rows)["drawdown"].to_list() == pytest.approx([-0.1, 0.0, -0.5])


def test_a_year_in_cash_has_no_ratio() -> None:
    returns = pl.Series([0.01, -0.02, 0.03, 0.0, 0.0, 0.0])
    ratios = strategies.sharpe_ratios(returns, 3)
    assert ratios.to_list()[:2] == [None, None]
    assert ratios[2] == pytest.approx(metrics.sharpe(returns[:3].to_numpy()))
    assert ratios[5] is None


@pytest.mark.parametrize("n", [1, 2, 3, 8, 30, 60, 100])
@pytest.mark.parametrize("width", [980, 370])
def test_a_young_record_is_drawn_with_whole_dates(n: int, width: int) -> None:
    young = LEDGER.filter(pl.col("session") < DAYS[n])
    for figure in (
        strategies.equity(young, width),
        strategies.rolling_sharpe(young, width),
        signals.regimes(REGIMES.head(n), BARS.head(n), width),
    ):
        assert not re.search(r">\d\d:\d\d<", inline(figure, ""))
