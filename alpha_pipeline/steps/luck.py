"""Fills `evaluation.luck`: how much of each record luck would explain, given all that was tried."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alpha_pipeline import sessions as calendar
from alpha_pipeline.digits import number, p_said
from alpha_pipeline.evaluation import luck, metrics
from alpha_pipeline.evaluation.comparisons import pooled
from alpha_pipeline.evaluation.natural import TRIAL, natural_returns
from alpha_pipeline.signals.volatility_target import SESSIONS_PER_YEAR
from alpha_pipeline.steps.proof import models_held, scored_forecasts
from alpha_pipeline.steps.trials import configured, inputs_of
from alpha_pipeline.universe import MAG7
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.proof import LUCK, TRIALS
from alpha_pipeline.warehouse.tables.results import LEDGER

Array = NDArray[np.float64]
Row = tuple[str, str, float, str]

LUCK_VERSION = "3"
ALL_TRIALS = "all trials"
BEST_TRIAL = "best trial of a model"
MODELS_ON_QQQ = "models on QQQ"
STRATEGIES_ON_QQQ = "strategies on QQQ"
MODELS = "models"
BENCHMARK_MODEL = "expanding_mean"
BENCHMARK_STRATEGY = "buy_and_hold"
POOL = ("QQQ", *MAG7)
SURE = 0.95
_ON_QQQ = ("buy_and_hold", "mag7_vote", "qqq_position", "qqq_position_without_exit", "vol_target_15")
_A_YEAR = math.sqrt(SESSIONS_PER_YEAR)


@dataclass(frozen=True)
class _Field:
    """What luck is reckoned with.

    Attributes:
        trials: rows of ``evaluation.trials``, all of them.
        n_effective: how many independent ones they are worth.
    """

    trials: pl.DataFrame
    n_effective: float

    def variance(self, n: int) -> float:
        """Of the Sharpe ratios of trials at least half as long as n sessions; short ones vary by chance alone."""
        ratios = self.trials.filter(pl.col("n") >= n / 2)["sharpe"].drop_nulls()
        # Of too few: that of a ratio of 0 over n sessions.
        return float(np.var(ratios.to_numpy(), ddof=1)) if len(ratios) > 1 else 1 / n


def write_luck(warehouse: Warehouse) -> pl.DataFrame:
    """Fill `evaluation.luck`; returns all of it. Nothing before there is a trial."""
    inputs = inputs_of(warehouse, LUCK_VERSION, TRIALS, LEDGER, DAILY, FORWARD)
    trials = warehouse.read(TRIALS)
    if trials.height and not warehouse.is_current(LUCK, ALL_TRIALS, inputs):
        rows = list(_rows(warehouse, trials))
        made = LUCK.conform(
            pl.DataFrame(rows, schema=LUCK.empty().schema, orient="row").filter(pl.col("value").is_finite())
        )
        for name in set(warehouse.units(LUCK)) - set(made["name"]):  # said of what is judged no more
            warehouse.forget(LUCK, name)
        # Written last: while it is current, so are the others.
        for name in sorted(made["name"].unique(), key=lambda name: (name == ALL_TRIALS, name)):
            warehouse.write(LUCK, name, made.filter(pl.col("name") == name), inputs)
    return warehouse.read(LUCK)


def _rows(warehouse: Warehouse, trials: pl.DataFrame) -> Iterator[Row]:
    ledger = warehouse.read(LEDGER)
    forecasts = configured(warehouse)
    natural = natural_returns(forecasts, warehouse.read(FORWARD, forecasts["ticker"].unique().to_list()))
    earned = _side_by_side(natural, ledger)
    correlation = luck.mean_correlation(earned.drop("session").to_numpy())
    field = _Field(trials, luck.effective_trials(trials.height, correlation if math.isfinite(correlation) else 0.0))
    yield from _of_all(field, correlation)
    for trial in _judged(trials, ledger).iter_rows(named=True):
        yield from _deflated(trial, field)
    yield from _overfitting(natural, ledger)
    yield from _superior_strategies(ledger)
    yield from _superior_models(warehouse)


def _of_all(field: _Field, correlation: float) -> Iterator[Row]:
    n = field.trials.height
    yield ALL_TRIALS, "n_trials", n, f"{n} trials were made in this warehouse, rivals included."
    worth = f"{field.n_effective:.1f} independent ones"
    said = f"With a mean correlation of {number(correlation, '.2f')} they are worth {worth}."
    yield ALL_TRIALS, "n_effective", field.n_effective, said
    yield ALL_TRIALS, "mean_correlation", correlation, "Of the returns of all pairs of trials that are still held."


def _judged(trials: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """The trials whose records are deflated, short ones left out: each strategy as its ledger is now, the best model's.

    The best by a Sharpe ratio of a few months would be one of luck alone, and said of a year.
    """
    moved = trials.drop_nulls("sharpe").filter(pl.col("n") >= metrics.FEWEST_OF_A_YEAR)
    # Of trials under one name the ledger's is the one seen last.
    own = moved.filter(kind="strategy").sort("first_seen").unique("name", keep="last")
    best = moved.filter(kind="model").sort("sharpe", "trial_id").tail(1)
    kept = own.filter(pl.col("name").is_in(ledger["strategy"].unique().to_list())).sort("name")
    return pl.concat([kept, best])


def _deflated(trial: dict[str, float | str], field: _Field) -> Iterator[Row]:
    is_model = trial["kind"] == "model"
    name = BEST_TRIAL if is_model else str(trial["name"])
    whose = f"{trial['name']} on {trial['ticker']}" if is_model else name
    sharpe, n = float(trial["sharpe"]), int(trial["n"])
    moments = (sharpe, n, float(trial["skew"]), float(trial["kurtosis"]))
    variance = field.variance(n)
    ratio = f"The Sharpe ratio of {whose}, {number(sharpe * _A_YEAR, '.2f')} a year over {n} sessions,"
    yield name, "sharpe", sharpe * _A_YEAR, f"{ratio} after costs."
    psr = luck.probabilistic_sharpe(*moments)
    yield (
        name,
        "psr",
        psr,
        f"{ratio} is above 0 in truth with a probability of {number(psr, '.1%')}, if nothing else was tried.",
    )
    for suffix, count, words in (
        ("", float(field.trials.height), f"{field.trials.height} trials"),
        ("_effective", field.n_effective, f"{field.n_effective:.1f} independent trials"),
    ):
        best = luck.expected_maximum_sharpe(count, variance)
        said = f"The best of {words} without skill would show about {number(best * _A_YEAR, '.2f')} a year."
        yield name, f"sr0{suffix}", best * _A_YEAR, said
        dsr = luck.deflated_sharpe(*moments, n_trials=count, variance=variance)
        verdict = "Luck does not explain it." if dsr >= SURE else "Luck is not ruled out."
        yield (
            name,
            f"dsr{suffix}",
            dsr,
            f"{ratio} is above that of the luckiest of {words} with {number(dsr, '.1%')}. {verdict}",
        )


def _side_by_side(natural: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Columns session and one per trial. What a model's decision of t earns lies in session t+1 of a ledger."""
    named = natural.drop_nulls("net_return").select(
        "session", "net_return", trial=pl.concat_str([pl.col(name).cast(pl.String) for name in TRIAL], separator=" ")
    )
    later = {session: calendar.offset(session, 1) for session in named["session"].unique()}
    shifted = named.with_columns(pl.col("session").replace_strict(later, return_dtype=pl.Date))
    both = pl.concat([shifted, ledger.select("session", "net_return", trial="strategy")])
    return both.pivot("trial", index="session", values="net_return").sort("session")


