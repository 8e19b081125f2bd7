"""Model and forecast assets. Every experiment file is one model asset, without a line of Python."""

import time
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
from pydantic import Field

from alpha_pipeline.datasets.inputs import FeatureInputs
from alpha_pipeline.defs.membership import experiments, partitions_of, registered
from alpha_pipeline.defs.partitions import TICKERS
from alpha_pipeline.defs.policy import asset, code_of, picture
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import PartialFailureError
from alpha_pipeline.features.tables import FEATURE_SETS
from alpha_pipeline.models.architectures import is_shared, is_trained, is_worth_a_worker
from alpha_pipeline.models.spec import PACKAGED, Experiment
from alpha_pipeline.reports import pictures
from alpha_pipeline.steps import progress as steps_progress
from alpha_pipeline.steps.forecasting import EARLY_STAGE, FORECAST_VERSION, STAGE, forecast_tickers
from alpha_pipeline.steps.plan import train_title
from alpha_pipeline.steps.training import train_experiment
from alpha_pipeline.training.artifact import CODE_VERSION, Artifact, Card, EventCard
from alpha_pipeline.training.trainer import Progress, TrainingResult
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.forecasts import DAILY, FORWARD
from alpha_pipeline.warehouse.tables.raw import BARS

if TYPE_CHECKING:
    from alpha_pipeline.forecasting.importance import Importance

SECONDS_BETWEEN_LOG_LINES = 10.0
TRAINING_POOL = "training"
TRAINED = dg.AssetKey(["models", "trained"])
# On a run of the forecasts: the experiments to forecast with, separated by commas, where they are not all.
EXPERIMENTS_TAG = "alpha/experiments"

Metadata = dict[str, float | int | str | dg.MarkdownMetadataValue]


def _inputs(experiment: Experiment) -> list[list[str]]:
    """The assets that an experiment learns from."""
    sets = experiment.inputs.sets if isinstance(experiment.inputs, FeatureInputs) else ()
    return [*([FEATURE_SETS[name].table.asset_key for name in sets] or [BARS.asset_key]), FORWARD.asset_key]


# Names and not text: where Dagster takes text it takes the value of an environment variable too, and what a run says of
# a name that it does not know would show that.
if TYPE_CHECKING:
    ExperimentName = StrEnum
else:
    ExperimentName = StrEnum("ExperimentName", {name: name for name in experiments()})


class Which(dg.Config):
    """Which experiments to train."""

    experiments: list[ExperimentName] | None = Field(default=None, description="By name; all when null.")


@asset(
    key=TRAINED,
    description=(
        "The training of every experiment on one ticker. Making it trains what is missing of each experiment that has "
        "the ticker among its partitions, and marks that experiment's partition; the forecasts follow it."
    ),
    deps=sorted({dg.AssetKey(key) for experiment in experiments().values() for key in _inputs(experiment)}),
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"torch"},
    code_version=CODE_VERSION,
    pool=TRAINING_POOL,
)
def trained(context: dg.AssetExecutionContext, config: Which, alpha: AlphaResource) -> dg.MaterializeResult[None]:
    """Train experiment after experiment; one that fails stops no other."""
    asked, failed = context.partition_keys, dict[str, str]()
    alpha.require_bars(asked)
    for name, experiment in experiments().items():
        due = [ticker for ticker in registered(context.instance, experiment) if ticker in asked]
        if not due or (config.experiments is not None and name not in config.experiments):
            continue
        try:
            for ticker, metadata in _train(context, alpha, experiment, due).items():
                context.log_event(dg.AssetMaterialization(["models", name], partition=ticker, metadata=metadata))
        except Exception as error:  # the other experiments are worth as much
            context.log.exception(f"train {name}")
            failed[name] = str(error)
    if failed:
        raise dg.Failure("; ".join(f"{name}: {why}" for name, why in failed.items()))
    return dg.MaterializeResult(metadata={"tickers": len(asked)})


