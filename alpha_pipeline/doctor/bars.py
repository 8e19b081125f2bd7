"""The bars against the exchange's calendar and now: who is how many sessions behind, who failed, what was refused."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from alpha_pipeline import sessions as calendar
from alpha_pipeline.doctor.finding import Finding, Patient
from alpha_pipeline.ingestion.refusals import MUCH_REFUSED
from alpha_pipeline.settings import Settings, machine_now
from alpha_pipeline.steps.admission import last_wanted
from alpha_pipeline.steps.ahead import ahead
from alpha_pipeline.steps.bar_problems import NAMES_SAID, bar_problems, expected
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables.raw import BARS, COVERAGE, QUARANTINE


def look(patient: Patient) -> Iterator[Finding]:
    """What is held of the tickers followed; nothing of an empty warehouse."""
    warehouse = patient.warehouse
    if read_market(warehouse) is None:
        return
    rows = {row["ticker"]: row for row in warehouse.read(COVERAGE).iter_rows(named=True)}
    yield _core(rows, calendar.last_closed(patient.settings.now()), last_wanted(patient.settings))
    yield _sessions(rows, expected(warehouse)[0], patient.settings)
    yield from _gone(warehouse, rows)
    late = ahead(warehouse, machine_now())
    yield Finding("times", not late, " ".join(one.words for one in late) or "none lies after this machine's clock")
    yield from _last_refresh(warehouse)


def _core(rows: Mapping[str, Mapping[str, Any]], closed: dt.date, wanted: dt.date) -> Finding:
    """Whether what the signals rest on is complete up to now, whatever the last refresh said of it."""
    status = {ticker: row["status"] for ticker, row in rows.items()}
    lacking = [ticker for ticker in CORE if status.get(ticker) != "complete"]
    lasts = [rows[ticker]["last_session"] for ticker in CORE if ticker in rows and rows[ticker]["last_session"]]
    late = [last for last in lasts if last < wanted]
    said = [f"{ticker}: {status.get(ticker, 'no bars')}" for ticker in lacking]
    said += [f"{len(late)} of {len(CORE)} end early, {sessions_behind(max(late), wanted)} at the least"] if late else []
    detail = "; ".join(said) or "all complete"
    detail += f"; bars to {max(lasts, default='-')}, the last closed session is {closed}"
    fix = '. `alpha sql "from raw.coverage"` tells more' if lacking else ""
    return Finding("core tickers", not said, detail + fix)


def _sessions(rows: Mapping[str, Mapping[str, Any]], names: list[str], settings: Settings) -> Finding:
    """How many sessions each ticker is behind the calendar, whatever the last refresh said of it."""
    wanted = last_wanted(settings)
    lasts = {name: rows[name]["last_session"] for name in names if name in rows and rows[name]["last_session"]}
    ahead = sorted(name for name, last in lasts.items() if last > calendar.last_closed(settings.now()))
    if ahead and settings.fixed_now is None:
        return Finding(
            "sessions",
            False,
            f"{_named(ahead)}: bars to {max(lasts.values())}, which has not closed yet by this machine's clock: set "
            "the clock. If it was ahead when they were fetched, they are no bars: refresh when it is right",
        )
    late: dict[dt.date, list[str]] = {}
    for name, last in lasts.items():
        if last < wanted:
            late.setdefault(last, []).append(name)
    if not late:
        return Finding("sessions", True, f"no ticker is behind the session {wanted}")
    newest = max(late)
    fix = "`alpha run` asks for them" if settings.source != "files" else "bring files that hold them, then `alpha run`"
    said = [f"{_named(late[last])} to {last}, {sessions_behind(last, wanted)}" for last in sorted(late, reverse=True)]
    most = f"{sessions_behind(newest, wanted)} at the least" if len(late) > 1 else sessions_behind(newest, wanted)
    return Finding(
        "sessions",
        False,
        f"{sum(map(len, late.values()))} of {len(names)} tickers lack the session {wanted} ({most}): "
        f"{'; '.join(said[:NAMES_SAID])}. {fix[0].upper() if fix[0] != '`' else '`'}{fix[1:]}",
    )


def sessions_behind(last: dt.date, wanted: dt.date) -> str:
    """How far the one lies before the other, in words."""
    n = len(calendar.between(last, wanted)) - 1
    return f"{n:,} session{'' if n == 1 else 's'} behind"


def _named(names: list[str]) -> str:
    more = len(names) - NAMES_SAID
    return ", ".join(names[:NAMES_SAID]) + (f" and {more} more" if more > 0 else "")


def _gone(warehouse: Warehouse, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """The tickers whose bars were held and are no longer there."""
    held = set(warehouse.units(BARS))
    gone = sorted(ticker for ticker, row in rows.items() if row["n_sessions"] and ticker not in held)
    if gone:
        yield Finding(
            "bars",
            False,
            f"gone from {warehouse.folder_path(BARS)}: {_named(gone)}, of which raw.coverage says that bars are held. "
            "`alpha refresh` asks for their whole history; or bring the files back from a copy",
        )


def _last_refresh(warehouse: Warehouse) -> Iterator[Finding]:
    """Who failed in the last refresh, who is behind, and what was refused; what was refused before is counted."""
    found = bar_problems(warehouse)
    absent = [*found.failed, *found.behind]
    ever = warehouse.read(QUARANTINE).height
    tail = '; `alpha sql "from raw.quarantine"` shows them' if ever else ""
    counted = f"{ever:,} rows set aside in all{tail}"
    if found.grave:
        counted += f". Look at {', '.join(found.grave)}: a refused session is not held, or more than {MUCH_REFUSED:.0%}"
        counted += " of the last answer was refused. Mend the rows at their source and refresh again"
    yield Finding("last refresh", not absent, " ".join(absent) or "every ticker followed has its newest session")
    yield Finding("quarantine", not found.grave, " ".join([*found.refused, counted]))
