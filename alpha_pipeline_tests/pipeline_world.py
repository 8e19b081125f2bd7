"""A warehouse filled by the steps themselves, without Dagster: for the tests of the whole pipeline."""

import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from alpha_pipeline import sessions
from alpha_pipeline.errors import UnknownTickerError
from alpha_pipeline.models.spec import Experiment
from alpha_pipeline.settings import PROFILES, SourceKind
from alpha_pipeline.sources.base import ACTION_SCHEMA, ANSWER_SCHEMA, Answer, PriceSource, Reading
from alpha_pipeline.sources.simulation.instruments import HORIZON_FIRST
from alpha_pipeline.steps import features, signals
from alpha_pipeline.steps.forecasting import forecast_tickers
from alpha_pipeline.steps.ingest import ingest_ticker
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.warehouse.seal import sealed
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table

QUICK = PROFILES["quick"]

# The first session of the simulated market and of the real bars.
FIRST_BAR = HORIZON_FIRST


@dataclass(frozen=True)
class FrameSource:
    """Bars held in frames, as a source; `asked` keeps every question."""

    bars: Mapping[str, pl.DataFrame]
    asked: list[tuple[str, dt.date, dt.date]] = field(default_factory=list)
    overlapping: int | None = None

    @property
    def kind(self) -> SourceKind:
        return "files"

    @property
    def market(self) -> str:
        return "files"

    @property
    def overlap(self) -> int | None:
        return self.overlapping

    @property
    def concurrency(self) -> int:
        return 1

    @property
    def waits(self) -> None:
        return None

    def tickers(self) -> frozenset[str]:
        return frozenset(self.bars)

    def readings(self) -> tuple[Reading, ...]:
        return ()

    def fetch(self, ticker: str, first: dt.date, last: dt.date) -> Answer:
        self.asked.append((ticker, first, last))
        if ticker not in self.bars:
            raise UnknownTickerError(ticker, "frames")
        rows = self.bars[ticker].with_columns(pl.col("volume").cast(pl.Float64), is_final=pl.lit(value=True))
        shown = rows.select(*ANSWER_SCHEMA).filter(pl.col("session").is_between(first, last))
        return Answer(ticker, shown, pl.DataFrame(schema=ACTION_SCHEMA), "files")


def leave_empty(warehouse: Warehouse, table: Table, unit: str) -> str:
    """Leave a unit without rows, as an earlier version did, and as it is taken over; its key."""
    key, buffer = warehouse.key(table, unit), io.BytesIO()
    table.empty().write_parquet(buffer)
    warehouse.objects.put(key, sealed(key, buffer.getvalue()))
    return key


def after_close(session: dt.date) -> dt.datetime:
    """When the evening's run of a session happens."""
    return sessions.close_time(session) + dt.timedelta(hours=1)


def ingest_all(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Iterable[str],
    through: dt.date,
    first: dt.date | None = FIRST_BAR,
) -> None:
    """Bars of the tickers up to a session."""
    for ticker in tickers:
        ingest_ticker(warehouse, source, ticker, since=first, through=through, now=after_close(through))


def build_features(warehouse: Warehouse, tickers: Sequence[str]) -> None:
    """Every feature table and the targets."""
    features.build_technical(warehouse, tickers)
    features.build_price_action(warehouse, tickers)
    features.build_market_context(warehouse, tickers)
    features.build_volatility(warehouse, tickers)
    features.build_sector_context(warehouse, tickers)
    features.build_targets(warehouse, tickers)


def forecast_all(
    warehouse: Warehouse, experiments: Sequence[Experiment], tickers: Sequence[str], now: dt.datetime
) -> None:
    """Train what is missing and forecast: each experiment on those of the tickers that are its own."""
    for experiment in experiments:
        own = [ticker for ticker in tickers if ticker in experiment.tickers]
        result = train_experiment(warehouse, experiment, own, QUICK, device="cpu", progress=lambda _: None)
        assert result.failures == ()
    forecast_tickers(warehouse, experiments, tickers, QUICK, now)


def signal_all(warehouse: Warehouse, days: Sequence[dt.date]) -> None:
    """Every signal of the sessions."""
    for write in (
        signals.write_ballots,
        signals.write_vote,
        signals.write_ranks,
        signals.write_rotation,
        signals.write_regime,
        signals.write_position,
    ):
        write(warehouse, days)


def run_all(
    warehouse: Warehouse,
    source: PriceSource,
    tickers: Sequence[str],
    experiments: Sequence[Experiment],
    through: dt.date,
    first: dt.date = FIRST_BAR,
) -> None:
    """From bars to positions, as `alpha run` on the evening of a session."""
    ingest_all(warehouse, source, tickers, through, first)
    build_features(warehouse, tickers)
    forecast_all(warehouse, experiments, tickers, after_close(through))
    signal_all(warehouse, sessions.between(signals.FIRST_SESSION, through))


def retrained(experiment: Experiment, **training: float) -> Experiment:
    """The experiment with other training values."""
    return experiment.model_copy(update={"training": experiment.training.model_copy(update=training)})
