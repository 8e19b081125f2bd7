"""Runs the stages of a day in this process, through the same assets as the web UI and into the same instance."""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import sleep
from typing import Final, NoReturn, Self

import dagster as dg

from alpha_pipeline import interruption
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.defs import jobs
from alpha_pipeline.defs.alive import bury
from alpha_pipeline.defs.assets.forecasts import EXPERIMENTS_TAG, TRAINED, TRAINING_POOL
from alpha_pipeline.defs.assets.raw import OP
from alpha_pipeline.defs.build import build_defs
from alpha_pipeline.defs.failed_steps import Said, said
from alpha_pipeline.defs.home import open_instance
from alpha_pipeline.defs.membership import experiments, name_for, registered, takes
from alpha_pipeline.defs.partitions import blocks, range_tags, sync_tickers
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.defs.step_progress import StepProgress, n_checks
from alpha_pipeline.errors import AlphaError, DefectError, NotEnoughDataError
from alpha_pipeline.settings import Settings
from alpha_pipeline.steps import plan
from alpha_pipeline.steps.bar_problems import bar_problems, failure_words
from alpha_pipeline.steps.forecasting import EARLY_STAGE, STAGE
from alpha_pipeline.steps.outcomes import Outcome, reason
from alpha_pipeline.steps.progress import Progress, announce, report
from alpha_pipeline.steps.refresh import hearing, wanted
from alpha_pipeline.steps.signals import MODELS as READ_BY_SIGNALS
from alpha_pipeline.steps.signals import sessions_to_signal, stale_sessions
from alpha_pipeline.steps.soundness import make_sound
from alpha_pipeline.steps.trained import is_anything_missing
from alpha_pipeline.steps.training import has_artifacts, require_forecastable
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import followed

# The step's own log goes to the instance; the console belongs to the progress.
_QUIET: Final = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

_SECONDS_BETWEEN_LOOKS: Final = 1.0


