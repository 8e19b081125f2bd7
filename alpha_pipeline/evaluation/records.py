"""Records: what a ledger comes to, each figure with its interval.

A record of fewer than `metrics.FEWEST_OF_A_YEAR` sessions has no figures a year: no Sharpe ratio, growth or turnover.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline.evaluation import linearised, metrics
from alpha_pipeline.evaluation.bootstrap import Interval, interval, resampled_totals
from alpha_pipeline.evaluation.differences import sharpe_form
from alpha_pipeline.evaluation.linearised import Summable
from alpha_pipeline.portfolio.costs import DEFAULT_COST_BPS, traded_notional
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR
from alpha_pipeline.warehouse.tables.proof import RECORDS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Record:
    """How a strategy did.

    Attributes:
        sharpe: annualised, cash at 0; None when it never moved, and in a record too short for figures a year.
        cagr: compound growth a year, fraction; None in a record too short for figures a year.
        max_drawdown: largest fall from a peak, negative fraction.
        equity: at the last close, 1 before the first session.
        sessions: length of the record.
    """

    sharpe: float | None
    cagr: float | None
    max_drawdown: float
    equity: float
    sessions: int

    @property
    def is_short(self) -> bool:
        """Whether it is too short for figures a year."""
        return self.sessions < metrics.FEWEST_OF_A_YEAR


def record_of(ledger: pl.DataFrame) -> Record:
    """The record of one strategy.

    Args:
        ledger: its rows of ``portfolio.ledger``, one at least.
    """
    returns = ledger.get_column("net_return").to_numpy()
    is_long = returns.size >= metrics.FEWEST_OF_A_YEAR
    moved = is_long and float(np.std(returns)) > 0
    return Record(
        sharpe=metrics.sharpe(returns) if moved else None,
        cagr=metrics.cagr(returns) if is_long else None,
        max_drawdown=metrics.max_drawdown(returns),
        equity=float(ledger.get_column("equity")[-1]),
        sessions=ledger.height,
    )


def records(strategy: str, ledger: pl.DataFrame, lagged: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``evaluation.records`` of one strategy.

    Args:
        strategy: its name.
        ledger: its rows of ``portfolio.ledger``; before and after costs are both in them.
        lagged: the ledger of the same decisions taken a session later.
    """
    variants = {"net": (ledger, "net_return"), "gross": (ledger, "gross_return"), "lagged": (lagged, "net_return")}
    rows = [
        (strategy, variant, metric, *figures)
        for variant, (frame, column) in variants.items()
        if frame.height > 1
        for metric, figures in _figures(frame, frame[column].to_numpy()).items()
    ]
    columns = ["strategy", "variant", "metric", "value", "ci_low", "ci_high"]
    frame = pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)
    return RECORDS.conform(frame.with_columns(pl.col("ci_low", "ci_high").fill_nan(None)))


def _figures(ledger: pl.DataFrame, returns: Array) -> dict[str, tuple[float, float, float]]:
    """(value, ci_low, ci_high) by metric; what never moved has no Sharpe ratio, and a short record nothing a year."""
    traded = traded_notional(ledger["cost"].to_numpy(), DEFAULT_COST_BPS)
    forms = {"exposure": linearised.mean(ledger["weight"].to_numpy())}
    if len(returns) >= metrics.FEWEST_OF_A_YEAR:
        forms["cagr"] = _compounded(returns)
        forms["turnover"] = linearised.mean(traded * SESSIONS_PER_YEAR)
        if math.isfinite(metrics.sharpe(returns)):
            forms["sharpe"] = sharpe_form(returns)
    found = {name: (float(form.statistic(form.columns.sum(axis=0))), *_interval(form)) for name, form in forms.items()}
    return found | {"max_drawdown": (metrics.max_drawdown(returns), math.nan, math.nan)}


def _compounded(returns: Array) -> Summable:
    """The growth a year in summable form; on the whole sample that of `metrics.cagr`."""
    mean = linearised.mean(np.log1p(returns))
    return Summable(mean.columns, lambda t: np.expm1(SESSIONS_PER_YEAR * mean.statistic(t)))


def _interval(form: Summable) -> Interval:
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(form.statistic(resampled_totals(form.columns)))
