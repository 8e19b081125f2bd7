"""Fills `forecasts.daily` from the trained members; what was forecast live is never rewritten."""

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.datasets.matrix import MatrixSamples
from alpha_pipeline.datasets.samples import Samples
from alpha_pipeline.models.architectures import is_shared
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import Profile
from alpha_pipeline.steps.progress import Progress, report
from alpha_pipeline.steps.training import courses, has_artifacts, load_artifact
from alpha_pipeline.training.artifact import Artifact
from alpha_pipeline.training.trainer import find
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables.forecasts import DAILY

FORECAST_VERSION = "2"
# What an experiment says of a ticker, on an idle machine, and what it takes to find that it says nothing new.
SECONDS_A_MODEL = 0.18
SECONDS_A_MODEL_FOUND = 0.1
SECONDS_TO_BEGIN = 4.0  # torch is imported
_KEY = list(DAILY.key)
STAGE = "forecasts"
EARLY_STAGE = "forecasts of the signals' models"


@dataclass(frozen=True)
class ForecastReport:
    """What a ticker's forecasts are.

    Attributes:
        n_rows: rows held.
        n_live: of these, made before the next session's open.
        models: the experiments that forecast it.
        last_session: the newest session forecast.
    """

    n_rows: int
    n_live: int
    models: tuple[str, ...]
    last_session: dt.date | None


def forecast_tickers(
    warehouse: Warehouse,
    experiments: Sequence[Experiment],
    tickers: Sequence[str],
    profile: Profile,
    now: dt.datetime,
    stage: str = STAGE,
) -> dict[str, ForecastReport]:
    """Forecast every ticker with every experiment that is trained on it.

    Args:
        warehouse: with bars, features, targets and artifacts.
        experiments: those to forecast with.
        tickers: those to forecast.
        profile: seeds and retraining.
        now: the clock's time; a forecast made before the next session's open is live.
        stage: what its progress is called.
    """
    reports: dict[str, ForecastReport] = {}
    # What a shared model says of one ticker costs what it says of all of them: it is asked once.
    shared = {
        experiment.name: _trained(warehouse, experiment, tickers, profile)
        for experiment in experiments
        if is_shared(experiment.architecture)
    }
    for number, ticker in enumerate(tickers, start=1):
        work = [
            shared[experiment.name] if experiment.name in shared else _trained(warehouse, experiment, [ticker], profile)
            for experiment in experiments
        ]
        _forecast_ticker(warehouse, [one for one in work if one is not None and one.is_of(ticker)], ticker, now)
        held = warehouse.read(DAILY, [ticker])
        held_span = span(held)
        reports[ticker] = ForecastReport(
            n_rows=held.height,
            n_live=held.filter("is_live").height,
            models=tuple(held.get_column("model").unique().sort()),
            last_session=held_span[1] if held_span else None,
        )
        report(Progress(stage, number, len(tickers), ticker))
    return reports


@dataclass(frozen=True)
class _Trained:
    """An experiment that is trained, and what it forecasts from: one ticker's data, or a matrix."""

    experiment: Experiment
    samples: Samples | MatrixSamples
    artifacts: tuple[Artifact, ...]

    def is_of(self, ticker: str) -> bool:
        """Whether it forecasts the ticker."""
        return any(artifact.card.is_of(ticker) for artifact in self.artifacts)

    @property
    def ingredients(self) -> Iterator[bytes]:
        """All that the forecasts depend on."""
        yield self.experiment.name.encode()
        yield self.samples.inputs.tobytes()
        yield self.samples.vol.tobytes()
        for artifact in self.artifacts:
            yield artifact.card.model_id.encode()

    @cached_property
    def forecasts(self) -> pl.DataFrame:
        """Of all its tickers."""
        # They bring torch, and a process that only finds everything forecast never pays for it.
        from alpha_pipeline.forecasting.matrix import forecast_matrix  # noqa: PLC0415
        from alpha_pipeline.forecasting.walk_forward import forecast  # noqa: PLC0415

        if isinstance(self.samples, MatrixSamples):
            return forecast_matrix(self.samples, self.experiment, self.artifacts)
        return forecast(self.samples, self.experiment, self.artifacts)


def _trained(warehouse: Warehouse, experiment: Experiment, tickers: Sequence[str], profile: Profile) -> _Trained | None:
    """What is trained of an experiment on one ticker, or on all tickers of a shared model; None where nothing is."""
    if not any(has_artifacts(warehouse, experiment, ticker) for ticker in tickers):
        return None
    todo = courses(warehouse, experiment, tickers, profile)
    artifacts: list[Artifact] = []
    for chain in todo.chains:
        artifacts += find(chain, lambda name, ticker, model_id: load_artifact(warehouse, name, ticker, model_id))
    return _Trained(experiment, next(iter(todo.samples.values())), tuple(artifacts)) if artifacts else None


def _forecast_ticker(warehouse: Warehouse, work: Sequence[_Trained], ticker: str, now: dt.datetime) -> None:
    digest = hashlib.blake2b(FORECAST_VERSION.encode(), digest_size=16)
    for one in work:
        for part in one.ingredients:
            digest.update(part)
    inputs = digest.hexdigest()
    if not work or warehouse.is_current(DAILY, ticker, inputs):
        return
    fresh = stamp(pl.concat(one.forecasts.filter(ticker=ticker) for one in work), now)
    # Merged under the object's lock: a live forecast that another process made meanwhile stays.
    warehouse.revise(DAILY, ticker, lambda held: merge(held, fresh), inputs)


def stamp(forecasts: pl.DataFrame, now: dt.datetime) -> pl.DataFrame:
    """Say when the forecasts were made, and which are live: made before the open that could fill them."""
    asked = forecasts.get_column("session").unique().to_list()
    live = [session for session in asked if now < calendar.open_time(calendar.offset(session, 1))]
    return forecasts.with_columns(
        made_at=pl.lit(now).cast(pl.Datetime("us", "UTC")), is_live=pl.col("session").is_in(live)
    )


def merge(held: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Held and fresh forecasts of a ticker as one table.

    A held live forecast stays as it was made. An unchanged one keeps when it was first made. A fresh one replaces
    a held one that was not live; held ones that nothing replaces stay.
    """
    values = [name for name in DAILY.columns if name not in DAILY.volatile]
    told_anew = held.filter(~pl.col("is_live")).join(fresh, on=values, how="semi", nulls_equal=True)
    kept = pl.concat([held.filter("is_live"), told_anew])
    new = DAILY.conform(fresh.join(kept, on=_KEY, how="anti"))
    rest = held.join(pl.concat([kept, new]), on=_KEY, how="anti")
    return pl.concat([kept, new, rest])
