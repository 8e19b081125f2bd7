"""Writes the brief and the tear sheet beside the tables they show."""

import datetime as dt
import re
from typing import Final

import polars as pl

from alpha_pipeline.models.spec import load_experiments
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.steps.bars import final_bars
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.universe import HOLDINGS
from alpha_pipeline.warehouse.store import Warehouse, span
from alpha_pipeline.warehouse.tables import audit, proof, raw, results, signals

FOLDER: Final = "reports"
LATEST: Final = f"{FOLDER}/latest.html"
LATEST_BRIEF: Final = f"{FOLDER}/latest_brief.html"
_OF_A_SESSION: Final = re.compile(rf"{FOLDER}/(?:daily|brief)_(\d{{4}}-\d{{2}}-\d{{2}})\.html")


def gather(warehouse: Warehouse, problems: tuple[str, ...] = ()) -> Evidence:
    """What the newest session's report shows.

    Args:
        warehouse: with signals; what is missing beside them is said on the page.
        problems: what went wrong on the way, in words.

    Raises:
        NotEnoughDataError: the warehouse holds no position yet.
    """
    held = warehouse.read(raw.BARS, columns=["ticker", "session", "is_final"])
    return Evidence(
        signal_card(warehouse, problems),
        positions=warehouse.read(signals.QQQ_POSITION),
        votes=warehouse.read(signals.MAG7_VOTE),
        ballots=warehouse.read(signals.MAG7_BALLOTS),
        ranks=warehouse.read(signals.SECTOR_RANKS),
        rotation=warehouse.read(signals.SECTOR_ROTATION),
        regimes=warehouse.read(signals.VIX_REGIME),
        qqq_bars=final_bars(warehouse, ["QQQ"]),
        ledger=warehouse.read(results.LEDGER),
        scores=warehouse.read(results.SCORES),
        reliability=warehouse.read(results.RELIABILITY),
        decay=warehouse.read(results.DECAY),
        folds=warehouse.read(results.FOLDS),
        comparisons=warehouse.read(proof.COMPARISONS),
        records=warehouse.read(proof.RECORDS),
        lead_lag=warehouse.read(proof.LEAD_LAG),
        luck=warehouse.read(proof.LUCK),
        n_trials=warehouse.read(proof.TRIALS, columns=["trial_id"]).height,
        audit=warehouse.read(audit.AUDIT),
        held=held.filter(pl.col("is_final")).select("ticker", "session"),
        coverage=warehouse.read(raw.COVERAGE),
        revisions=warehouse.read(raw.REVISIONS),
        quarantine=warehouse.read(raw.QUARANTINE),
        survivor_biased=_survivor_biased(),
    )


def _survivor_biased() -> frozenset[str]:
    """The experiments on today's holdings: their past is that of those who are still there."""
    return frozenset(name for name, one in load_experiments().items() if set(one.tickers) & set(HOLDINGS))


def write_report(warehouse: Warehouse, kept: int | None, problems: tuple[str, ...] = ()) -> str:
    """Write the tear sheet and the brief, by session and as the latest; returns the path of the tear sheet.

    They are ``reports/daily_SESSION.html``, ``reports/brief_SESSION.html`` and the same as ``LATEST`` and
    ``LATEST_BRIEF``. Those of sessions before the newest `kept` are deleted afterwards.

    Args:
        warehouse: with signals.
        kept: sessions whose pages stay, at least 1; None keeps all.
        problems: what went wrong on the way, in words.

    Raises:
        NotEnoughDataError: the warehouse holds no position yet.
    """
    # Matplotlib takes half a second to import, and every process that loads the graph would wait for it.
    from alpha_pipeline.reports.daily_report import render_both  # noqa: PLC0415

    evidence = gather(warehouse, problems)
    session = evidence.card.session
    key = _tear_sheet(session)
    tear_sheet, brief = render_both(evidence)
    for names, html in (((key, LATEST), tear_sheet), ((f"{FOLDER}/brief_{session}.html", LATEST_BRIEF), brief)):
        for name in names:
            warehouse.objects.put(name, html.encode())
    if kept is not None:
        _forget(warehouse, session, kept)
    return str(warehouse.objects.path(key))


def find_report(warehouse: Warehouse) -> str | None:
    """The path of the tear sheet of the newest position; None before it is written."""
    newest = span(warehouse.read(signals.QQQ_POSITION, warehouse.newest(signals.QQQ_POSITION), columns=["session"]))
    if newest is None or warehouse.objects.get(_tear_sheet(newest[1])) is None:
        return None
    return str(warehouse.objects.path(_tear_sheet(newest[1])))


def _tear_sheet(session: dt.date) -> str:
    return f"{FOLDER}/daily_{session}.html"


def _forget(warehouse: Warehouse, written: dt.date, kept: int) -> None:
    """Delete the pages of all but the newest sessions; those just written stay, also of a past session.

    Only names that this module gives are touched: another file in the folder is a person's own.
    """
    named = {key: found[1] for key in warehouse.objects.list(FOLDER) if (found := _OF_A_SESSION.fullmatch(key))}
    stay = {*sorted(set(named.values()), reverse=True)[:kept], str(written)}
    for key, session in named.items():
        if session not in stay:
            warehouse.objects.delete(key)
