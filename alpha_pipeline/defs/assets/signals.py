"""Signal assets, one partition per XNYS session; many sessions are one run."""

import datetime as dt
from collections.abc import Callable, Sequence

import dagster as dg
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.defs.partitions import SESSIONS
from alpha_pipeline.defs.policy import asset, code_of
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import NotEnoughDataError
from alpha_pipeline.reports.run_card import digest, render_markdown
from alpha_pipeline.steps import signals as steps
from alpha_pipeline.steps.run_card import run_card
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables import signals as tables
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS

Write = Callable[[Warehouse, Sequence[dt.date]], pl.DataFrame]
Summary = Callable[[Warehouse, dt.date], dict[str, dg.MetadataValue]]
CODE_VERSION = "1"
# Dagster searches the whole range for each: enough for the plots of the web UI, not for nine years at once.
SESSIONS_WITH_METADATA = 250


def _session_asset(
    table: Table,
    write: Write,
    plots: Sequence[str],
    deps: list[dg.AssetDep],
    summary: Summary = lambda _warehouse, _session: {},
) -> dg.AssetsDefinition:
    """An asset that fills one signal table for every session named.

    Args:
        table: the table.
        write: fills it and returns the rows written.
        plots: columns shown as metadata of each session: numbers plot in the web UI.
        deps: what it is made from.
        summary: further metadata of the newest session.
    """

    @asset(
        key=table.asset_key,
        deps=deps,
        partitions_def=SESSIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"polars", "parquet"},
        code_version=CODE_VERSION,
        metadata=code_of(write),
    )
    def fill(context: dg.AssetExecutionContext, alpha: AlphaResource) -> None:
        asked = [dt.date.fromisoformat(key) for key in context.partition_keys]
        _refuse_open_sessions(asked, alpha.settings().now())
        ready, lacking = _with_bars(alpha.warehouse(), asked)
        rows = write(alpha.warehouse(), ready)
        context.log.info(f"{table.name}: {rows.height} rows for {len(ready)} session(s)")
        if lacking:
            context.log.warning(f"{table.name}: {lacking}")
        counts = dict(rows.group_by("session").len().iter_rows())
        firsts = {row["session"]: row for row in rows.unique("session", keep="first").iter_rows(named=True)}
        for session in asked[-SESSIONS_WITH_METADATA:]:
            shown = {name: firsts[session][name] for name in plots} if session in firsts else {}
            context.add_asset_metadata(
                {"dagster/partition_row_count": counts.get(session, 0)}
                | {name: "-" if value == "" else value for name, value in shown.items() if value is not None}
                | ({"made": f"nothing: {lacking}"} if session not in ready else {})
                | (summary(alpha.warehouse(), session) if session == max(ready) else {}),
                partition_key=session.isoformat(),
            )

    return fill


def _run_card(warehouse: Warehouse, session: dt.date) -> dict[str, dg.MetadataValue]:
    """The run card of the position, in short."""
    card = run_card(warehouse, session=session)
    return {
        "run_card_digest": dg.MetadataValue.text(digest(card)),
        "run_card": dg.MetadataValue.md(render_markdown(card)),
    }


def _refuse_open_sessions(asked: Sequence[dt.date], now: dt.datetime) -> None:
    last = calendar.last_closed(now)
    early = [session for session in asked if session > last]
    if early:
        raise NotEnoughDataError(f"{early[0]} has not closed yet; the last closed session is {last}.")


def _with_bars(warehouse: Warehouse, asked: Sequence[dt.date]) -> tuple[list[dt.date], str]:
    """The sessions asked for up to the last bar, and what is said of those after it.

    Raises:
        NotEnoughDataError: no session asked for has bars yet.
    """
    last = steps.last_bar(warehouse)
    ready = [session for session in asked if last is not None and session <= last]
    if len(ready) == len(asked):
        return ready, ""
    until = "none of the core tickers has any" if last is None else f"those held end on {last}"
    words = f"{asked[len(ready)]} has no bars yet: {until}. Nothing is made of it; refresh the bars first."
    if not ready:
        raise NotEnoughDataError(words)
    return ready, words


_FORECASTS = dg.AssetDep(DAILY.asset_key, partition_mapping=dg.AllPartitionMapping())
_BARS = dg.AssetDep(BARS.asset_key, partition_mapping=dg.AllPartitionMapping())

ASSETS = [
    _session_asset(tables.MAG7_BALLOTS, steps.write_ballots, [], [_FORECASTS]),
    _session_asset(
        tables.MAG7_VOTE,
        steps.write_vote,
        ["n_bull", "n_voting", "signal", "missing"],
        [dg.AssetDep(tables.MAG7_BALLOTS.asset_key)],
    ),
    _session_asset(tables.SECTOR_RANKS, steps.write_ranks, [], [_FORECASTS]),
    _session_asset(
        tables.SECTOR_ROTATION,
        steps.write_rotation,
        ["pick", "qqq_allowed", "is_rebalance"],
        [dg.AssetDep(tables.SECTOR_RANKS.asset_key)],
    ),
    _session_asset(
        tables.VIX_REGIME,
        steps.write_regime,
        ["expected_change", "prob_spike", "regime", "exit_longs", "size_multiplier"],
        [_FORECASTS, _BARS],
    ),
    _session_asset(
        tables.QQQ_POSITION,
        steps.write_position,
        ["target_weight", "reason"],
        [
            dg.AssetDep(tables.MAG7_VOTE.asset_key),
            dg.AssetDep(tables.SECTOR_ROTATION.asset_key),
            dg.AssetDep(tables.VIX_REGIME.asset_key),
        ],
        _run_card,
    ),
]