def model_asset(experiment: Experiment) -> dg.AssetsDefinition:
    """The asset of one experiment: its trained members, one partition per ticker that it trains."""

    @asset(
        key=["models", experiment.name],
        description=experiment.description,
        # After the training of all: what that has made needs no run of its own in a backfill of both.
        deps=[*_inputs(experiment), TRAINED],
        partitions_def=partitions_of(experiment),
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"torch"} if is_trained(experiment.architecture) else {"python"},
        code_version=CODE_VERSION,
        # One training at a time: each one uses every core.
        pool=TRAINING_POOL,
        metadata={
            "experiment": dg.MetadataValue.json(experiment.model_dump(mode="json")),
            **code_of(PACKAGED / f"{experiment.name}.json"),
        },
        # A range may hold tickers that fail: the others are marked one by one.
        output_required=False,
    )
    def train(context: dg.AssetExecutionContext, alpha: AlphaResource) -> Iterator[dg.MaterializeResult[None]]:
        alpha.require_bars(context.partition_keys)
        shown = _train(context, alpha, experiment, context.partition_keys)
        if len(shown) == len(context.partition_keys):
            for ticker, metadata in shown.items():
                context.add_asset_metadata(metadata, partition_key=ticker)
            yield dg.MaterializeResult()
            return
        for ticker, metadata in shown.items():
            context.log_event(dg.AssetMaterialization(context.asset_key, partition=ticker, metadata=metadata))

    return train


def _train(
    context: dg.AssetExecutionContext, alpha: AlphaResource, experiment: Experiment, due: Sequence[str]
) -> dict[str, Metadata]:
    """Train what is missing of an experiment on some tickers; what each trained one shows.

    Raises:
        PartialFailureError: every ticker failed, and not for want of data alone.
    """
    settings, warehouse = alpha.settings(), alpha.warehouse()
    result = train_experiment(
        warehouse,
        experiment,
        due,
        settings.profile,
        device=settings.device,
        progress=_teller(context, experiment.name),
    )
    context.log.info(f"{experiment.name}: {result.n_trained} folds trained, {result.n_found} found trained")
    for card in (artifact.card for artifact in result.artifacts if artifact.card.resets):
        context.log.warning(f"{card.ticker}, fold {card.fold}: training diverged and began anew, more slowly")
    failed = dict(result.failures)
    for ticker, why in failed.items():
        context.log.warning(f"{experiment.name}, {ticker}: {why}")
    # An experiment whose context the source does not carry, sectors for example, is left out and stops nothing.
    if due and len(failed) == len(due) and not result.lacking.issuperset(failed):
        raise PartialFailureError(f"train {experiment.name}", result.failures)
    return _shown(warehouse, experiment, result, [ticker for ticker in due if ticker not in failed])


def _shown(
    warehouse: Warehouse, experiment: Experiment, result: TrainingResult, tickers: Sequence[str]
) -> dict[str, Metadata]:
    """What the partition of each ticker shows; what its newest model makes of its inputs, where it was trained now."""
    # It brings torch, which takes a second and a quarter of a gigabyte that a process without models need not pay for.
    from alpha_pipeline.steps.explain import newest_attention, newest_importance  # noqa: PLC0415

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


def _importance_table(found: "Sequence[Importance]") -> dg.MarkdownMetadataValue:
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


_NONE = dg.SpecificPartitionsPartitionMapping(())


@asset(
    key=DAILY.asset_key,
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # The edges from the experiments are for the reader. No partition hangs on them: Dagster would refuse to forecast a
    # ticker that one of them lacks.
    deps=[TRAINED, *(dg.AssetDep(["models", name], partition_mapping=_NONE) for name in experiments())],
    kinds={"torch", "parquet"},
    code_version=FORECAST_VERSION,
)
def daily_forecasts(context: dg.AssetExecutionContext, alpha: AlphaResource) -> None:
    """Forecast with every experiment that is trained on the ticker, or with those that the run's tag names."""
    settings = alpha.settings()
    alpha.require_bars(context.partition_keys)
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
                "last_session": str(report.last_session or "-"),
            },
            partition_key=ticker,
        )


def assets() -> list[dg.AssetsDefinition]:
    """The training, the model assets and the forecasts made from them."""
    return [trained, *(model_asset(experiment) for experiment in experiments().values()), daily_forecasts]