def _overfitting(natural: pl.DataFrame, ledger: pl.DataFrame) -> Iterator[Row]:
    on_qqq = natural.filter(ticker="QQQ")
    strategies = ledger.filter(pl.col("strategy").is_in(_ON_QQQ))
    for name, frame in (
        (MODELS_ON_QQQ, _side_by_side(on_qqq, ledger.clear())),
        (STRATEGIES_ON_QQQ, _side_by_side(natural.clear(), strategies)),
    ):
        whole = frame.drop("session").drop_nulls().to_numpy()
        pbo = luck.backtest_overfitting(whole)
        best = f"Of {whole.shape[1]}, the best in one half of the sessions is below the median in the other"
        yield name, "pbo", pbo, f"{best} {number(pbo, '.0%')} of the time. Without skill it is about half of the time."


def _superior_strategies(ledger: pl.DataFrame) -> Iterator[Row]:
    """SPA of the strategies on QQQ against buy and hold, each scaled to the same volatility."""
    frame = _side_by_side(_NO_MODEL, ledger.filter(pl.col("strategy").is_in(_ON_QQQ))).drop("session").drop_nulls()
    if frame.height < luck.LEAST_OVERLAP:
        return
    moving = [name for name in frame.columns if float(frame[name].to_numpy().std()) > 0]
    if BENCHMARK_STRATEGY not in moving or len(moving) < 2:
        return
    returns = frame.select(moving).to_numpy()
    losses = dict(zip(moving, (-returns / returns.std(axis=0)).T, strict=True))
    benchmark = losses.pop(BENCHMARK_STRATEGY)
    p_value = luck.superior_ability(benchmark, np.column_stack(list(losses.values())))
    said = f"That none of {len(losses)} strategies on QQQ is better than buy and hold at the same volatility"
    yield STRATEGIES_ON_QQQ, "spa_p", p_value, f"{said} has {p_said(p_value)}."


