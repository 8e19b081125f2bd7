"""Which alerts a warehouse calls for, and sending each of them once."""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from alpha_pipeline import sessions as calendar
from alpha_pipeline.alerts import Alert, check, former_names, send
from alpha_pipeline.settings import machine_now
from alpha_pipeline.steps.admission import behind
from alpha_pipeline.steps.ahead import ahead
from alpha_pipeline.steps.bar_problems import SESSIONS_TO_HINT, bar_problems
from alpha_pipeline.steps.disputed import disputed
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.state import StateError, read_state
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.audit import AUDIT
from alpha_pipeline.warehouse.tables.signals import VIX_REGIME

logger = logging.getLogger(__name__)

KEY = "alerts/sent.json"
_FIX: Final = "It says which alerts were sent; `alpha doctor --mend` sets it aside, and some may be sent again."
KEPT = 500
LONGEST_ERROR = 500


@dataclass(frozen=True)
class Failure:
    """A run that failed.

    Attributes:
        job: the job's name.
        run_id: the run's id in Dagster, or another name that no second run has.
        error: what it said.
    """

    job: str
    run_id: str
    error: str


@dataclass(frozen=True)
class Owed:
    """An alert and the services that have still to take it.

    Attributes:
        alert: what is to be said.
        services: their names.
        is_new: whether the log has it not yet.
    """

    alert: Alert
    services: tuple[str, ...]
    is_new: bool = False


def due_alerts(warehouse: Warehouse, through: dt.date, failures: Sequence[Failure] = ()) -> list[Alert]:
    """Everything a person should hear of now, sent or not.

    Args:
        warehouse: where the bars and signals are.
        through: the session that should be the newest one.
        failures: the runs that failed.
    """
    return [*failure_alerts(warehouse, failures), *session_alerts(warehouse, through)]


def session_alerts(warehouse: Warehouse, through: dt.date) -> list[Alert]:
    """Stale data, bars and answers that someone has to look at, `exit_longs`, and leaks, as of a session."""
    due = (_stale(warehouse, through), _exit(warehouse, through), _leak(warehouse, through), _disputed(warehouse))
    return [*(alert for alert in due if alert is not None), *_of_bars(warehouse), *clock_alerts(warehouse)]


def clock_alerts(warehouse: Warehouse) -> list[Alert]:
    """One alert for each table that holds times which have not come yet on this machine."""
    return [
        Alert(
            key=f"clock {one.table} {one.latest:%Y-%m-%dT%H:%M:%S}",
            title=_title(warehouse, f"times to come in {one.table}"),
            body=one.words,
            kind="clock",
        )
        for one in ahead(warehouse, machine_now())
    ]


def failure_alerts(warehouse: Warehouse, failures: Sequence[Failure]) -> list[Alert]:
    """One alert for each failed run, its error in one line."""
    return [
        Alert(
            key=f"failure {failure.run_id}",
            title=_title(warehouse, f"{failure.job} failed"),
            body=f"Run {failure.run_id}: {_in_a_line(failure.error)}",
            kind="failure",
        )
        for failure in failures
    ]


def notify(warehouse: Warehouse, alerts: Sequence[Alert], urls: Sequence[str]) -> list[str]:
    """Send each alert once, and those that a dead service still owes.

    What was sent is kept in the object ``alerts/sent.json``. A service that fails is not asked again this time; the
    next call tries it again. A process killed between the sending and the keeping sends once more, never less.

    Args:
        warehouse: remembers what was sent.
        alerts: the alerts that are due; those sent before are left out.
        urls: Apprise URLs; with none of them an alert counts as sent once it is logged.

    Returns:
        The names of the services that failed.

    Raises:
        SettingError: a URL that Apprise cannot read. Nothing was sent.
    """
    names, former = check(urls), former_names(urls)
    failed: list[str] = []

    # Sending happens under the object's lock, so that two processes never send the same alert.
    def deliver(held: bytes | None) -> bytes | None:
        try:
            sent, waiting = _parse(warehouse, held)
        except StateError as error:  # an alert is sent twice rather than never
            logger.warning("%s What was sent is forgotten, and may be sent again.", error)
            sent, waiting = [], []
        fresh = {alert.key: Owed(alert, tuple(names), is_new=True) for alert in alerts if alert.key not in sent}
        left = []
        for owed in [*waiting, *fresh.values()]:
            services = [name for one in owed.services if (name := former.get(one, one)) in names]
            asked = [name for name in services if name not in failed]
            if asked or owed.is_new:
                failed.extend(send(owed.alert, urls, only=asked))
            if still := tuple(name for name in services if name in failed):
                left.append(Owed(owed.alert, still))
        return _render([*sent, *fresh], left) if fresh or waiting else None

    warehouse.objects.update(KEY, deliver)
    return failed


