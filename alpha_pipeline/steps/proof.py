"""Answers the questions of docs/questions.md from what is held, and says what luck would explain.

What was made from the same inputs by the same version is not made again.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NotEnoughDataError, UsageError
from alpha_pipeline.evaluation import metrics, questions
from alpha_pipeline.evaluation.comparisons import (
    WINDOWS,
    Comparison,
    compare_ledgers,
    compare_models,
    table_of,
)
from alpha_pipeline.evaluation.lead_lag import RETURN, SIGNAL, Pair, lead_lag, own_returns, pair
from alpha_pipeline.evaluation.outcomes import beside_outcomes
from alpha_pipeline.evaluation.scores import MIN_SESSIONS, WHOLE
from alpha_pipeline.portfolio import strategies
from alpha_pipeline.portfolio.ledger import ledger
from alpha_pipeline.steps.progress import Progress, report
from alpha_pipeline.steps.results import COST_BPS, traded_bars
from alpha_pipeline.steps.signals import BALLOT_MODEL, VIX_MODEL
from alpha_pipeline.steps.trials import inputs_of
from alpha_pipeline.universe import SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.proof import COMPARISONS, LEAD_LAG
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tables.results import LEDGER, SCORES

# Raise them when the arithmetic changes, so that held rows are made anew.
COMPARISONS_VERSION = "3"
LEAD_LAG_VERSION = "1"

FOLLOWER = "QQQ"
LEADERS = ("NVDA", "TSLA")
RIVALS = ("expanding_mean", "ridge", "lightgbm")
VIX_RIVALS = ("har_x", "last_value")
# What is compared in the recent years too: (a, b).
CLOSELY = (("v17_pilot", "v12_super_model"), ("v17_pilot", "v17_no_kan"), ("v17_pilot", "v17_no_revin"))
_ABLATIONS = ("v17_no_kan", "v17_no_revin")
# Question, strategy, bar.
STRATEGY_QUESTIONS = (
    ("Does the position beat the volatility target?", "qqq_position", "vol_target_15"),
    ("Does the position beat buy and hold?", "qqq_position", "buy_and_hold"),
    ("Does the exit rule pay?", "qqq_position", "qqq_position_without_exit"),
    ("Does the vote beat the volatility target?", "mag7_vote", "vol_target_15"),
    ("Does the vote beat buy and hold?", "mag7_vote", "buy_and_hold"),
    ("Does the rotation beat equal weights?", "sector_rotation", "equal_weight_sectors"),
)
RANDOM_QUESTION = "Does the rotation beat random picks?"


def write_comparisons(warehouse: Warehouse) -> pl.DataFrame:
    """Fill `evaluation.comparisons`; returns all of it."""
    groups: tuple[tuple[str, Callable[[Warehouse], Sequence[Comparison]], tuple[Table, ...]], ...] = (
        ("model", _models, (DAILY, FORWARD)),
        ("strategy", _strategies, (LEDGER, BARS)),
        ("spike", _spikes, (SCORES,)),
        ("lead", _leads, (LEAD_LAG,)),
    )
    for number, (kind, answer, tables) in enumerate(groups, start=1):
        inputs = inputs_of(warehouse, COMPARISONS_VERSION, *tables)
        if not warehouse.is_current(COMPARISONS, kind, inputs):
            made = table_of(kind, answer(warehouse))
            if made.height:
                warehouse.write(COMPARISONS, kind, made, inputs)
            else:
                warehouse.forget(COMPARISONS, kind)
        report(Progress("comparisons", number, len(groups), kind))
    return warehouse.read(COMPARISONS)


def write_lead_lag(warehouse: Warehouse) -> pl.DataFrame:
    """Fill `evaluation.lead_lag`; returns all of it."""
    inputs = inputs_of(warehouse, LEAD_LAG_VERSION, DAILY, FORWARD)
    if not warehouse.is_current(LEAD_LAG, FOLLOWER, inputs):
        made = lead_lag(list(_pairs(warehouse)))
        # All p-values depend on each other. QQQ is written last: while it is current, so are the others.
        for follower in sorted(made["follower"].unique(), key=lambda ticker: (ticker == FOLLOWER, ticker)):
            warehouse.write(LEAD_LAG, follower, made.filter(follower=follower), inputs)
    return warehouse.read(LEAD_LAG)


def compare(warehouse: Warehouse, a: str, b: str, *, window: str = WHOLE, horizon: int = 1) -> list[Comparison]:
    """Compare two experiments, or two strategies, by name.

    Args:
        warehouse: with forecasts or ledgers of both.
        a: what is asked about.
        b: what it is compared with.
        window: one of `WINDOWS`.
        horizon: sessions; of experiments.

    Raises:
        UsageError: a name that nothing here has, twice the same one, or one of each kind.
        NotEnoughDataError: too few sessions are common in the window.
    """
    kinds = {"experiments": models_held(warehouse), "strategies": warehouse.units(LEDGER)}
    known = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in kinds.items())
    for name in (a, b):
        if not any(name in names for names in kinds.values()):
            raise UsageError(f"Nothing is held of {name!r}. What can be compared here: {known}.")
    if a == b:
        raise UsageError(f"{a} cannot be compared with itself. What can be compared here: {known}.")
    if {a, b} <= set(kinds["experiments"]):
        scored, seeds = scored_forecasts(warehouse, [a, b], horizon)
        least = min(seeds.values(), default=None)
        found = compare_models(scored, a, b, window=window, horizon=horizon, seeds=least)
    elif {a, b} <= set(kinds["strategies"]):
        found = compare_ledgers(f"{a} against {b}, {window}", warehouse.read(LEDGER, [a, b]), a, b, window=window)
    else:
        raise UsageError(f"{a} and {b} are an experiment and a strategy. Compare like with like: {known}.")
    if not found and a in kinds["experiments"]:
        raise NotEnoughDataError(
            f"{a} and {b} share fewer than {MIN_SESSIONS} sessions in {window} at horizon {horizon}."
        )
    if not found:
        raise NotEnoughDataError(
            f"{a} and {b} share fewer than {metrics.FEWEST_OF_A_YEAR} sessions in {window}: too few for a Sharpe ratio "
            "a year."
        )
    return found


def model_pairs(models: Sequence[str]) -> list[tuple[str, str, str]]:
    """(a, b, window) of every comparison of models that is made by itself."""
    held = set(models)
    wanted = [(a, b, window) for a, b in CLOSELY for window in WINDOWS]
    others = sorted(held - {*RIVALS, *VIX_RIVALS, *_ABLATIONS, VIX_MODEL})
    wanted += [(a, b, WHOLE) for a in others for b in RIVALS]
    wanted += [(VIX_MODEL, b, WHOLE) for b in VIX_RIVALS]
    return [one for one in wanted if held >= {one[0], one[1]}]


def scored_forecasts(
    warehouse: Warehouse, models: Sequence[str], horizon: int = 1
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The forecasts of some models beside what came, and the smallest number of seeds behind each model."""
    forecasts = warehouse.read(DAILY).filter(pl.col("model").is_in(list(models)), pl.col("horizon") == horizon)
    targets = warehouse.read(FORWARD, forecasts["ticker"].unique().to_list()).filter(horizon=horizon)
    seeds = forecasts.group_by("model").agg(pl.col("seeds").min())
    return beside_outcomes(forecasts, targets), dict(seeds.iter_rows())


