"""Model and forecast assets. Every experiment file is one model asset, without a line of Python."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

import dagster as dg
import polars as pl

from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.defs.partitions import TICKERS
from alpha_pipeline.defs.policy import OWNERS, column_schema, picture
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import PartialFailureError
from alpha_pipeline.features.tables import FEATURE_SETS
from alpha_pipeline.forecasting.importance import Importance
from alpha_pipeline.models.architectures import is_shared, is_trained, is_worth_a_worker
from alpha_pipeline.models.spec import Experiment, load_experiments
from alpha_pipeline.reports import pictures
from alpha_pipeline.steps import progress as steps_progress
from alpha_pipeline.steps.explain import newest_attention, newest_importance
from alpha_pipeline.steps.forecasting import EARLY_STAGE, FORECAST_VERSION, STAGE, forecast_tickers
from alpha_pipeline.steps.plan import train_title
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.training.artifact import CODE_VERSION, Artifact, Card, EventCard
from alpha_pipeline.training.trainer import Progress, TrainingResult
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.raw import BARS
from alpha_pipeline.warehouse.tickers import added

SECONDS_BETWEEN_LOG_LINES = 10.0
TRAINING_POOL = "training"
# On a run of the forecasts: the experiments to forecast with, separated by commas, where they are not all.
EXPERIMENTS_TAG = "alpha/experiments"

Metadata = dict[str, float | int | str | dg.MarkdownMetadataValue]


@cache
def experiments() -> Mapping[str, Experiment]:
    """The packaged experiments, read once per process."""
    return load_experiments()


def forecast_by_default(warehouse: Warehouse) -> set[str]:
    """The tickers to forecast unless others are named: the core ones, the experiments' own and those a person added."""
    own = {ticker for experiment in experiments().values() for ticker in experiment.tickers}
    return {*CORE, *own, *added(warehouse)}


