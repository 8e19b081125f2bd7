"""Raw assets: one step fetches, judges and stores the bars of every ticker named."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from alpha_pipeline import catalogue
from alpha_pipeline.defs.partitions import TICKERS
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import AlphaError, SourceError, UnknownTickerError
from alpha_pipeline.sources.base import PriceSource
from alpha_pipeline.sources.cboe import make_second_opinion
from alpha_pipeline.steps import progress as steps_progress
from alpha_pipeline.steps.alerts import clock_alerts, notify
from alpha_pipeline.steps.attending import attended
from alpha_pipeline.steps.bar_problems import failure_words
from alpha_pipeline.steps.outcomes import IngestReport, Outcome, reason
from alpha_pipeline.steps.refresh import refresh, said_of_files
from alpha_pipeline.steps.second_opinion import consult
from alpha_pipeline.steps.soundness import make_sound
from alpha_pipeline.universe import HOLDINGS, VIX
from alpha_pipeline.warehouse.market import keep_files, read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import followed

CODE_VERSION = "1"
TABLES = (raw.BARS, raw.ACTIONS, raw.REVISIONS, raw.QUARANTINE, raw.COVERAGE, raw.SECOND_OPINION)
# Half a minute at the default pace.
REQUESTS_BETWEEN_ROUNDS = 60.0
OP = "raw"


class Refreshing(dg.Config):
    """How a refresh treats what it is told: `take_corrections` of many held values at once."""

    take_corrections: bool = False


@dg.multi_asset(
    name=OP,
    # Skippable, because a run in which one ticker failed marks the others one by one.
    specs=[
        dg.AssetSpec(
            t.asset_key,
            kinds={"python", "parquet"},
            code_version=CODE_VERSION,
            skippable=True,
        )
        for t in TABLES
    ],
    partitions_def=TICKERS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # One table can be asked for alone; what the source says fills all of them.
    can_subset=True,
)
def raw_tables(
    context: dg.AssetExecutionContext, config: Refreshing, alpha: AlphaResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Fetch each ticker, keep what can be trusted, and mark exactly those that succeeded."""
    settings, warehouse, source = alpha.settings(), alpha.warehouse(), alpha.source()
    asked, wait_s = context.partition_keys, REQUESTS_BETWEEN_ROUNDS / settings.yahoo_rate
    for words in make_sound(warehouse, catalogue.TABLES, settings.now()):
        context.log.warning(words)
    outcomes: dict[str, Outcome] = {}

    def tell(words: str) -> None:
        context.log.warning(words)
        steps_progress.report(steps_progress.Progress("bars", len(outcomes), len(asked), words, notice=words))

    # Before the refresh mends what it can of it.
    for alert in clock_alerts(warehouse):
        tell(alert.body)
        notify(warehouse, [alert], settings.alerts)
    for ticker, outcome in refresh(
        warehouse,
        source,
        asked,
        through=alpha.through(),
        now=settings.now(),
        wait_s=wait_s,
        take_corrections=config.take_corrections,
        since=settings.since,
        tell=tell,
    ):
        outcomes[ticker] = outcome
        steps_progress.report(steps_progress.Progress("bars", len(outcomes), len(asked), ticker))
        if isinstance(outcome, AlphaError):
            context.log.warning(f"{ticker}: {outcome}")
        else:
            context.log.info(f"[{len(outcomes)}/{len(asked)}] {_in_words(outcome)}")
    failures = {ticker: one for ticker, one in outcomes.items() if isinstance(one, AlphaError)}
    done = [one for one in outcomes.values() if isinstance(one, IngestReport)]
    if done and settings.source == "files" and settings.source_path is not None:
        keep_files(warehouse, settings.source_path)
    for words in _said_of_files(source, warehouse):
        context.log.warning(words)
    filled = _consult(context, alpha, tell)
    selected = [table for table in TABLES if dg.AssetKey(table.asset_key) in context.selected_asset_keys]
    whole = [] if failures else selected
    _mark(context, done, [table for table in TABLES if table not in whole])
    if not failures:
        yield from _results(context, done, whole)
        return
    # A holding that the source does not carry is a gap in the source, not a failure of the day.
    gaps = {t for t, error in failures.items() if isinstance(error, UnknownTickerError) and t in HOLDINGS}
    helped = {VIX} if alpha.through() in filled else set()
    serious = {ticker: error for ticker, error in failures.items() if ticker not in gaps | helped}
    said = failure_words({ticker: reason(ticker, error) for ticker, error in failures.items()}, len(asked))
    context.log.warning(" ".join(said))
    if serious:
        raise dg.Failure(" ".join(said))


def _said_of_files(source: PriceSource, warehouse: Warehouse) -> list[str]:
    """What of the files is not used; nothing where they are gone, which is each ticker's failure."""
    try:
        return said_of_files(source.readings(), followed(warehouse))
    except SourceError:
        return []


def _consult(
    context: dg.AssetExecutionContext, alpha: AlphaResource, tell: Callable[[str], None]
) -> tuple[dt.date, ...]:
    """Ask the second source about ^VIX, also when the first did not answer; it never fails the refresh.

    Returns:
        The sessions that it filled in.
    """
    opinion = make_second_opinion(alpha.settings())
    if VIX not in context.partition_keys or opinion is None or read_market(alpha.warehouse()) is None:
        return ()
    try:
        warehouse, through, now = alpha.warehouse(), alpha.through(), alpha.settings().now()
        (said,) = attended(
            lambda _: consult(warehouse, opinion, through=through, now=now), [VIX], 1, opinion.waits, tell
        )
    except SourceError as error:
        context.log.warning(f"{VIX}: no second opinion. {error}")
        return ()
    filled = ", ".join(map(str, said.filled)) or "none"
    context.log.info(f"{VIX}: {said.disagreements.height} of {said.n_compared} closes differ; filled in: {filled}")
    return said.filled


def _mark(context: dg.AssetExecutionContext, done: list[IngestReport], tables: Sequence[Table]) -> None:
    """Mark tables one by one: of the tickers that succeeded where others failed, or beside the table asked for."""
    for report in done:
        for table in tables:
            # The figures are the bars'.
            metadata = _metadata(report) if table is raw.BARS else None
            context.log_event(dg.AssetMaterialization(table.asset_key, partition=report.ticker, metadata=metadata))


def _results(
    context: dg.AssetExecutionContext, done: list[IngestReport], tables: Sequence[Table]
) -> Iterator[dg.MaterializeResult[None]]:
    if raw.BARS in tables:
        # On the bars alone: Dagster asks its database for the partitions anew at each call.
        for report in done:
            context.add_asset_metadata(_metadata(report), asset_key=raw.BARS.asset_key, partition_key=report.ticker)
    for table in tables:
        yield dg.MaterializeResult(asset_key=table.asset_key)


def _metadata(report: IngestReport) -> dict[str, int | str]:
    return {
        "dagster/partition_row_count": report.n_sessions,
        "n_new": report.n_new,
        "n_quarantined": report.n_quarantined,
        "n_refused": report.n_refused,
        "n_revised": report.n_revised,
        "last_session": str(report.last_session),
        "status": report.status,
        "detail": report.detail or "-",
        "said": report.said or "-",
    }


def _in_words(report: IngestReport) -> str:
    changed = "changed" if report.changed else "unchanged"
    words = f"{report.ticker}: {report.n_sessions} sessions to {report.last_session}, {report.status}, {changed}"
    return f"{words}. {report.said}" if report.said else words
