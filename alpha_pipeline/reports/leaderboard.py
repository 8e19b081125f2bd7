"""The leaderboard: a row per model with a picture of its skill, and everything else about it folded beneath."""

from collections.abc import Collection, Sequence
from html import escape
from typing import Any, Final

import polars as pl

from alpha_pipeline.digits import alike
from alpha_pipeline.digits import number as shown
from alpha_pipeline.evaluation.luck import SIZE
from alpha_pipeline.evaluation.outcomes import POOLED
from alpha_pipeline.evaluation.scores import WHOLE
from alpha_pipeline.reports import standing
from alpha_pipeline.reports.cells import NOTHING_YET, marked, number, with_interval
from alpha_pipeline.reports.figures.sheet import dot_and_bar
from alpha_pipeline.reports.page import table
from alpha_pipeline.reports.score_tables import verdict
from alpha_pipeline.reports.standing import Bounded, Standing, bounded, standings

SURVIVOR: Final = "survivor-biased"
_KINDS: Final = {standing.ABOVE_LUCK: "good", standing.BELOW: "bad"}
# Headings, and whether a telephone has room for the column.
_COLUMNS: Final = (
    ("model", True),
    ("IC of the next session", True),
    ("", True),
    ("direction", False),
    ("always up", False),
    ("log loss skill", False),
    ("forecasts", False),
)


def leaderboard(scores: pl.DataFrame, survivor_biased: Collection[str] = ()) -> str:
    """Where every model stands as an HTML table, rivals below; by ticker and for the longer horizon beneath each.

    Args:
        scores: rows of ``evaluation.scores``.
        survivor_biased: models of today's holdings, whose past is that of survivors.
    """
    found = standings(scores)
    if not found:
        return NOTHING_YET
    tickers = _by_ticker(scores)
    reach = _reach([one.ic for one in found if one.ic is not None])
    heads = "".join(f'<th class="{"" if is_kept else "spare"}">{name}</th>' for name, is_kept in _COLUMNS)
    own, rivals = ([one for one in found if one.is_rival == is_rival] for is_rival in (False, True))
    body = ""
    for title, group in (("", own), ("Rivals and ablations: a model has to beat them too", rivals)):
        if group and title:
            body += f'<tr class="group"><td colspan="{len(_COLUMNS)}">{title}</td></tr>'
        for one in group:
            body += _row(one, reach, one.model in survivor_biased) + _more(one, tickers.get(one.model, []))
    return f'<div class="wide"><table class="board"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def luck_note(scores: pl.DataFrame) -> str:
    """How many models would be above 0 by luck alone, in a sentence."""
    n = len([one for one in standings(scores) if one.ic is not None])
    if n == 0:
        return ""
    return f"Of {n} models without any skill {shown(n * SIZE / 2, '.1f')} would have an interval above 0 by luck alone."


def _row(one: Standing, reach: tuple[float, float], is_biased: bool) -> str:
    rows = one.rows
    direction, skill = rows.get(("direction_accuracy", 1), {}), rows.get(("log_loss_skill", 1), {})
    label = f'<br><span class="label">{SURVIVOR}</span>' if is_biased else ""
    name = escape(one.model).replace("_", "_<wbr>")
    name = name if one.is_rival else f"<strong>{name}</strong>"
    word = marked(_KINDS.get(one.word, "warn"), one.word)
    cells = (
        (f"{name}{label}<br>{word}", True),
        (_picture(one.ic, reach, "IC"), True),
        (_interval(rows.get(("ic", 1))), True),
        (number(direction.get("value"), ".1%"), False),
        (number(direction.get("baseline"), ".1%"), False),
        (number(skill.get("value"), "+.2%"), False),
        (f"{max(row['n'] for row in rows.values()):,}", False),
    )
    columns = "".join(f"<td{'' if is_kept else ' class=spare'}>{cell}</td>" for cell, is_kept in cells)
    return f'<tr class="row{" is-rival" if one.is_rival else ""}">{columns}</tr>'


