"""A small market for the tests of the Dagster layer: simulated bars in one file, and forecasts made by hand."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from unittest.mock import patch

import dagster as dg
import polars as pl
from dagster._core.storage.defs_state.base import set_defs_state_storage

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.build import build_defs
from alpha_pipeline.defs.jobs import ANY_ASSETS
from alpha_pipeline.defs.membership import experiments, registered
from alpha_pipeline.defs.partitions import blocks, range_tags, sync_tickers
from alpha_pipeline.settings import Settings
from alpha_pipeline.sources.simulated import simulate
from alpha_pipeline.steps.signals import BALLOT_MODEL, SECTOR_MODEL, VIX_MODEL
from alpha_pipeline.universe import CORE, MAG7, SECTORS, VIX
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY

# The last session is a Friday and a half day; the clock stands one hour after its close.
FIRST: Final = dt.date(2010, 1, 4)
LAST: Final = dt.date(2016, 11, 25)
NOW: Final = dt.datetime(2016, 11, 25, 19, 0, tzinfo=dt.UTC)


def fresh_defs() -> dg.Definitions:
    """The definitions, loaded: Dagster would else ask an instance that an earlier run of the test left behind.

    In a context of its own: such an instance, when it is collected meanwhile, sets the storage of its own context back.
    """
    return copy_context().run(_load)


def _load() -> dg.Definitions:
    with set_defs_state_storage(None):
        made = build_defs()
        made.get_repository_def()
    return made


@dataclass(frozen=True)
class World:
    """One warehouse of the files source, and a clock that stands still."""

    settings: Settings

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.settings.warehouse)

    @property
    def environment(self) -> dict[str, str]:
        return self.settings.environment()

    def entered(self) -> AbstractContextManager[object]:
        """This world's settings as those of the process, as in every process of the web UI."""
        return patch.dict(os.environ, self.environment)

    def at(self, now: dt.datetime) -> "World":
        """The same world at another time."""
        return World(replace(self.settings, fixed_now=now))

    def run(
        self,
        instance: dg.DagsterInstance,
        job: str,
        *,
        tickers: Sequence[str] | None = None,
        partition: str | None = None,
        assets: Sequence[dg.AssetKey] | None = None,
        config: Mapping[str, object] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job: of tickers that are one range of the registered ones, of one partition, or of none."""
        tags: Mapping[str, str] = {}
        if tickers is not None:
            [(first, last)] = blocks(sync_tickers(instance, self.warehouse), tickers)
            tags = range_tags(first, last)
        with self.entered():
            return (
                fresh_defs()
                .resolve_job_def(job)
                .execute_in_process(
                    instance=instance,
                    partition_key=partition,
                    tags=tags,
                    run_config=dict(config or {}),
                    asset_selection=assets,
                    raise_on_error=False,
                )
            )

    def train(self, instance: dg.DagsterInstance, experiment: str, tickers: Sequence[str]) -> dg.ExecuteInProcessResult:
        """Train one experiment on tickers that are one range of its partitions."""
        sync_tickers(instance, self.warehouse)
        [(first, last)] = blocks(registered(instance, experiments()[experiment]), tickers)
        with self.entered():
            return (
                fresh_defs()
                .resolve_job_def(ANY_ASSETS)
                .execute_in_process(
                    instance=instance,
                    tags=range_tags(first, last),
                    asset_selection=[dg.AssetKey(["models", experiment])],
                    raise_on_error=False,
                )
            )


def make_world(
    root: Path, tickers: Sequence[str] = CORE, without: Sequence[dt.date] = (), first: dt.date = FIRST
) -> World:
    """A world whose file holds some tickers, and an empty warehouse.

    Args:
        root: an empty folder.
        tickers: those that the file holds.
        without: sessions that the file lacks.
        first: the file's first session.
    """
    file = root / "bars.parquet"
    market = simulate(7, 0.0, first, LAST, tickers)
    pl.concat(market.bars.values()).filter(~pl.col("session").is_in(list(without))).write_parquet(file)
    return World(Settings(warehouse=root / "warehouse", source="files", source_path=file, fixed_now=NOW))


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """What the failed steps of a run said: the words given, or those of the innermost error."""
    said = []
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            words = data.user_failure_data.description if data.user_failure_data else None
            said.append(words or (error.message if error else ""))
    return said


def forecasts(sessions: Sequence[dt.date], prob_up: float = 0.6, trained_sessions_before: int = 10) -> pl.DataFrame:
    """Forecasts of every ticker that a signal reads, all alike; the sectors' returns differ, XLK's is the best."""
    wanted = [
        *((BALLOT_MODEL, ticker, 1, 0.001, None) for ticker in MAG7),
        *((SECTOR_MODEL, ticker, 5, 0.002 if ticker == "XLK" else 0.001, None) for ticker in SECTORS),
        (VIX_MODEL, VIX, 1, 0.0, 0.05),
    ]
    rows = [
        {
            "model": model,
            "ticker": ticker,
            "session": session,
            "horizon": horizon,
            "expected_return": expected_return,
            "forecast_vol": 0.01,
            "low_90": -0.016,
            "high_90": 0.016,
            "prob_up": prob_up,
            "prob_spike": prob_spike,
            "spike_threshold": None if prob_spike is None else 0.5,
            "trained_through": calendar.offset(session, -trained_sessions_before),
            "model_id": "by hand",
            **dict.fromkeys(("prob_bull", "bull_threshold", "bull_move")),
            "seeds": 1,
            "seed_spread": 0.0,
            "made_at": NOW,
            "is_live": False,
        }
        for session in sessions
        for model, ticker, horizon, expected_return, prob_spike in wanted
    ]
    return DAILY.conform(pl.DataFrame(rows, schema=DAILY.empty().schema))


def plant(warehouse: Warehouse, rows: pl.DataFrame) -> None:
    """Store forecasts as if models had made them."""
    for (ticker,), own in rows.group_by("ticker"):
        warehouse.write(DAILY, str(ticker), own)