def model_asset(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one experiment: its trained members, one partition per ticker."""
    sets = experiment.inputs.sets if isinstance(experiment.inputs, FeatureInputs) else ()
    inputs = [FEATURE_SETS[name].table.asset_key for name in sets] or [BARS.asset_key]

    @dg.asset(
        key=["models", experiment.name],
        description=experiment.description,
        deps=[*inputs, FORWARD.asset_key],
        partitions_def=TICKERS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"torch"} if is_trained(experiment.architecture) else {"python"},
        owners=OWNERS,
        code_version=CODE_VERSION,
        group_name="models",
        # One training at a time: each one uses every core.
        pool=TRAINING_POOL,
        metadata={"experiment": dg.MetadataValue.json(experiment.model_dump(mode="json"))},
        # A range may hold tickers that are not this experiment's, or that fail: the others are marked one by one.
        output_required=False,
    )
    def train(context: dg.AssetExecutionContext, alpha: AlphaResource) -> Iterator[dg.MaterializeResult[None]]:
        settings = alpha.settings()
        due = _due(experiment, context.partition_keys, alpha)
        result = train_experiment(
            alpha.warehouse(),
            experiment,
            due,
            settings.profile,
            device=settings.device,
            progress=_teller(context, experiment.name),
        )
        context.log.info(f"{result.n_trained} folds trained, {result.n_found} found trained")
        for card in (artifact.card for artifact in result.artifacts if artifact.card.resets):
            context.log.warning(f"{card.ticker}, fold {card.fold}: training diverged and began anew, more slowly")
        failed = dict(result.failures)
        for ticker, why in failed.items():
            context.log.warning(f"{ticker}: {why}")
        # An experiment whose context the source does not carry, sectors for example, is left out and stops nothing.
        if due and len(failed) == len(due) and not result.lacking.issuperset(failed):
            raise PartialFailureError(f"train {experiment.name}", result.failures)
        trained = _shown(alpha.warehouse(), experiment, result, [ticker for ticker in due if ticker not in failed])
        if len(trained) == len(context.partition_keys):
            for ticker, metadata in trained.items():
                context.add_asset_metadata(metadata, partition_key=ticker)
            yield dg.MaterializeResult()
            return
        for ticker, metadata in trained.items():
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=ticker, metadata=metadata))

    return train


def _due(experiment: Experiment, asked: Sequence[str], alpha: AlphaResource) -> list[str]:
    """Of a range, the experiment's own tickers and those that a person added; a ticker named alone, whatever it is."""
    newcomers = added(alpha.warehouse())
    # Alone, a newcomer comes from the sensor for new tickers, and only joins those that it may.
    if len(asked) == 1 and (experiment.joins_added or asked[0] not in newcomers):
        return list(asked)
    wanted = {*experiment.tickers, *(newcomers if experiment.joins_added else ())}
    return [ticker for ticker in asked if ticker in wanted]


def _shown(
    warehouse: Warehouse, experiment: Experiment, result: TrainingResult, tickers: Sequence[str]
) -> dict[str, Metadata]:
    """What the partition of each ticker shows; what its newest model makes of its inputs, where it was trained now."""
    shown: dict[str, Metadata] = {}
    looked: pl.DataFrame | None = None
    for ticker in tickers:
        own = [artifact for artifact in result.artifacts if artifact.card.is_of(ticker)]
        shown[ticker] = _metadata(own, experiment)
        newest = _newest(own)
        if newest.model_id not in result.trained_ids:
            continue
        learners = [one.card for one in own if one.card.fold == newest.fold and one.card.validation_curve]
        if learners:
            shown[ticker]["loss_curves"] = picture(pictures.learning(learners))
        if is_shared(experiment.architecture):
            looked = newest_attention(warehouse, experiment, own) if looked is None else looked
            shown[ticker]["looked_at"] = _looked_at_table(looked, ticker)
        # The importance of a closed form would cost more than its training.
        elif is_worth_a_worker(experiment.architecture):
            shown[ticker]["importance"] = _importance_table(newest_importance(warehouse, experiment, own))
    return shown


def _newest(artifacts: list[Artifact]) -> Card:
    return max(artifacts, key=lambda artifact: artifact.card.fold).card


def _metadata(artifacts: list[Artifact], experiment: Experiment) -> Metadata:
    newest = _newest(artifacts)
    shown: Metadata = {
        "folds": len({artifact.card.fold for artifact in artifacts}),
        "seeds": len({artifact.card.seed for artifact in artifacts}),
        "validation_loss": newest.validation_loss,
        "baseline_loss": newest.baseline_loss,
        "epochs": newest.epochs,
        "resets": sum(artifact.card.resets for artifact in artifacts),
        "trained_through": str(newest.trained_through),
        "model_id": newest.model_id,
    }
    if newest.event is not None:
        shown["event"] = _event_table(newest.event, experiment.target.horizons)
    return shown


def _importance_table(found: Sequence[Importance]) -> dg.MarkdownMetadataValue:
    """Group, loss increase over the newest fold's validation slice in nats, and its standard error."""
    rows = [f"| {one.group} | {one.increase:+.4f} | {one.standard_error:.4f} |" for one in found]
    head = ["| group | loss increase when permuted (nats) | standard error |", "|---|---:|---:|"]
    return dg.MetadataValue.md("\n".join([*head, *rows]))


def _looked_at_table(looked: pl.DataFrame, ticker: str) -> dg.MarkdownMetadataValue:
    """The tickers that a ticker's forecasts looked at most, itself among them, and their shares of its attention."""
    most = looked.filter(ticker=ticker).sort("weight", "looked_at", descending=[True, False]).head(10)
    rows = [f"| {name} | {weight:.1%} |" for name, weight in most.select("looked_at", "weight").iter_rows()]
    return dg.MetadataValue.md("\n".join(["| looked at | attention |", "|---|---:|", *rows]))


def _event_table(said: EventCard, horizons: Sequence[int]) -> dg.MarkdownMetadataValue:
    """What the newest fold's validation slice said about the event, a column per horizon; a dash where nothing."""
    lines = {
        "precision": said.precisions,
        "recall": said.recalls,
        "coverage": said.coverages,
        "base rate": said.base_rates,
        "threshold": said.thresholds,
    }
    rows = [
        f"| {name} | {' | '.join('-' if value is None else f'{value:.3f}' for value in values)} |"
        for name, values in lines.items()
    ]
    head = [f"| {said.kind} | {' | '.join(f'horizon {n}' for n in horizons)} |", f"|---{'|---:' * len(horizons)}|"]
    return dg.MetadataValue.md("\n".join([*head, *rows]))


def _teller(context: dg.AssetExecutionContext, name: str) -> Callable[[Progress], None]:
    """Tells the watcher of every fold, and the run's log now and then."""
    last = time.monotonic()

    def tell(progress: Progress) -> None:
        nonlocal last
        words = f"{progress.ticker} fold {progress.fold}, loss {progress.loss:.4f}"
        if progress.samples_per_second:
            words += f", {progress.samples_per_second:,.0f} samples/s"
        steps_progress.report(
            steps_progress.Progress(train_title(name), progress.done, progress.total, words, found=progress.found)
        )
        if progress.seconds_left:
            words += f", {_in_words(progress.seconds_left)} left"
        if time.monotonic() - last > SECONDS_BETWEEN_LOG_LINES or progress.done == progress.total:
            last = time.monotonic()
            context.log.info(f"[{progress.done}/{progress.total}] {words}")

    return tell


def _in_words(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


@dg.asset(
    key=DAILY.asset_key,
    description=DAILY.description,
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[["models", name] for name in experiments()],
    kinds={"torch", "parquet"},
    owners=OWNERS,
    code_version=FORECAST_VERSION,
    group_name="forecasts",
    metadata={"dagster/column_schema": column_schema(DAILY)},
)
def daily_forecasts(context: dg.AssetExecutionContext, alpha: AlphaResource) -> None:
    """Forecast with every experiment that is trained on the ticker, or with those that the run's tag names."""
    settings = alpha.settings()
    named = context.run.tags.get(EXPERIMENTS_TAG)
    reports = forecast_tickers(
        alpha.warehouse(),
        [one for name, one in experiments().items() if named is None or name in named.split(",")],
        context.partition_keys,
        settings.profile,
        settings.now(),
        STAGE if named is None else EARLY_STAGE,
    )
    for ticker, report in reports.items():
        context.log.info(f"{ticker}: {report.n_rows} forecasts by {', '.join(report.models) or 'no model'}")
        context.add_asset_metadata(
            {
                "dagster/partition_row_count": report.n_rows,
                "models": ", ".join(report.models),
                "n_live": report.n_live,
                "last_session": str(report.last_session),
            },
            partition_key=ticker,
        )


def assets() -> list[dg.AssetsDefinition]:
    """The model assets and the forecasts made from them."""
    return [*(model_asset(experiment) for experiment in experiments().values()), daily_forecasts]
