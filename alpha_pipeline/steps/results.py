"""What the signals earned and how good the forecasts were, over everything held."""

from collections.abc import Callable
from typing import Final

import polars as pl

from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.evaluation.folds import folds
from alpha_pipeline.evaluation.outcomes import POOLED, beside_outcomes
from alpha_pipeline.evaluation.records import Record, record_of
from alpha_pipeline.evaluation.reliability import decay, reliability
from alpha_pipeline.evaluation.scores import WHOLE, regime_windows, scores, standard_windows
from alpha_pipeline.portfolio import strategies
from alpha_pipeline.portfolio.ledger import ledger
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.progress import Progress, report
from alpha_pipeline.universe import SECTORS
from alpha_pipeline.warehouse.store import Warehouse, frame_hash
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.results import DECAY, FOLDS, LEDGER, RELIABILITY, SCORES

COST_BPS = 5.0
SCORES_VERSION = "3"
# What each result takes on an idle machine, by the name of its step: as such, for each ticker of an experiment, and
# where no input has changed.
SECONDS: Final = {
    "decay": (0.5, 0.15, 0.4),
    "folds": (0.2, 0.04, 0.4),
    "lead lag": (1.0, 0.0, 0.2),
    "reliability": (0.2, 0.04, 0.4),
    "scores": (0.5, 0.23, 0.4),
    "ledger": (1.2, 0.0, 1.2),
    "leak audit": (14.0, 0.03, 1.0),
    "comparisons": (1.0, 0.035, 0.3),
    "records": (2.4, 0.0, 0.3),
    "trials": (0.3, 0.01, 0.2),
    "luck": (1.8, 0.02, 0.2),
    "tear sheet": (4.0, 0.02, 4.0),
}


def decisions(warehouse: Warehouse, bars: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """What every strategy decided, by name, from the first signal on; none before there is a signal.

    Args:
        warehouse: with signals.
        bars: final bars of QQQ at least.
    """
    position = warehouse.read(signals.QQQ_POSITION)
    if position.is_empty():
        return {}
    held = strategies.SignalRows(
        position,
        vote=warehouse.read(signals.MAG7_VOTE),
        rotation=warehouse.read(signals.SECTOR_ROTATION),
        regime=warehouse.read(signals.VIX_REGIME),
    )
    return strategies.decisions(held, bars)


def write_ledger(warehouse: Warehouse) -> dict[str, Record]:
    """Fill `portfolio.ledger` with every strategy from the first signal on; returns how each did."""
    bars = traded_bars(warehouse)
    weights = decisions(warehouse, bars)
    records: dict[str, Record] = {}
    for name, decided in weights.items():
        try:
            rows = ledger(name, decided, bars, cost_bps=COST_BPS)
        except NotEnoughDataError as error:  # a fund without bars takes its own strategy with it and no other
            report(Progress("ledger", len(records), len(weights), f"{name} left out: {error}"))
            continue
        if rows.is_empty():
            continue
        warehouse.write(LEDGER, name, rows)
        records[name] = record_of(rows)
    return records


def traded_bars(warehouse: Warehouse) -> pl.DataFrame:
    """Final bars of all that a strategy may hold."""
    return final_bars(warehouse, ["QQQ", *SECTORS])


def write_scores(warehouse: Warehouse) -> dict[str, float]:
    """Fill `evaluation.scores`; returns each model's pooled information coefficient at horizon 1.

    A model whose forecasts, targets and regimes are unchanged keeps its scores.
    """
    regimes = warehouse.read(signals.VIX_REGIME).select("session", "regime")

    def made(rows: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
        days = rows.get_column("session").sort()
        return scores(rows, targets, (*standard_windows(days[0], days[-1]), *regime_windows(regimes)))

    _fill(warehouse, SCORES, made, also=frame_hash(regimes))
    held = warehouse.read(SCORES).filter(ticker=POOLED, horizon=1, window=WHOLE, metric="ic")
    return dict(held.select("model", "value").iter_rows())


def write_reliability(warehouse: Warehouse) -> int:
    """Fill `evaluation.reliability`; returns its rows."""
    _fill(warehouse, RELIABILITY, lambda rows, targets: reliability(beside_outcomes(rows, targets)))
    return warehouse.read(RELIABILITY).height


def write_decay(warehouse: Warehouse) -> int:
    """Fill `evaluation.decay`; returns its rows."""
    _fill(warehouse, DECAY, lambda rows, targets: decay(beside_outcomes(rows, targets)))
    return warehouse.read(DECAY).height


def write_folds(warehouse: Warehouse) -> int:
    """Fill `evaluation.folds`; returns its rows."""
    _fill(warehouse, FOLDS, folds)
    return warehouse.read(FOLDS).height


def _fill(
    warehouse: Warehouse, table: Table, made: Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame], also: str = ""
) -> None:
    """Make the rows of every model from its forecasts and the targets, where these have changed."""
    forecasts = warehouse.read(DAILY)
    targets = warehouse.read(FORWARD, forecasts.get_column("ticker").unique().to_list())
    of_targets = frame_hash(targets)
    for (name,), rows in forecasts.group_by("model", maintain_order=True):
        inputs = frame_hash(rows.drop("made_at", "is_live")) + of_targets + also + SCORES_VERSION
        if not warehouse.is_current(table, str(name), inputs):
            fresh = made(rows, targets)
            if fresh.height:
                warehouse.write(table, str(name), fresh, inputs)
