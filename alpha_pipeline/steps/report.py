"""Writes the daily report beside the tables it shows."""

import datetime as dt

from alpha_pipeline.reports.daily_report import render_html
from alpha_pipeline.steps.card import signal_card
from alpha_pipeline.steps.ingest import final_bars
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import signals
from alpha_pipeline.warehouse.tables.results import LEDGER, SCORES

LATEST = "reports/latest.html"


def daily_report(warehouse: Warehouse, problems: tuple[str, ...] = ()) -> tuple[dt.date, str]:
    """The session of the newest position and its report.

    Args:
        warehouse: with signals; what is missing beside them is said on the page.
        problems: what went wrong on the way, in words.

    Raises:
        NotEnoughDataError: the warehouse holds no position yet.
    """
    card = signal_card(warehouse, problems)
    html = render_html(
        card,
        ledger=warehouse.read(LEDGER),
        regimes=warehouse.read(signals.VIX_REGIME),
        votes=warehouse.read(signals.MAG7_VOTE),
        scores=warehouse.read(SCORES),
        qqq_bars=final_bars(warehouse, ["QQQ"]),
    )
    return card.session, html


def write_report(warehouse: Warehouse, problems: tuple[str, ...] = ()) -> str:
    """Write ``reports/daily_SESSION.html`` and the same as ``reports/latest.html``; returns the path of the first.

    Raises:
        NotEnoughDataError: the warehouse holds no position yet.
    """
    session, html = daily_report(warehouse, problems)
    key = f"reports/daily_{session}.html"
    for name in (key, LATEST):
        warehouse.objects.put(name, html.encode())
    return str(warehouse.objects.path(key))
