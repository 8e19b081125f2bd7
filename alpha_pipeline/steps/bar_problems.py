"""What a person should know of the bars without asking: who failed, who is behind, what was refused.

It is read from `raw.coverage`, so that the card, the report, `alpha doctor`, the alerts and the last lines of a run say
the same, whoever ran the refresh.
"""

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from alpha_pipeline import sessions as calendar
from alpha_pipeline.errors import NOT_IN
from alpha_pipeline.ingestion.refusals import MUCH_REFUSED
from alpha_pipeline.universe import CORE
from alpha_pipeline.warehouse.market import read_market
from alpha_pipeline.warehouse.store import Warehouse
from alpha_pipeline.warehouse.tables import raw
from alpha_pipeline.warehouse.tickers import added, followed

# After so many sessions it is told how to stop following a ticker: an outage or a halt is over by then.
SESSIONS_TO_HINT: Final = 5
SENTENCES_SAID: Final = 5
NAMES_SAID: Final = 20

Row = Mapping[str, Any]


@dataclass(frozen=True)
class BarProblems:
    """What is wrong with the bars of the tickers followed, as of their last refresh, in sentences.

    Attributes:
        failed: who failed, a sentence for each reason; after some sessions how to stop following them.
        behind: who lacks the newest session that others hold.
        refused: what was refused, a sentence for each ticker, or for several of which the same is said.
        noted: what else was said of the last answers, of which nothing was refused: what was mended or left out.
        grave: the tickers of which so much was refused, or is missed since, that someone has to look.
        hopeless: the tickers that have failed for so long that following them should end.
        lasting: of each sentence in `failed` its tickers, and what of it is said of those that have failed for long.
    """

    failed: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    grave: tuple[str, ...] = ()
    hopeless: tuple[str, ...] = ()
    lasting: tuple[tuple[tuple[str, ...], str], ...] = ()

    def failed_beside(self, told: Collection[str]) -> tuple[str, ...]:
        """The failures of tickers not told of; of the others for how long and how to end it, where it is long."""
        return tuple(
            lasting if set(tickers) <= set(told) else sentence
            for (tickers, lasting), sentence in zip(self.lasting, self.failed, strict=True)
            if lasting or not set(tickers) <= set(told)
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is wrong, of the refusals no more than a screen bears."""
        return (*self.failed, *self.behind, *_cut(self.refused, "`alpha doctor` tells all"))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known although nothing is wrong, no more than a screen bears."""
        return tuple(_cut(self.noted, "the report tells all, under what was revised and refused"))


def bar_problems(warehouse: Warehouse) -> BarProblems:
    """What is wrong with the bars of the tickers that a warehouse follows."""
    names, rows = expected(warehouse)
    failed = [row for row in rows if row["status"] == "failed"]
    others = [row for row in rows if row["status"] != "failed"]
    refused = [row for row in others if row["n_refused"]]
    told = list(_failed(failed, len(names)))
    return BarProblems(
        failed=tuple(sentence for _, sentence, _ in told),
        lasting=tuple((tickers, lasting.strip()) for tickers, _, lasting in told),
        behind=tuple(_behind(others, len(names))),
        refused=_said(refused),
        noted=_said([row for row in others if row["said"] and not row["n_refused"]]),
        grave=tuple(row["ticker"] for row in refused if row["n_lost"] or row["refused_share"] > MUCH_REFUSED),
        hopeless=tuple(row["ticker"] for row in failed if _n_failed(row) >= SESSIONS_TO_HINT),
    )


def failure_words(reasons: Mapping[str, str], n_asked: int) -> list[str]:
    """Who failed, a sentence for each reason.

    Args:
        reasons: ticker -> why, in few words.
        n_asked: how many tickers were asked for.
    """
    rows = [{"ticker": ticker, "failure": reason} for ticker, reason in reasons.items()]
    return [_sentence(reason, tickers, n_asked, "asked for") for reason, tickers in _alike(rows, "failure").items()]


def expected(warehouse: Warehouse) -> tuple[list[str], list[Row]]:
    """The followed tickers that should be held, and the rows of those that were asked for.

    Files need not hold every holding of the universe: one that they never had is not missed.
    """
    names, market = followed(warehouse), read_market(warehouse)
    rows = {row["ticker"]: row for row in warehouse.read(raw.COVERAGE, names).iter_rows(named=True)}
    is_all = market is None or market.kind == "yahoo"
    needed = {*names} if is_all else {*CORE, *added(warehouse), *(t for t, row in rows.items() if row["n_sessions"])}
    expected = [name for name in names if name in needed]
    return expected, [rows[name] for name in expected if name in rows]


def _said(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(f"{', '.join(tickers)}: {said}" for said, tickers in _alike(rows, "said").items())


def _cut(sentences: Sequence[str], rest: str) -> list[str]:
    more = len(sentences) - SENTENCES_SAID
    return [*sentences[:SENTENCES_SAID], *([f"{more} more: {rest}."] if more > 0 else [])]


def _failed(rows: Sequence[Row], n_expected: int) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(tickers, the whole sentence, its end about those that have failed for long) for each reason."""
    by_ticker = {row["ticker"]: row for row in rows}
    for reason, tickers in _alike(rows, "failure").items():
        lasting = [ticker for ticker in tickers if _n_failed(by_ticker[ticker]) >= SESSIONS_TO_HINT]
        since = _since(by_ticker[lasting[0]] if lasting else None, lasting)
        yield tuple(tickers), _sentence(reason, tickers, n_expected) + since, since


def _since(row: Row | None, lasting: Sequence[str]) -> str:
    """For how long the first of some tickers has failed, and how to stop following them."""
    if row is None:
        return ""
    long = f" {row['ticker']} has failed since {row['failed_since']} ({_n_failed(row)} sessions)."
    return long + _hint(lasting)


def _hint(tickers: Sequence[str]) -> str:
    """How to stop following tickers, of those that no signal rests on."""
    removable = [ticker for ticker in tickers if ticker not in CORE]
    return f" `alpha tickers remove {' '.join(removable)}` stops following, and keeps the history." if removable else ""


def _n_failed(row: Row) -> int:
    """On how many sessions the refresh has failed; 0 where that was not recorded."""
    if row["failed_since"] is None:
        return 0
    return len(calendar.between(row["failed_since"], row["failed_through"]))


def _sentence(reason: str, tickers: Sequence[str], n_asked: int, of: str = "followed") -> str:
    more = len(tickers) - NAMES_SAID
    names = ", ".join(tickers[:NAMES_SAID]) + (f" and {more} more" if more > 0 else "")
    if n_asked == 1:
        return f"{names} is {reason}." if reason.startswith(NOT_IN) else f"{names} failed: {reason}."
    if reason.startswith(NOT_IN):
        return f"{len(tickers)} of the {n_asked} tickers {of} {_is(tickers)} {reason}: {names}."
    return f"{len(tickers)} of {n_asked} failed: {names} ({reason})."


def _is(tickers: Sequence[str]) -> str:
    return "is" if len(tickers) == 1 else "are"


def _behind(rows: Sequence[Row], n_expected: int) -> Iterator[str]:
    """Who ends before the newest session that any holds."""
    lasts: dict[str, dt.date] = {row["ticker"]: row["last_session"] for row in rows if row["last_session"] is not None}
    newest = max(lasts.values(), default=None)
    late = {ticker: last for ticker, last in lasts.items() if newest is not None and last < newest}
    if not late or newest is None:
        return
    listed = [f"{ticker} ends on {last}" for ticker, last in late.items()]
    more = f" and {len(listed) - NAMES_SAID} more" if len(listed) > NAMES_SAID else ""
    gone = [t for t, last in late.items() if len(calendar.between(last, newest)) > SESSIONS_TO_HINT]
    yield f"{len(late)} of {n_expected} without {newest}: {', '.join(listed[:NAMES_SAID])}{more}." + _hint(gone)


def _alike(rows: Sequence[Row], column: str) -> dict[str, list[str]]:
    """The tickers of each value of a column, in the order of the rows."""
    alike: dict[str, list[str]] = {}
    for row in rows:
        alike.setdefault(row[column] or row.get("detail") or "no reason given", []).append(row["ticker"])
    return alike