def models_held(warehouse: Warehouse) -> list[str]:
    """The models with forecasts, sorted."""
    return warehouse.read(DAILY, columns=["model"])["model"].unique().sort().to_list()


def _models(warehouse: Warehouse) -> list[Comparison]:
    pairs = model_pairs(models_held(warehouse))
    scored, seeds = scored_forecasts(warehouse, sorted({name for a, b, _ in pairs for name in (a, b)}))
    by_model = {str(name): rows for (name,), rows in scored.group_by("model")}
    found: list[Comparison] = []
    for a, b, window in pairs:
        both = pl.concat(by_model[name] for name in (a, b) if name in by_model) if by_model else scored
        name = f"Does {a} beat {b}, {window}?" if (a, b) in CLOSELY else ""
        found += compare_models(both, a, b, window=window, seeds=min(seeds[a], seeds[b]), name=name)
    return found


def _strategies(warehouse: Warehouse) -> list[Comparison]:
    rows = warehouse.read(LEDGER)
    found: list[Comparison] = []
    for name, a, b in STRATEGY_QUESTIONS:
        found += compare_ledgers(name, rows, a, b)
    return [*found, *_rotation_against_random(warehouse, rows)]


def _rotation_against_random(warehouse: Warehouse, rows: pl.DataFrame) -> list[Comparison]:
    own = rows.filter(strategy="sector_rotation").sort("session")
    ratio = metrics.sharpe(own["net_return"].to_numpy())
    bars = traded_bars(warehouse)
    if own.height < metrics.FEWEST_OF_A_YEAR or not np.isfinite(ratio) or not set(SECTORS) <= set(bars["ticker"]):
        return []
    # The ledger begins a session after the first decision, or with the first bar.
    days = [calendar.offset(own["session"][0], -1), *own["session"]]
    draws = [
        ledger("random_picks", strategies.random_picks(days, draw), bars, cost_bps=COST_BPS)["net_return"]
        for draw in range(strategies.DRAWS)
    ]
    ratios = np.array([metrics.sharpe(returns.to_numpy()) for returns in draws])
    if not np.isfinite(ratios).all():  # one was left in cash
        return []
    said = f"All pay {COST_BPS:g} basis points a side."
    return questions.against_random(RANDOM_QUESTION, "sector_rotation", ratio, ratios, own.height, said)


def _spikes(warehouse: Warehouse) -> list[Comparison]:
    return questions.spikes_called(warehouse.read(SCORES, [VIX_MODEL]), VIX_MODEL, VIX)


def _leads(warehouse: Warehouse) -> list[Comparison]:
    found = warehouse.read(LEAD_LAG)
    return [answer for leader in LEADERS for answer in questions.leads(found, leader, FOLLOWER)]


def _pairs(warehouse: Warehouse) -> Iterator[Pair]:
    """Both directions of every leader, by its own returns and by the signal of the model that casts the ballots."""
    tickers = (FOLLOWER, *LEADERS)
    targets = {ticker: warehouse.read(FORWARD, [ticker]).filter(horizon=1) for ticker in tickers}
    ballots = warehouse.read(DAILY, tickers).filter(model=BALLOT_MODEL, horizon=1)
    said = ballots.select("ticker", "session", known=pl.coalesce("prob_bull", "prob_up"))
    known = {
        RETURN: {ticker: own_returns(targets[ticker]) for ticker in tickers},
        SIGNAL: {ticker: said.filter(ticker=ticker).drop("ticker") for ticker in tickers},
    }
    for leader in LEADERS:
        for first, second in ((leader, FOLLOWER), (FOLLOWER, leader)):
            for kind, of in known.items():
                yield pair(first, second, kind, of[first], targets[second])
