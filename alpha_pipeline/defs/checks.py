"""Asset checks: what is wrong with a table, in the words of the person who has to mend it.

Tables are validated before they are written, so a check never guards a write; it shows a state.
"""

import dagster as dg
import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.catalogue import TABLES
from alpha_pipeline.defs.resources import AlphaResource
from alpha_pipeline.errors import DamageError, TableError
from alpha_pipeline.ingestion.coverage import in_words, missing_sessions
from alpha_pipeline.ingestion.second_opinion import TOLERANCE, closes, disagreements
from alpha_pipeline.settings import machine_now
from alpha_pipeline.steps.admission import behind
from alpha_pipeline.steps.ahead import ahead
from alpha_pipeline.steps.disputed import disputed
from alpha_pipeline.universe import VIX
from alpha_pipeline.warehouse.table import Table
from alpha_pipeline.warehouse.tables.forecasts import DAILY
from alpha_pipeline.warehouse.tables.raw import BARS, SECOND_OPINION
from alpha_pipeline.warehouse.tables.signals import QQQ_POSITION
from alpha_pipeline.warehouse.tickers import followed

LOOK_AHEADS_NAMED = 10
DISAGREEMENTS_NAMED = 20
_WARN = dg.AssetCheckSeverity.WARN


def _schema_check(table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=table.asset_key, name="schema", description="Every held row fits the table's schema.")
    def schema(alpha: AlphaResource) -> dg.AssetCheckResult:
        warehouse = alpha.warehouse()
        try:
            held = warehouse.read(table)
        except DamageError as error:
            return dg.AssetCheckResult(passed=False, metadata={"rows": 0, "wrong": str(error)})
        # All units at once is fast; only a table that fails is searched for the units to blame.
        wrong = _refusals(table, held, "every unit")
        if wrong:
            units = warehouse.units(table)
            wrong = [
                words for unit in units for words in _refusals(table, warehouse.read(table, [unit]), unit)
            ] or wrong
        return dg.AssetCheckResult(passed=not wrong, metadata={"rows": held.height, "wrong": "; ".join(wrong) or "-"})

    return schema


def _refusals(table: Table, rows: pl.DataFrame, unit: str) -> list[str]:
    try:
        table.validate(rows, unit)
    except TableError as error:
        return [str(error)]
    return []


@dg.asset_check(asset=BARS.asset_key, description="No followed ticker misses a session since its first.")
def complete(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Names each ticker with gaps and every missing session.

    A session that no ticker holds is named apart and fails nothing: the exchange did not open, or the source has not
    closed its day.
    """
    warehouse, through = alpha.warehouse(), alpha.through()
    bars = warehouse.read(BARS, followed(warehouse), columns=["ticker", "session", "is_final"]).filter("is_final")
    held = {str(ticker): set(rows["session"]) for (ticker,), rows in bars.group_by("ticker", maintain_order=True)}
    nobodys = set(missing_sessions(set(bars["session"]), through))
    gaps = {ticker: set(missing_sessions(days, through)) - nobodys for ticker, days in held.items()}
    words = [f"{ticker}: {in_words(sorted(missing))}" for ticker, missing in gaps.items() if missing]
    return dg.AssetCheckResult(
        passed=not words,
        metadata={
            "tickers": len(held),
            "missing": "; ".join(words) or "-",
            "held_by_none": in_words(sorted(nobodys)) or "-",
        },
    )


@dg.asset_check(asset=BARS.asset_key, description="Every core or added ticker holds the last closed session.")
def fresh(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Names each ticker that is behind."""
    through = alpha.through()
    late = behind(alpha.warehouse(), through)
    words = [f"{ticker}: {last or 'no bars'}" for ticker, last in late.items()]
    return dg.AssetCheckResult(
        passed=not words,
        severity=_WARN,
        metadata={"last_closed_session": str(through), "behind": "; ".join(words) or "-"},
    )


@dg.asset_check(asset=BARS.asset_key, description="No answer of the source contradicts the bars that are held.")
def undisputed(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Names each ticker, the share of its bars that an answer would rewrite, and two values side by side."""
    found = disputed(alpha.warehouse())
    words = " ".join(one.words for one in found)
    return dg.AssetCheckResult(
        passed=not found, metadata={"tickers": len({one.ticker for one in found}), "set_aside": words or "-"}
    )


@dg.asset_check(asset=BARS.asset_key, description="No time of fetching or making lies after this machine's clock.")
def past(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Names table, units, how many rows and the latest time."""
    found = ahead(alpha.warehouse(), machine_now())
    words = " ".join(one.words for one in found)
    return dg.AssetCheckResult(
        passed=not found,
        severity=_WARN,
        metadata={"rows": sum(one.n_rows for one in found), "to_come": words or "-"},
    )


@dg.asset_check(asset=BARS.asset_key, description=f"The closes of {VIX} agree with CBOE's to {TOLERANCE:.1%}.")
def vix_agrees(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Shows both closes of each session on which they disagree, the newest first."""
    warehouse = alpha.warehouse()
    opinion = warehouse.read(SECOND_OPINION, [VIX])
    if opinion.is_empty():
        return dg.AssetCheckResult(passed=True, severity=_WARN, metadata={"compared": "no second opinion"})
    bars = warehouse.read(BARS, [VIX])
    apart = disagreements(bars, opinion)
    named = apart.reverse().head(DISAGREEMENTS_NAMED).iter_rows()
    words = [f"{day}: {close:.2f}, CBOE {theirs:.2f} ({by:+.2%})" for day, close, theirs, by in named]
    return dg.AssetCheckResult(
        passed=apart.is_empty(),
        severity=_WARN,
        metadata={
            "compared": closes(bars, opinion).height,
            "disagreements": apart.height,
            "newest": "; ".join(words) or "-",
        },
    )


@dg.asset_check(asset=DAILY.asset_key, description="Every forecast was made by a model whose labels were known before.")
def no_look_ahead(alpha: AlphaResource) -> dg.AssetCheckResult:
    """A label of session t at horizon h is known at t+1+h; that must lie before the session forecast."""
    forecasts = alpha.warehouse().read(DAILY, columns=["session", "horizon", "trained_through", "model", "ticker"])
    place = {day: number for number, day in enumerate(calendar.all_sessions())}
    known = pl.col("trained_through").replace_strict(place, return_dtype=pl.Int64) + 1 + pl.col("horizon")
    early = forecasts.filter(known >= pl.col("session").replace_strict(place, return_dtype=pl.Int64))
    named = early.select("ticker", "model", "session", "horizon").head(LOOK_AHEADS_NAMED)
    words = [f"{ticker} by {model}: {day} at horizon {horizon}" for ticker, model, day, horizon in named.iter_rows()]
    return dg.AssetCheckResult(
        passed=early.is_empty(),
        metadata={"forecasts": forecasts.height, "too_early": early.height, "first": "; ".join(words) or "-"},
    )


@dg.asset_check(asset=QQQ_POSITION.asset_key, description="The newest position was decided on complete data.")
def decided(alpha: AlphaResource) -> dg.AssetCheckResult:
    """Fails when the newest position abstains, with its reason."""
    newest = alpha.warehouse().read(QQQ_POSITION).tail(1)
    reason = newest.get_column("reason")[0] if newest.height else "no position yet"
    passed = newest.height > 0 and not reason.startswith("abstains")
    return dg.AssetCheckResult(passed=passed, severity=_WARN, metadata={"reason": reason})


CHECKS = [
    *(_schema_check(table) for table in TABLES),
    complete,
    fresh,
    undisputed,
    past,
    vix_agrees,
    no_look_ahead,
    decided,
]