@dataclass(frozen=True)
class Stage:
    """One stage of the day: a Dagster run for each range of partitions.

    Attributes:
        title: what its progress is called.
        job: which job.
        assets: which of the job's assets; all when None.
        tags: of its runs, beside the partition range.
        config: of the job's assets.
        trains: whether it waits until no other run trains on the warehouse.
        is_tolerant: whether the day goes on when a step fails.
    """

    title: str
    job: str
    assets: tuple[dg.AssetKey, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    trains: bool = False
    is_tolerant: bool = False


@dataclass(frozen=True)
class Asked:
    """What a person asked for.

    Attributes:
        tickers: all followed when None.
        chosen: experiments by name; all when None.
    """

    tickers: Sequence[str] | None
    chosen: Sequence[str] | None

    @property
    def names(self) -> list[str]:
        """The experiments, in the order of their files."""
        return [name for name in experiments() if self.chosen is None or name in self.chosen]


class Runner:
    """Runs stages against one warehouse.

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
        self.mended = make_sound(self.warehouse, TABLES, settings.now())
        self.problems: list[str] = []
        self.outcomes: dict[str, Outcome] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.instance.dispose()

    def day(
        self,
        tickers: Sequence[str] | None,
        chosen: Sequence[str] | None,
        on_signals: Callable[[], None] = lambda: None,
    ) -> None:
        """Ingest, build, train, forecast, signal, score: everything up to date.

        The experiments that the signals read are trained first. Where others are to be trained after them, the signals
        are made before that.

        Args:
            tickers: the tickers to refresh and forecast; all followed (and the core ones forecast) when None.
            chosen: the experiments; all when None.
            on_signals: called at most once, when the signals are made and what is still to be done takes long: other
                experiments, or the results of a new session. Never without an experiment that they read.

        Raises:
            NotEnoughDataError: the bars held allow no signal; nothing was trained.
            AlphaError: a stage failed; what was finished before stays.
        """
        asked = Asked(tickers, chosen)
        read = [name for name in asked.names if name in READ_BY_SIGNALS]
        others = [name for name in asked.names if name not in READ_BY_SIGNALS]
        sync_tickers(self.instance, self.warehouse)
        refreshed = self._to_refresh(tickers)
        bars = plan.refresh(self.settings, len(refreshed))
        announce((bars, *plan.day(self.warehouse, self._scope(asked, refreshed), self._n_checks)))
        self.ingest(refreshed)
        last = self._to_signal()[-1]  # refused before hours of training that would lead to no signal
        held = self._with_bars(tickers)
        if {*held} != {*refreshed}:
            announce(plan.day(self.warehouse, self._scope(asked, held), self._n_checks))
        self._prepare(held)
        self._learn(read, asked, held)
        is_early = bool(read) and self._is_anything_missing(others, asked, held, last)
        if is_early:
            early = {ticker for one in self._trainings(read, asked, held) for ticker in one.tickers}
            tags = {EXPERIMENTS_TAG: ",".join(read)}
            self._run(Stage(EARLY_STAGE, jobs.PREDICT.name, tags=tags), self._ranges(early))
            self.signals()
            on_signals()
        self._learn(others, asked, held)
        self._forecast(asked, held)
        if self.signals() and read and not is_early:
            on_signals()
        self._run(Stage(plan.RESULTS, jobs.RESULTS.name), [{}])

    def refresh(self, tickers: Sequence[str] | None, *, take_corrections: bool = False) -> None:
        """Refresh bars and nothing else; what became of the tickers is in `outcomes`.

        Args:
            tickers: all followed when None.
            take_corrections: whether corrections of many held values at once are taken over.

        Raises:
            AlphaError: no bars are held of any ticker afterwards.
        """
        sync_tickers(self.instance, self.warehouse)
        asked = self._to_refresh(tickers)
        announce((plan.refresh(self.settings, len(asked)),))
        self.ingest(asked, take_corrections=take_corrections)

    def ingest(self, tickers: Sequence[str], *, take_corrections: bool = False) -> None:
        """Refresh bars; a ticker that fails is noted in `raw.coverage` and the others go on.

        Args:
            tickers: which.
            take_corrections: whether corrections of many held values at once are taken over.

        Raises:
            AlphaError: no bars are held of any ticker afterwards.
        """
        config = {"ops": {OP: {"config": {"take_corrections": take_corrections}}}}
        stage = Stage(plan.BARS, jobs.REFRESH_BARS.name, config=config, is_tolerant=True)
        with hearing(self.outcomes.update):
            self._run(stage, self._ranges(tickers))
        if not self.warehouse.units(BARS):
            reasons = {
                ticker: reason(ticker, one) for ticker, one in self.outcomes.items() if isinstance(one, AlphaError)
            }
            raise AlphaError(" ".join(["No bars were taken.", *failure_words(reasons, len(tickers)), *self.problems]))

    def train(self, tickers: Sequence[str] | None, chosen: Sequence[str] | None) -> None:
        """Features, targets, models and forecasts of the tickers that hold bars.

        Raises:
            NotEnoughDataError: the bars of all of them end before anything is forecast; nothing was trained.
            AlphaError: a stage failed; what was finished before stays.
        """
        asked, held = Asked(tickers, chosen), self._with_bars(tickers)
        require_forecastable(self.warehouse, held)
        sync_tickers(self.instance, self.warehouse)
        announce(plan.training(self.warehouse, self._scope(asked, held)))
        self._prepare(held)
        self._learn(asked.names, asked, held)
        self._forecast(asked, held)

    def untrained(self, tickers: Sequence[str] | None, chosen: Sequence[str] | None) -> list[str]:
        """The experiments that are trained on none of the tickers asked for: their history is too short."""
        asked = Asked(tickers, chosen)
        return [
            one.experiment.name
            for one in self._trainings(asked.names, asked, self._with_bars(tickers))
            if one.tickers and not any(has_artifacts(self.warehouse, one.experiment, t) for t in one.tickers)
        ]

    def signals(self) -> bool:
        """The signals of every session whose forecasts are newer than its signals.

        Returns:
            Whether any was made.

        Raises:
            NotEnoughDataError: there is no session to signal.
        """
        sessions = self._to_signal()
        stale = stale_sessions(self.warehouse, sessions)
        spans = blocks([day.isoformat() for day in sessions], stale)
        self._run(Stage(plan.SIGNALS, jobs.SIGNALS.name), [range_tags(*span) for span in spans])
        return bool(stale)

    def _to_signal(self) -> tuple[dt.date, ...]:
        """The sessions to signal; where no core ticker has bars, what went wrong with them is said too."""
        try:
            return sessions_to_signal(self.warehouse)
        except NotEnoughDataError as error:
            told = [*bar_problems(self.warehouse).failed, *self.problems]
            why = () if set(CORE) & set(self.warehouse.units(BARS)) else told
            raise NotEnoughDataError(" ".join([str(error), *why])) from None

    def _prepare(self, held: Sequence[str]) -> None:
        self._run(Stage(plan.FEATURES, jobs.PREPARE.name), self._ranges(held))

    def _learn(self, names: Sequence[str], asked: Asked, held: Sequence[str]) -> None:
        """Train experiments by the partitions of each; a ticker that was asked for is one of them from now on."""
        for one in self._trainings(names, asked, held):
            name = one.experiment.name
            name_for(self.instance, one.experiment, one.tickers)
            asset = dg.AssetKey(["models", name])
            stage = Stage(plan.train_title(name), jobs.ANY_ASSETS, (asset,), trains=True)
            spans = blocks(registered(self.instance, one.experiment), one.tickers)
            self._run(stage, [range_tags(*span) for span in spans])

    def _forecast(self, asked: Asked, held: Sequence[str]) -> None:
        """Forecast by every experiment; before, where all were trained, say so in the graph if it does not yet."""
        if asked.chosen is None:
            unmarked = set(held) - self.instance.get_materialized_partitions(TRAINED)
            nothing: dict[str, object] = {"ops": {"__".join(TRAINED.path): {"config": {"experiments": []}}}}
            self._run(Stage("trained", jobs.TRAIN.name, config=nothing, trains=True), self._ranges(unmarked))
        self._run(Stage(STAGE, jobs.PREDICT.name), self._ranges(held))

    def _is_anything_missing(self, names: Sequence[str], asked: Asked, held: Sequence[str], last: dt.date) -> bool:
        """Whether experiments have to be trained for sessions up to `last`."""
        return any(
            is_anything_missing(self.warehouse, one.experiment, one.tickers, last, self.settings.profile)
            for one in self._trainings(names, asked, held)
        )

    def _trainings(self, names: Sequence[str], asked: Asked, held: Sequence[str]) -> list[plan.Training]:
        """The tickers that each experiment is trained on, of those held."""
        trainings = []
        for name in names:
            own = takes(self.instance, experiments()[name], asked.tickers, is_chosen=asked.chosen is not None)
            trainings.append(plan.Training(experiments()[name], tuple(ticker for ticker in held if ticker in own)))
        return trainings

    def _scope(self, asked: Asked, held: Sequence[str]) -> plan.Scope:
        """What is planned for, where these tickers hold bars or are about to."""
        trainings = self._trainings(asked.names, asked, held)
        return plan.Scope(trainings, len(held), self.alpha.through(), self.settings.profile)

    @property
    def _n_checks(self) -> int:
        return n_checks(self.definitions.resolve_job_def(jobs.RESULTS.name))

    def _with_bars(self, tickers: Sequence[str] | None) -> list[str]:
        """Of the tickers, all followed when None, those that hold bars."""
        wanted = set(followed(self.warehouse) if tickers is None else tickers)
        return [ticker for ticker in self.warehouse.units(BARS) if ticker in wanted]

    def _ranges(self, tickers: Collection[str]) -> list[dict[str, str]]:
        """The tags of the fewest runs that cover exactly these tickers."""
        keys = sync_tickers(self.instance, self.warehouse)
        return [range_tags(*span) for span in blocks(keys, list(tickers))]

    def _wait_to_train(self, title: str) -> None:
        """Wait while another run trains on this warehouse.

        Dagster would wait for the pool as well, but in a process it spins on a core meanwhile and hears no interrupt.
        """
        storage = self.instance.event_log_storage
        while others := storage.get_concurrency_info(TRAINING_POOL).active_run_ids:
            report(Progress(title, 0, 0, f"waits for run {min(others)[:8]}, which trains on this warehouse"))
            sleep(_SECONDS_BETWEEN_LOOKS)
            bury(self.instance, self.warehouse.root)

    def _to_refresh(self, tickers: Sequence[str] | None) -> list[str]:
        """The tickers named; else the followed ones worth asking for."""
        source = self.alpha.source()
        return wanted(self.warehouse, source) if tickers is None else list(tickers)

    def _run(self, stage: Stage, ranges: Sequence[Mapping[str, str]]) -> None:
        """Run one stage, a run for each range of partitions, and record it in the instance.

        Raises:
            AlphaError: a step failed, unless the stage is tolerant; then what broke it joins `problems`.
        """
        if not ranges:
            return
        problems: list[Said] = []
        for number, tags in enumerate(ranges):
            if stage.trains:
                self._wait_to_train(stage.title)
            job = self.definitions.resolve_job_def(stage.job)
            steps = StepProgress(stage.title, job, stage.assets, (number, len(ranges)))
            problems += self._failures(stage, {**stage.tags, **tags}, steps)
            if problems and not stage.is_tolerant:
                report(Progress(stage.title, 0, 0, "failed", is_over=True))
                words = f"{stage.title}: {'; '.join(dict.fromkeys(one.words for one in problems))}"
                traces = [one.trace for one in problems if one.trace]
                raise DefectError(words, traces[0]) if traces else AlphaError(words)
        report(Progress(stage.title, 0, 0, is_over=True))
        self.problems.extend(one.words for one in problems)

    def _failures(self, stage: Stage, tags: Mapping[str, str], steps: StepProgress) -> list[Said]:
        """Run a stage on one range; what the steps that failed said.

        Of a tolerant stage only what broke a step: the tickers of which it says that they failed are in the warehouse.

        Raises:
            KeyboardInterrupt: somebody asked for the end meanwhile; Dagster takes it for a failure of the step.
        """
        steps.begin()
        self.instance.add_event_listener(steps.run_id, steps.hear)
        result = self.definitions.resolve_job_def(stage.job).execute_in_process(
            instance=self.instance,
            run_id=steps.run_id,
            run_config={**_QUIET, **stage.config},
            tags=tags,
            asset_selection=stage.assets,
            raise_on_error=False,
        )
        if interruption.was_asked():
            self._cancel(steps.run_id)
        if result.success:
            return []
        failed = [event for event in result.all_events if event.is_step_failure]
        told = [
            event for event in failed if stage.is_tolerant and event.step_failure_data.user_failure_data is not None
        ]
        return [said(event) for event in failed if event not in told] or ([] if told else [Said("failed")])

    def _cancel(self, run_id: str) -> NoReturn:
        """Say of a run that somebody ended it: to Dagster one that was interrupted has failed, and that is an alert.

        Raises:
            KeyboardInterrupt: always.
        """
        run = self.instance.get_run_by_id(run_id)
        if run is not None and run.status == dg.DagsterRunStatus.FAILURE:
            self.instance.report_run_canceled(run, "Somebody interrupted the command.")
        raise KeyboardInterrupt
