"""Runs the stages of a day in this process, through the same assets as the web UI and into the same instance."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Final, Self

import dagster as dg

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.alerts import failure_message
from alpha_pipeline.defs.alive import bury
from alpha_pipeline.defs.assets.forecasts import TRAINED, TRAINING_POOL
from alpha_pipeline.defs.build import build_defs
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.membership import to_train
from alpha_pipeline.defs.partitions import blocks, range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import AlphaError, NotEnoughDataError
from alpha_pipeline.settings import Settings
from alpha_pipeline.steps.progress import Progress, report
from alpha_pipeline.steps.signals import FIRST_SESSION, stale_sessions
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import span
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import added, followed

# The step's own log goes to the instance; the console belongs to the progress bars.
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

_SECONDS_BETWEEN_LOOKS: Final = 1.0


@dataclass(frozen=True)
class Stage:
    """One Dagster run of the day.

    Attributes:
        title: shown beside the progress.
        job: which job.
        tags: the partition range, if the job has partitions.
        assets: which of the job's assets; all when None.
        config: of the job's assets.
    """

    title: str
    job: str
    tags: dict[str, str]
    assets: tuple[dg.AssetKey, ...] | None = None
    config: Mapping[str, object] = field(default_factory=dict)


class Runner:
    """Runs stages against one warehouse, in a `with` block: at its end what its instance holds open is closed.

    Args:
        settings: the settings; they become the environment of this process.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.instance = open_instance(settings)
        self.definitions = build_defs()
        self.alpha = AlphaResource()
        self.warehouse = self.alpha.warehouse()
        bury(self.instance, self.warehouse.root)
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.instance.dispose()

    def day(self, tickers: Sequence[str] | None, chosen: Sequence[str] | None) -> None:
        """Ingest, build, train, forecast, signal, score: everything up to date.

        Args:
            tickers: the tickers to refresh and forecast; all followed (and the core ones forecast) when None.
            chosen: the experiments; all when None.

        Raises:
            AlphaError: a stage failed; what was finished before stays.
        """
        self.ingest(tickers)
        self.train(tickers, chosen)
        self.signals()
        self._run(Stage("ledger, scores, audit and checks", jobs.RESULTS.name, {}))

    def ingest(self, tickers: Sequence[str] | None) -> None:
        """Refresh bars; a ticker that fails is noted in `problems` and the others go on."""
        self.alpha.source()
        registered = sync_tickers(self.instance, self.warehouse)
        wanted = list(tickers) if tickers is not None else self._offered(registered)
        for first, last in blocks(registered, wanted):
            self._run(Stage("bars", jobs.REFRESH_BARS.name, range_tags(first, last)), tolerant=True)
        if not self.warehouse.units(BARS):
            raise AlphaError("No bars were ingested. " + " ".join(self.problems))

    def train(self, tickers: Sequence[str] | None, chosen: Sequence[str] | None) -> None:
        """Features, targets, models and forecasts of the tickers that hold bars."""
        registered = sync_tickers(self.instance, self.warehouse)
        held = set(self.warehouse.units(BARS)) & set(tickers if tickers is not None else followed(self.warehouse))
        for first, last in blocks(registered, [t for t in registered if t in held]):
            self._run(Stage("features and targets", jobs.PREPARE.name, range_tags(first, last)))
        for experiment, keys, wanted in to_train(self.instance, self.warehouse, tickers, chosen):
            title, asset = f"train {experiment.name}", dg.AssetKey(["models", experiment.name])
            for first, last in blocks(keys, wanted):
                self._wait_to_train(title)
                self._run(Stage(title, jobs.ANY_ASSETS, range_tags(first, last), (asset,)))
        if chosen is None:
            self._mark_trained(registered, held)
        for first, last in blocks(registered, [t for t in registered if t in held]):
            self._run(Stage("forecasts", jobs.PREDICT.name, range_tags(first, last)))

    def _mark_trained(self, registered: Sequence[str], tickers: set[str]) -> None:
        """Say in the graph that every experiment was trained on these tickers, where it does not say so yet."""
        unmarked = tickers - self.instance.get_materialized_partitions(TRAINED)
        nothing: dict[str, object] = {"ops": {"__".join(TRAINED.path): {"config": {"experiments": []}}}}
        for first, last in blocks(registered, [ticker for ticker in registered if ticker in unmarked]):
            self._wait_to_train("trained")
            self._run(Stage("trained", jobs.TRAIN.name, range_tags(first, last), config=nothing))

    def signals(self) -> None:
        """The signals of every session whose forecasts are newer than its signals.

        Raises:
            NotEnoughDataError: no session has bars since the first signal session.
        """
        last = self._last_session()
        if last < FIRST_SESSION:
            raise NotEnoughDataError(
                f"The bars end on {last}, before the first out-of-sample session {FIRST_SESSION}: there is no signal."
            )
        stale = stale_sessions(self.warehouse, calendar.between(FIRST_SESSION, last))
        for first, until in blocks([d.isoformat() for d in calendar.between(FIRST_SESSION, last)], stale):
            self._run(Stage("signals", jobs.SIGNALS.name, range_tags(first, until)))

    def _wait_to_train(self, title: str) -> None:
        """Wait while another run trains on this warehouse.

        Dagster would wait for the pool as well, but in a process it spins on a core meanwhile and hears no interrupt.
        """
        storage = self.instance.event_log_storage
        while others := storage.get_concurrency_info(TRAINING_POOL).active_run_ids:
            report(Progress(title, 0, 0, f"waits for run {min(others)[:8]}, which trains on this warehouse"))
            sleep(_SECONDS_BETWEEN_LOOKS)
            bury(self.instance, self.warehouse.root)

    def _offered(self, registered: Sequence[str]) -> list[str]:
        """The followed tickers worth asking the source for: a holding that it does not list is no failure."""
        listed = self.alpha.source().tickers()
        needed = set(CORE) | set(added(self.warehouse))
        wanted = set(followed(self.warehouse))
        return [t for t in registered if t in wanted and (listed is None or t in listed or t in needed)]

    def _last_session(self) -> dt.date:
        held = span(self.warehouse.read(BARS, CORE, columns=["session"]))
        if held is None:
            raise NotEnoughDataError(f"None of the core tickers ({', '.join(CORE)}) has bars: no signal can be made.")
        return held[1]

    def _run(self, stage: Stage, *, tolerant: bool = False) -> None:
        """Run one stage and record it in the instance.

        Raises:
            AlphaError: a step failed, unless `tolerant`; then its message joins `problems`.
        """
        report(Progress(stage.title, 0, 0))
        result = self.definitions.resolve_job_def(stage.job).execute_in_process(
            instance=self.instance,
            run_config={**_QUIET, **stage.config},
            tags=stage.tags,
            asset_selection=stage.assets,
            raise_on_error=False,
        )
        report(Progress(stage.title, 0, 0, "" if result.success else "failed", is_over=True))
        if result.success:
            return
        messages = [failure_message(event) for event in result.all_events if event.is_step_failure]
        if not tolerant:
            raise AlphaError(f"{stage.title}: {'; '.join(messages) or 'failed'}")
        self.problems.extend(messages)
