"""Why a forecast or a bar that a signal reads is not there: cause and fix, once for all tickers that share them."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from alpha_pipeline.datasets.folds import Fold, training_data, walk_forward_folds
from alpha_pipeline.datasets.samples import VOL_LOOK_BACK
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.reports.signal_card import Cause, together
from alpha_pipeline.signals import mag7_vote, sector_rotation, vix_regime, volatility_target
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL
from alpha_pipeline.steps.training import has_artifacts, ticker_samples
from alpha_pipeline.universe import MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS

LONGEST_WARM_UP: Final = 260  # sessions: of a feature that looks back a year
# What each signal reads: the model, of which tickers, how many sessions ahead.
READ: Final[Mapping[str, tuple[str, tuple[str, ...], int]]] = {
    "vote": (BALLOT_MODEL, MAG7, mag7_vote.HORIZON),
    "rotation": (SECTOR_MODEL, SECTORS, sector_rotation.HORIZON),
    "regime": (VIX_MODEL, (VIX,), vix_regime.HORIZON),
}


def causes(warehouse: Warehouse, session: dt.date) -> dict[str, tuple[Cause, ...]]:
    """By signal, why what it reads of a session is not there; nothing of a signal that lacks nothing.

    A ticker without bars is said to have none, not to lack a forecast; a model that is not trained is named, not its
    tickers.
    """
    experiments = load_experiments()
    found: dict[str, tuple[Cause, ...]] = {}
    for signal, (model, tickers, horizon) in READ.items():
        rows = warehouse.read(DAILY, tickers, columns=["ticker", "session", "model", "horizon"])
        there = set(rows.filter(session=session, model=model, horizon=horizon)["ticker"])
        lacking = [ticker for ticker in tickers if ticker not in there]
        said = list(_of_forecasts(warehouse, experiments.get(model), model, tickers, lacking, session))
        if signal == "regime":
            said += _of_size(warehouse, session)
        if said:
            found[signal] = tuple(together(said))
    return found


def _of_forecasts(
    warehouse: Warehouse,
    experiment: Experiment | None,
    model: str,
    tickers: Sequence[str],
    lacking: Sequence[str],
    session: dt.date,
) -> Iterator[Cause]:
    """Of the tickers that lack a forecast: those without bars first, then what is the matter with the model."""
    bars = {ticker: _sessions(warehouse, ticker) for ticker in lacking}
    yield from _of_bars(bars, session)
    held = [ticker for ticker in lacking if session in bars[ticker]]
    if experiment is None:
        if held:
            yield Cause(f"there is no experiment {model}")
        return
    untrained = [ticker for ticker in held if not has_artifacts(warehouse, experiment, ticker)]
    fold, needed = walk_forward_folds(session)[-1], _needed(experiment)
    begins = fold.first_session
    known = {ticker: int((bars[ticker] < begins).sum()) for ticker in untrained}
    young = [
        ticker
        for ticker in untrained
        if known[ticker] < needed
        or (known[ticker] < needed + LONGEST_WARM_UP and not _can_learn(warehouse, experiment, ticker, fold))
    ]
    if young:
        n = max(known[ticker] for ticker in young)
        yield Cause(
            f"{model} cannot be trained yet{_on(young, tickers)}: {n:,} sessions of bars before {begins} are too few",
            tuple(young),
            f"it learns from {needed:,} or more before the first session of a year",
        )
    if due := [ticker for ticker in untrained if ticker not in young]:
        fix = f"`alpha train --experiments {model}` trains it"
        yield Cause(f"{model} is not trained{_on(due, tickers)}", tuple(due), fix)
    if silent := [ticker for ticker in held if ticker not in untrained]:
        yield Cause(
            f"{model} is trained and has no forecast of {session}{_on(silent, tickers)}",
            tuple(silent),
            f"`alpha train --experiments {model}` makes it, and trains what a new year needs",
        )


def _of_bars(bars: Mapping[str, pl.Series], session: dt.date) -> Iterator[Cause]:
    """Of the tickers that have no bar of the session."""
    if nothing := [ticker for ticker, days in bars.items() if days.is_empty()]:
        yield Cause("no bars of {} are held", tuple(nothing))
    for ticker, days in bars.items():
        if len(days) and session not in days:
            newest: dt.date = days.to_list()[-1]
            why = f"end on {newest}" if newest < session else f"lack {session}"
            yield Cause(f"the bars of {{}} {why}", (ticker,))


def _of_size(warehouse: Warehouse, session: dt.date) -> Iterator[Cause]:
    """Of QQQ, by whose volatility the position is sized."""
    days = _sessions(warehouse, "QQQ")
    yield from _of_bars({"QQQ": days}, session)
    if session in days and len(days) <= volatility_target.LOOK_BACK:
        needed = volatility_target.LOOK_BACK + 1
        yield Cause(f"{len(days)} bars of QQQ are too few to size a position: {needed} are needed")


def _sessions(warehouse: Warehouse, ticker: str) -> pl.Series:
    """The sessions of its final bars."""
    return warehouse.read(BARS, [ticker], columns=["session", "is_final"]).filter("is_final")["session"]


def _needed(experiment: Experiment) -> int:
    """The fewest sessions of bars before a fold from which anything can be learned, without a feature's warm-up."""
    rule = experiment.training.slice_rule
    # The labels of both slices are known before what follows them.
    known = 2 * (1 + max(experiment.target.horizons)) + rule.embargo_sessions
    return VOL_LOOK_BACK + experiment.window - 1 + rule.minimum_training + rule.validation_sessions + known


def _can_learn(warehouse: Warehouse, experiment: Experiment, ticker: str, fold: Fold) -> bool:
    try:
        training_data(ticker_samples(warehouse, experiment, ticker), fold, experiment.training.slice_rule)
    except NotEnoughDataError:
        return False
    return True


def _on(tickers: Sequence[str], all_of_them: Sequence[str]) -> str:
    """Where tickers are named: unless it is all of them."""
    return "" if len(tickers) == len(all_of_them) else " on {}"
