import datetime as dt

import numpy as np
import polars as pl
import pytest

from alpha_pipeline import sessions as calendar
from alpha_pipeline.evaluation import metrics
from alpha_pipeline.evaluation.records import record_of, records
from alpha_pipeline.warehouse.tables.proof import RECORDS

DAYS = calendar.between(dt.date(2023, 1, 3), dt.date(2023, 12, 29))


def ledger(weight: float = 0.5, seed: int = 1) -> pl.DataFrame:
    gross = weight * np.random.default_rng(seed).normal(0.001, 0.01, len(DAYS))
    cost = np.where(np.arange(len(DAYS)) % 2, 5e-4 * weight, 0.0)
    return pl.DataFrame(
        {
            "session": DAYS,
            "weight": weight,
            "gross_return": gross,
            "cost": cost,
            "net_return": (1 + gross) * (1 - cost) - 1,
        }
    )


def test_every_figure_is_that_of_the_metrics() -> None:
    own = ledger()
    rows = records("s", own, ledger(seed=2))
    RECORDS.validate(rows, "s")
    figures = {(variant, metric): value for variant, metric, value in rows.select("variant", "metric", "value").rows()}
    for variant, returns in (("net", own["net_return"]), ("gross", own["gross_return"])):
        assert figures[variant, "sharpe"] == pytest.approx(metrics.sharpe(returns.to_numpy()))
        assert figures[variant, "cagr"] == pytest.approx(metrics.cagr(returns.to_numpy()))
        assert figures[variant, "max_drawdown"] == metrics.max_drawdown(returns.to_numpy())
        assert figures[variant, "exposure"] == pytest.approx(0.5)
        assert figures[variant, "turnover"] == pytest.approx(252 * 0.5 / 2, rel=0.01)
    assert figures["net", "cagr"] < figures["gross", "cagr"]


def test_intervals_hold_the_figure_and_a_drawdown_has_none() -> None:
    rows = records("s", ledger(), ledger(seed=2))
    bounded = rows.filter(pl.col("metric").is_in(["sharpe", "cagr"]))
    assert bounded.filter(pl.col("value").is_between("ci_low", "ci_high", closed="none")).height == 6
    assert rows.filter(metric="max_drawdown")["ci_low"].null_count() == 3


def test_cash_has_no_sharpe_ratio() -> None:
    rows = records("s", ledger(0.0), ledger(0.0))
    assert "sharpe" not in set(rows["metric"])
    assert rows.filter(metric="exposure")["value"].unique().to_list() == [0]


def test_a_record_shorter_than_a_year_has_no_figures_a_year() -> None:
    own = ledger().with_columns(equity=(1 + pl.col("net_return")).cum_prod())
    year, month = own.head(metrics.FEWEST_OF_A_YEAR), own.head(30)
    assert record_of(year).sharpe == metrics.sharpe(year["net_return"].to_numpy())
    assert record_of(year).cagr == metrics.cagr(year["net_return"].to_numpy())
    record = record_of(month)
    assert (record.sharpe, record.cagr, record.sessions) == (None, None, 30)
    assert (record.equity, record.max_drawdown) == (
        month["equity"][-1],
        metrics.max_drawdown(month["net_return"].to_numpy()),
    )
    assert set(records("s", month, month)["metric"]) == {"max_drawdown", "exposure"}
    assert set(records("s", year, month).filter(variant="lagged")["metric"]) == {"max_drawdown", "exposure"}


def test_a_strategy_that_never_moved_has_no_sharpe_ratio() -> None:
    record = record_of(ledger(0.0).with_columns(equity=1.0))
    assert record.sharpe is None
    assert (record.cagr, record.max_drawdown, record.equity) == (0.0, 0.0, 1.0)