def _superior_models(warehouse: Warehouse) -> Iterator[Row]:
    """SPA and the confidence set of the models that forecast all of QQQ and the Magnificent Seven, by squared error."""
    scored, _ = scored_forecasts(warehouse, models_held(warehouse))
    held = [ticker for ticker in POOL if ticker in set(scored["ticker"])]
    rows = pooled(scored.filter(pl.col("ticker").is_in(held)))
    whole = rows.group_by("model").agg(pl.col("ticker").n_unique()).filter(pl.col("ticker") == len(held))
    errors = rows.join(whole.select("model"), on="model", how="semi").with_columns(
        loss=(pl.col("realised") - pl.col("expected")) ** 2
    )
    wide = errors.pivot("model", index=["ticker", "session"], values="loss").drop_nulls()
    by_session = wide.group_by("session").agg(pl.exclude("ticker", "session").mean()).sort("session").drop("session")
    if by_session.width < 2 or by_session.height < luck.LEAST_OVERLAP:
        return
    names = sorted(by_session.columns)
    losses = by_session.select(names).to_numpy()
    of = f"squared error on {', '.join(held)}"
    if BENCHMARK_MODEL in names:
        place = names.index(BENCHMARK_MODEL)
        p_value = luck.superior_ability(losses[:, place], np.delete(losses, place, axis=1))
        said = f"That none of {len(names) - 1} models is better than {BENCHMARK_MODEL} in {of} has {p_said(p_value)}."
        yield MODELS, "spa_p", p_value, said
    for name, p_value in zip(names, luck.model_confidence(losses), strict=True):
        is_in = p_value > luck.SIZE
        said = f"{name} {'may be' if is_in else 'is not'} the best in {of}: {p_said(p_value)}."
        yield name, "mcs_p", float(p_value), said


_NO_MODEL = pl.DataFrame(
    schema={
        "model": pl.String,
        "config": pl.String,
        "ticker": pl.String,
        "seeds": pl.Int64,
        "session": pl.Date,
        "net_return": pl.Float64,
    }
)