def _stale(warehouse: Warehouse, through: dt.date) -> Alert | None:
    late = behind(warehouse, through)
    if not late:
        return None
    listed = ", ".join(f"{ticker} {f'ends on {day}' if day else 'has no bars'}" for ticker, day in late.items())
    return Alert(
        key=f"stale {through} {','.join(late)}",
        title=_title(warehouse, f"stale data, {len(late)} ticker(s) lack {through}"),
        body=f"{listed}. The session {through} has closed; `alpha run` or the next refresh asks for it again.",
        kind="stale",
    )


def _of_bars(warehouse: Warehouse) -> list[Alert]:
    """Tickers that have failed for long, and those of which much was refused; the same words are the same alert."""
    found = bar_problems(warehouse)
    disputes = {one.ticker for one in disputed(warehouse)}  # told by an alert of their own
    grave = [ticker for ticker in found.grave if ticker not in disputes]
    due = {
        f"failing {','.join(found.hopeless)}": (
            found.hopeless,
            f"{len(found.hopeless)} ticker(s) failed for {SESSIONS_TO_HINT} sessions or more",
            " ".join(found.failed),
        ),
        f"refused {hashlib.sha256(' '.join(found.refused).encode()).hexdigest()[:16]}": (
            grave,
            f"rows of {len(grave)} ticker(s) were refused",
            " ".join(found.refused),
        ),
    }
    return [
        Alert(key, _title(warehouse, title), _in_a_line(body), kind="stale")
        for key, (tickers, title, body) in due.items()
        if tickers
    ]


def _exit(warehouse: Warehouse, through: dt.date) -> Alert | None:
    rows = warehouse.read(VIX_REGIME, warehouse.newest(VIX_REGIME)).tail(1)
    if rows.filter(pl.col("exit_longs") & (pl.col("session") == through)).is_empty():
        return None
    row = rows.row(0, named=True)
    return Alert(
        key=f"exit_longs {through}",
        title=_title(warehouse, f"exit_longs, session {through}"),
        body=(
            f"Leave every QQQ long: the QQQ weight is 0 from the open of {calendar.offset(through, 1)} on. "
            f"Expected change of ^VIX {_percent(row['expected_change'], '+.1%')}, "
            f"P(spike) {_percent(row['prob_spike'], '.1%')} (threshold {_percent(row['spike_threshold'], '.1%')})."
        ),
        kind="exit",
    )


def _leak(warehouse: Warehouse, through: dt.date) -> Alert | None:
    bad = warehouse.read(AUDIT).filter(~pl.col("passed")).sort("probe")
    if bad.is_empty():
        return None
    said = "; ".join(f"{probe}: {words}" for probe, words in bad.select("probe", "words").iter_rows())
    return Alert(
        key=f"leak {through} {','.join(bad['probe'])}",
        title=_title(warehouse, f"the audit found {bad.height} leak(s), session {through}"),
        body=f"Trust no forecast before it is mended; `alpha audit` looks again. {_in_a_line(said)}",
        kind="leak",
    )


def _disputed(warehouse: Warehouse) -> Alert | None:
    found = disputed(warehouse)
    if not found:
        return None
    named = ", ".join(dict.fromkeys(one.ticker for one in found))
    return Alert(
        # Once for each time at which rows were set aside, not once an evening.
        key=f"disputed {','.join(f'{one.ticker} {one.reason} {one.since}' for one in found)}",
        title=_title(warehouse, f"answers set aside, {named}"),
        body=_in_a_line(" ".join(one.words for one in found)),
        kind="disputed",
    )


def _title(warehouse: Warehouse, what: str) -> str:
    """A title; what comes from a simulated market is marked."""
    market = read_market(warehouse)
    return f"{'SIMULATED ' if market is not None and market.is_simulated else ''}alpha_pipeline: {what}"


def _percent(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form).replace("%", " %")


def _in_a_line(error: str) -> str:
    line = " ".join(error.split()) or "no reason given"
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"


def read_sent(warehouse: Warehouse) -> tuple[list[str], list[Owed]]:
    """The keys of the alerts sent, oldest first, and the alerts that services have still to take.

    Raises:
        StateError: what is kept of them cannot be read.
    """
    return _parse(warehouse, warehouse.objects.get(KEY))


def _parse(warehouse: Warehouse, data: bytes | None) -> tuple[list[str], list[Owed]]:
    return ([], []) if data is None else read_state(data, warehouse.objects.path(KEY), _sent, _FIX)


def _sent(held: Any) -> tuple[list[str], list[Owed]]:  # noqa: ANN401  whatever JSON holds
    sent = held["sent"]
    if not isinstance(sent, list) or not all(isinstance(key, str) for key in sent):
        raise TypeError(sent)
    return sent, [Owed(Alert(**one["alert"]), tuple(one["services"])) for one in held["waiting"]]


def _render(sent: Sequence[str], waiting: Sequence[Owed]) -> bytes:
    owed = [{"alert": asdict(one.alert), "services": list(one.services)} for one in waiting[-KEPT:]]
    return json.dumps({"sent": list(sent[-KEPT:]), "waiting": owed}, indent=2).encode()
