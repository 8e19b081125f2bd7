"""What a day and a training consist of, and what each part takes: the plan by which progress is estimated."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alpha_pipeline import sessions as calendar
from alpha_pipeline.models.architectures import is_worth_a_worker
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import Profile, Settings
from alpha_pipeline.steps import features, forecasting, ingest, results, signals
from alpha_pipeline.steps.progress import REPORT, Plan, Stage
from alpha_pipeline.steps.trained import census
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables.signals import QQQ_POSITION

BARS: Final = "bars"
FEATURES: Final = "features and targets"
SIGNALS: Final = "signals"
RESULTS: Final = "ledger, scores, audit and checks"

# What Dagster takes around a stage of its own.
_SECONDS_A_RUN: Final = 0.7
_SECONDS_A_CHECK: Final = 0.3
_SECONDS_A_REPORT: Final = 1.0  # without problems to add
_SECONDS_OF_WORKERS: Final = 5.0  # each imports torch
_SECONDS_A_FOLD_FOUND: Final = 0.01
_SIGNAL_TABLES: Final = 6


@dataclass(frozen=True)
class Training:
    """An experiment that is asked for, and the tickers that it is trained on."""

    experiment: Experiment
    tickers: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """What a plan is made for.

    Attributes:
        trainings: in any order.
        n_tickers: how many tickers are refreshed, or hold bars.
        last: the last session that there are, or will be, bars of.
        profile: seeds and retraining.
    """

    trainings: Sequence[Training]
    n_tickers: int
    last: dt.date
    profile: Profile

    @property
    def n_forecast(self) -> int:
        """How many (experiment, ticker) are forecast."""
        return sum(len(one.tickers) for one in self.trainings)


def train_title(experiment: str) -> str:
    """What the progress of an experiment's training is called."""
    return f"train {experiment}"


def refresh(settings: Settings, n_tickers: int) -> Stage:
    """The bars: of a server as fast as it may be asked, and that pace says nothing of this machine."""
    if settings.source != "yahoo":
        return Stage(BARS, n_tickers, "tickers", ingest.SECONDS_A_TICKER, start=_SECONDS_A_RUN)
    seconds = ingest.SECONDS_A_TICKER + 1 / settings.yahoo_rate
    return Stage(BARS, n_tickers, "tickers", seconds, start=_SECONDS_A_RUN, is_typical=False)


def training(warehouse: Warehouse, scope: Scope) -> Plan:
    """Features, what is missing of the models, and forecasts."""
    models = _models(warehouse, scope)
    is_new = _lacks(models) or _is_behind(warehouse, scope.last)
    return (_features(scope, is_new=is_new), *models, _forecasts(forecasting.STAGE, scope, is_new=is_new))


def day(warehouse: Warehouse, scope: Scope, n_checks: int) -> Plan:
    """Everything after the bars, with the signals made early where other models are trained after theirs."""
    models = _models(warehouse, scope)
    of_signals = [stage for stage in models if stage.name in map(train_title, signals.MODELS)]
    others = [stage for stage in models if stage not in of_signals]
    is_new = _lacks(models) or _is_behind(warehouse, scope.last)
    read = [one for one in scope.trainings if one.experiment.name in signals.MODELS]
    early = _forecasts(forecasting.EARLY_STAGE, Scope(read, 0, scope.last, scope.profile), is_new=True)
    forecasts = _forecasts(forecasting.STAGE, scope, is_new=is_new)
    made = _signals(warehouse, scope.last, is_new=is_new)
    middle = (early, made, *others, forecasts) if read and _lacks(others) else (*others, forecasts, made)
    return (_features(scope, is_new=is_new), *of_signals, *middle, *_results(scope, n_checks, is_new=is_new))


def _models(warehouse: Warehouse, scope: Scope) -> list[Stage]:
    return [_model(warehouse, one, scope) for one in scope.trainings]


def _model(warehouse: Warehouse, one: Training, scope: Scope) -> Stage:
    found = census(warehouse, one.experiment, one.tickers, scope.last, scope.profile)
    return Stage(
        train_title(one.experiment.name),
        found.wanted,
        "folds",
        one.experiment.architecture.SECONDS_A_FOLD,
        start=_SECONDS_OF_WORKERS if is_worth_a_worker(one.experiment.architecture) else 0.0,
        held=found.held,
        seconds_held=_SECONDS_A_FOLD_FOUND,
        group="models",
        title=f"training {one.experiment.name}",
    )


def _lacks(models: Sequence[Stage]) -> bool:
    return any(stage.held < stage.units for stage in models)


def _is_behind(warehouse: Warehouse, last: dt.date) -> bool:
    """Whether the newest position is older than the last session."""
    held = span(warehouse.read(QQQ_POSITION, warehouse.newest(QQQ_POSITION), columns=["session"]))
    return held is None or held[1] < last


def _features(scope: Scope, *, is_new: bool) -> Stage:
    seconds = features.SECONDS_A_TICKER if is_new else features.SECONDS_A_TICKER_FOUND
    return Stage(FEATURES, len(features.VERSIONS), "tables", _SECONDS_A_RUN + scope.n_tickers * seconds)


def _forecasts(name: str, scope: Scope, *, is_new: bool) -> Stage:
    """Counted by ticker; one that more experiments forecast takes longer."""
    tickers = {ticker for one in scope.trainings for ticker in one.tickers}
    seconds = forecasting.SECONDS_A_MODEL if is_new else forecasting.SECONDS_A_MODEL_FOUND
    each = seconds * scope.n_forecast / max(len(tickers), 1)
    return Stage(name, len(tickers), "tickers", each, start=forecasting.SECONDS_TO_BEGIN)


def _signals(warehouse: Warehouse, last: dt.date, *, is_new: bool) -> Stage:
    """Six tables; where models are new every session is made again."""
    whole = len(calendar.between(signals.FIRST_SESSION, max(last, signals.FIRST_SESSION)))
    sessions = whole if is_new and not warehouse.newest(QQQ_POSITION) else 1
    return Stage(SIGNALS, _SIGNAL_TABLES, "tables", _SECONDS_A_RUN + sessions * signals.SECONDS_A_SESSION)


def _results(scope: Scope, n_checks: int, *, is_new: bool) -> Plan:
    """A stage for each, one for the checks, which come in between, and what the command does at last."""
    made = (
        Stage(name, 1, "results", fixed + scope.n_forecast * each if is_new else found, group="results")
        for name, (fixed, each, found) in results.SECONDS.items()
    )
    checks = Stage(RESULTS, n_checks, "checks", _SECONDS_A_CHECK, title="checks")
    return (checks, *made, Stage(REPORT, 1, "", _SECONDS_A_REPORT))