def _more(one: Standing, tickers: Sequence[dict[str, Any]]) -> str:
    horizons = sorted({horizon for _, horizon in one.rows})
    body = _pooled(one, horizons) + (_tickers(tickers) if tickers else "")
    return (
        f'<tr class="more"><td colspan="{len(_COLUMNS)}"><details><summary>{_summary(tickers)}</summary>{body}'
        "</details></td></tr>"
    )


def _summary(tickers: Sequence[dict[str, Any]]) -> str:
    """What the folded part says, for those who do not unfold it and for paper."""
    found = [(row["ticker"], ic) for row in tickers if (ic := bounded(row)) is not None]
    if not found:
        return "all figures"
    above, below = (sum(side) for side in zip(*((ic.low > 0, ic.high < 0) for _, ic in found), strict=True))
    best, worst = max(found, key=lambda one: one[1].value), min(found, key=lambda one: one[1].value)
    ends = "" if len(found) == 1 else f"; {_named(*worst)} to {_named(*best)}"
    return f"by ticker: {above} of {len(found)} above 0, {below} below{ends}"


def _named(ticker: str, ic: Bounded) -> str:
    return f"{escape(ticker)} {shown(ic.value, '+.3f')}"


def _pooled(one: Standing, horizons: Sequence[int]) -> str:
    columns = ["pooled", "reading", "IC", "rank IC", "direction", "always up", "log loss skill", "90 % interval holds"]
    rows = []
    for horizon in horizons:
        held = {metric: row for (metric, of), row in one.rows.items() if of == horizon}
        direction = held.get("direction_accuracy", {})
        rows.append(
            [
                f"{horizon} session{'s' if horizon > 1 else ''}",
                verdict(held),
                _interval(held.get("ic")),
                _interval(held.get("rank_ic")),
                _interval(held.get("direction_accuracy"), ".1%"),
                number(direction.get("baseline"), ".1%"),
                _interval(held.get("log_loss_skill"), "+.2%"),
                _interval(held.get("coverage_90"), ".1%"),
            ]
        )
    return table(
        [*columns, "forecasts"],
        [[*row, _count(one, h)] for row, h in zip(rows, horizons, strict=True)],
        words=("reading",),
    )


def _count(one: Standing, horizon: int) -> str:
    return f"{max(row['n'] for (_, of), row in one.rows.items() if of == horizon):,}"


def _tickers(rows: Sequence[dict[str, Any]]) -> str:
    reach = _reach([ic for row in rows if (ic := bounded(row)) is not None])
    cells = [
        [escape(row["ticker"]), _picture(bounded(row), reach, row["ticker"]), _interval(row), f"{row['n']:,}"]
        for row in rows
    ]
    return table(["ticker", "IC of the next session", "", "forecasts"], cells)


def _by_ticker(scores: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    own = scores.filter(pl.col("ticker") != POOLED, window=WHOLE, metric="ic", horizon=1)
    held: dict[str, list[dict[str, Any]]] = {}
    for row in own.sort("value", "ticker", descending=[True, False]).iter_rows(named=True):
        held.setdefault(row["model"], []).append(row)
    return held


def _reach(found: Sequence[Bounded]) -> tuple[float, float]:
    """The ends of a scale on which every interval and 0 have room."""
    return (min([0.0, *(one.low for one in found)]) - 1e-9, max([0.0, *(one.high for one in found)]) + 1e-9)


def _picture(ic: Bounded | None, reach: tuple[float, float], name: str) -> str:
    if ic is None:
        return "&ndash;"
    value, low, high = alike("+.3f", *ic)
    words = f"{name} {value}, {low} to {high}; no skill: 0"
    return dot_and_bar(*ic, reach=reach, bar=0.0, words=words)


def _interval(row: Any, form: str = "+.3f") -> str:  # noqa: ANN401  a row of scores, or None
    return "&ndash;" if row is None else with_interval(row["value"], row["ci_low"], row["ci_high"], form)
