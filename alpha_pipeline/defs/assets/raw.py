"""Raw assets: one step fetches, judges and stores the bars of every ticker named."""

import random
from collections.abc import Iterator, Mapping

import dagster as dg

from alpha_pipeline.defs.partitions import TICKERS
from alpha_pipeline.defs.policy import OWNERS, column_schema
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import AlphaError, CoolingError, SourceError, UnknownTickerError
from alpha_pipeline.sources.cboe import make_second_opinion
from alpha_pipeline.steps import progress as steps_progress
from alpha_pipeline.steps.ingest import FIRST_BAR, IngestReport, ingest_tickers, record_failure
from alpha_pipeline.steps.second_opinion import consult
from alpha_pipeline.universe import HOLDINGS, VIX
from alpha_pipeline.warehouse.tables import raw

CODE_VERSION = "1"
TABLES = (raw.BARS, raw.ACTIONS, raw.REVISIONS, raw.QUARANTINE, raw.COVERAGE, raw.SECOND_OPINION)
RETRY_WAIT_S = 30.0
LATE_RETRIES = 2


@dg.multi_asset(
    name="raw",
    # Skippable, because a run in which one ticker failed marks the others one by one.
    specs=[
        dg.AssetSpec(
            t.asset_key,
            description=t.description,
            kinds={"python", "parquet"},
            owners=OWNERS,
            code_version=CODE_VERSION,
            group_name="raw",
            metadata={"dagster/column_schema": column_schema(t)},
            skippable=True,
        )
        for t in TABLES
    ],
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def raw_tables(context: dg.AssetExecutionContext, alpha: AlphaResource) -> Iterator[dg.MaterializeResult[None]]:
    """Fetch each ticker, keep what can be trusted, and mark exactly those that succeeded."""
    warehouse, source, now = alpha.warehouse(), alpha.source(), alpha.settings().now()
    asked, through = context.partition_keys, alpha.through()
    done: list[IngestReport] = []
    failures: dict[str, AlphaError] = {}
    outcomes = ingest_tickers(warehouse, source, asked, first=FIRST_BAR, through=through, now=now)
    for number, (ticker, outcome) in enumerate(outcomes, start=1):
        steps_progress.report(steps_progress.Progress("bars", number, len(asked), ticker))
        if isinstance(outcome, AlphaError):
            record_failure(warehouse, ticker, str(outcome))
            failures[ticker] = outcome
            context.log.warning(f"{ticker}: {outcome}")
        else:
            done.append(outcome)
            context.log.info(f"[{number}/{len(asked)}] {_in_words(outcome)}")
    _consult(context, alpha)
    late = [report.ticker for report in done if report.last_session != through]
    if source.kind == "yahoo" and late and len(late) < len(done) and context.retry_number < LATE_RETRIES:
        # Others have the session, so the exchange was open: these come in a while. The next run asks again anyway.
        raise dg.RetryRequested(max_retries=LATE_RETRIES, seconds_to_wait=_pause(context, failures))
    if not failures:
        yield from _results(context, done)
        return
    for report in done:
        for table in TABLES:
            # The figures are the bars'.
            metadata = _metadata(report) if table is raw.BARS else None
            context.log_event(dg.AssetMaterialization(table.asset_key, partition=report.ticker, metadata=metadata))
    # A holding that the source does not carry is a gap in the source, not a failure of the day.
    serious = {t: e for t, e in failures.items() if not (isinstance(e, UnknownTickerError) and t in HOLDINGS)}
    if serious and source.kind == "yahoo" and any(isinstance(error, SourceError) for error in serious.values()):
        # The network may be better in a minute; what succeeded is found unchanged then.
        raise dg.RetryRequested(max_retries=2, seconds_to_wait=_pause(context, failures))
    if serious:
        raise dg.Failure("; ".join(f"{ticker}: {error}" for ticker, error in serious.items()))


def _consult(context: dg.AssetExecutionContext, alpha: AlphaResource) -> None:
    """Ask the second source about ^VIX, also when the first did not answer; it never fails the refresh."""
    opinion = make_second_opinion(alpha.settings())
    if VIX not in context.partition_keys or opinion is None:
        return
    try:
        said = consult(alpha.warehouse(), opinion, through=alpha.through(), now=alpha.settings().now())
    except SourceError as error:
        context.log.warning(f"{VIX}: no second opinion. {error}")
    else:
        filled = ", ".join(map(str, said.filled)) or "none"
        context.log.info(f"{VIX}: {said.disagreements.height} of {said.n_compared} closes differ; filled in: {filled}")


def _pause(context: dg.AssetExecutionContext, failures: Mapping[str, AlphaError]) -> float:
    """Seconds until the next attempt: doubling, with jitter, and not before a cooling period is over."""
    cooling = max((error.seconds for error in failures.values() if isinstance(error, CoolingError)), default=0.0)
    return cooling + RETRY_WAIT_S * 2**context.retry_number * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


def _results(context: dg.AssetExecutionContext, done: list[IngestReport]) -> Iterator[dg.MaterializeResult[None]]:
    # On the bars alone: Dagster asks its database for the partitions anew at each call.
    for report in done:
        context.add_asset_metadata(_metadata(report), asset_key=raw.BARS.asset_key, partition_key=report.ticker)
    for table in TABLES:
        yield dg.MaterializeResult(asset_key=table.asset_key)


def _metadata(report: IngestReport) -> dict[str, int | str]:
    return {
        "dagster/partition_row_count": report.n_sessions,
        "n_quarantined": report.n_quarantined,
        "n_revised": report.n_revised,
        "last_session": str(report.last_session),
        "status": report.status,
        "detail": report.detail or "-",
    }


def _in_words(report: IngestReport) -> str:
    changed = "changed" if report.changed else "unchanged"
    return f"{report.ticker}: {report.n_sessions} sessions to {report.last_session}, {report.status}, {changed}"
