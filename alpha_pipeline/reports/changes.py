"""What changed from one session's signals to the next, in words."""

import datetime as dt
from collections.abc import Iterator

import polars as pl

from alpha_pipeline.digits import number
from alpha_pipeline.reports.evidence import Evidence


def changes(evidence: Evidence) -> list[str]:
    """What the newest session says otherwise than the one before, one sentence each; empty where nothing changed.

    Returns:
        A single sentence where there is no session before.
    """
    now = evidence.card.session
    earlier = evidence.positions.filter(pl.col("session") < now)["session"].max()
    if not isinstance(earlier, dt.date):
        return ["This is the first session of the record."]
    return [
        *_weight(evidence.positions, earlier, now),
        *_vote(evidence.votes, earlier, now),
        *_ballots(evidence.ballots, earlier, now),
        *_pick(evidence.rotation, earlier, now),
        *_regime(evidence.regimes, earlier, now),
    ]


def _pair(rows: pl.DataFrame, earlier: dt.date, now: dt.date) -> tuple[dict[str, object], dict[str, object]] | None:
    """The rows of both sessions; None where one has none."""
    found = [rows.filter(session=session) for session in (earlier, now)]
    return (found[0].row(0, named=True), found[1].row(0, named=True)) if all(f.height for f in found) else None


def _weight(rows: pl.DataFrame, earlier: dt.date, now: dt.date) -> Iterator[str]:
    pair = _pair(rows, earlier, now)
    if pair is None:
        return
    before, after = (number(row["target_weight"], ".0%") for row in pair)
    if before != after:
        yield f"QQQ from {before} to {after}."


def _vote(rows: pl.DataFrame, earlier: dt.date, now: dt.date) -> Iterator[str]:
    pair = _pair(rows, earlier, now)
    if pair is None:
        return
    before, after = pair
    if before["signal"] != after["signal"]:
        words = [str(row["signal"]).replace("_", " ") for row in pair]
        yield f"The vote went from {words[0]} to {words[1]}: {before['n_bull']} bull, now {after['n_bull']}."
    elif before["n_bull"] != after["n_bull"]:
        yield f"Bull ballots: {before['n_bull']}, now {after['n_bull']}; the vote stays the same."


def _ballots(rows: pl.DataFrame, earlier: dt.date, now: dt.date) -> Iterator[str]:
    said = [dict(rows.filter(session=session).select("ticker", "is_bull").iter_rows()) for session in (earlier, now)]
    turned = [ticker for ticker in said[1] if said[0].get(ticker) is False and said[1][ticker]]
    left = [ticker for ticker in said[1] if said[0].get(ticker) is True and not said[1][ticker]]
    silent = [ticker for ticker in said[0] if ticker not in said[1]]
    if turned:
        yield f"Now bull: {', '.join(turned)}."
    if left:
        yield f"No longer bull: {', '.join(left)}."
    if silent:
        yield f"Cast no ballot this time: {', '.join(silent)}."


def _pick(rows: pl.DataFrame, earlier: dt.date, now: dt.date) -> Iterator[str]:
    pair = _pair(rows, earlier, now)
    if pair is None:
        return
    before, after = pair
    if before["pick"] != after["pick"]:
        yield f"The sector held goes from {before['pick'] or 'cash'} to {after['pick'] or 'cash'}."
    if before["qqq_allowed"] != after["qqq_allowed"]:
        yield f"QQQ is {'now' if after['qqq_allowed'] else 'no longer'} allowed by XLK and XLY."


def _regime(rows: pl.DataFrame, earlier: dt.date, now: dt.date) -> Iterator[str]:
    pair = _pair(rows, earlier, now)
    if pair is None:
        return
    before, after = pair
    if before["regime"] != after["regime"]:
        yield f"The volatility regime went from {before['regime'] or 'unknown'} to {after['regime'] or 'unknown'}."
    if before["exit_longs"] != after["exit_longs"]:
        yield "A VIX spike is forecast: every QQQ long is left." if after["exit_longs"] else "The VIX exit is over."
