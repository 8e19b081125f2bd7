"""Whether the record of the position shows an edge, in words: the first question of a reader."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from alpha_pipeline import digits
from alpha_pipeline.evaluation.luck import SIZE
from alpha_pipeline.evaluation.metrics import FEWEST_OF_A_YEAR
from alpha_pipeline.evaluation.scores import WHOLE
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.reports.standing import ABOVE_LUCK, standings

POSITION: Final = "qqq_position"
BARS: Final = ("buy_and_hold", "vol_target_15")  # what the position has to beat


@dataclass(frozen=True)
class Advantage:
    """By how much the position beats one of its bars, in Sharpe ratios a year."""

    over: str
    value: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Edge:
    """What the record says.

    Attributes:
        is_shown: whether the position beats each of its bars and luck; None while there is no record.
        words: the answer in one sentence, and why.
        advantages: over each bar.
    """

    is_shown: bool | None
    words: tuple[str, ...]
    advantages: tuple[Advantage, ...]


def edge(evidence: Evidence) -> Edge:
    """Whether there is an edge: better than each bar after costs, and more than luck would show.

    An edge asks for both: intervals above 0 against buy and hold and against the volatility target, and a deflated
    Sharpe ratio of at least 95 %.
    """
    advantages = tuple(_advantages(evidence.comparisons))
    luck = evidence.card.above_luck.get(POSITION)
    if not advantages:
        return Edge(None, (f"Not known yet: {_lacking(evidence)}.", *_models(evidence)), advantages)
    beaten = [one for one in advantages if one.verdict == "better"]
    is_shown = len(beaten) == len(BARS) and luck is not None and luck >= 1 - SIZE
    answer = "An edge is shown" if is_shown else "No edge is shown"
    against = "; ".join(_said(one) for one in advantages)
    odds = f"{digits.probability(luck)} likely to be above luck, {digits.probability(1 - SIZE)} are wanted"
    if luck is None:
        odds = "whether it is above luck is not known"
    return Edge(
        is_shown, (f"{answer}.", f"Sharpe ratio of the position {against}; {odds}.", *_models(evidence)), advantages
    )


def _lacking(evidence: Evidence) -> str:
    own = evidence.card.record.get(POSITION)
    if own is None or not own.is_short:
        return "there is no record to judge"
    return f"the record has {own.sessions} session{'' if own.sessions == 1 else 's'}, {FEWEST_OF_A_YEAR} are wanted"


def _advantages(comparisons: pl.DataFrame) -> list[Advantage]:
    rows = comparisons.filter(kind="strategy", a=POSITION, window=WHOLE, statistic="sharpe").drop_nulls("ci_low")
    held: dict[str, dict[str, Any]] = {row["b"]: row for row in rows.iter_rows(named=True)}
    return [
        Advantage(bar, row["value"], row["ci_low"], row["ci_high"], row["verdict"])
        for bar in BARS
        if (row := held.get(bar)) is not None
    ]


def _said(one: Advantage) -> str:
    value, low, high = digits.alike("+.2f", one.value, one.low, one.high)
    words = {"better": "better", "worse": "worse"}.get(one.verdict, "undecided")
    return f"against {one.over.replace('_', ' ')} {value} ({low} to {high}): {words}"


def _models(evidence: Evidence) -> list[str]:
    own = [one for one in standings(evidence.scores) if not one.is_rival]
    if not own:
        return []
    above = [one.model for one in own if one.word == ABOVE_LUCK]
    if not above:
        return [f"Of {len(own)} models none forecasts the next session above luck."]
    return [
        f"Of {len(own)} models {len(above)} forecast{'s' if len(above) == 1 else ''} above luck: {', '.join(above)}."
    ]
