"""Where each model stands: what the interval of its information coefficient allows to be said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import polars as pl

from alpha_pipeline.evaluation.luck import survives_many
from alpha_pipeline.evaluation.outcomes import POOLED
from alpha_pipeline.evaluation.scores import WHOLE

# What a model has to beat, and the ablations of one.
RIVALS: Final = ("expanding_mean", "har_x", "last_value", "lightgbm", "ridge", "v17_no_kan", "v17_no_revin")
ABOVE_LUCK: Final = "above luck"
LUCK_POSSIBLE: Final = "above 0, luck not ruled out"
NOT_SHOWN: Final = "no skill shown"
BELOW: Final = "below 0"
NO_IC: Final = "forecasts do not vary"
_ORDER: Final = (ABOVE_LUCK, LUCK_POSSIBLE, NOT_SHOWN, BELOW, NO_IC)

Rows = Mapping[tuple[str, int], Mapping[str, Any]]  # of `evaluation.scores`, by metric and horizon


class Bounded(NamedTuple):
    """A score with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """One model.

    Attributes:
        model: its name.
        word: one of five, by the IC of the next session.
        ic: of the next session, pooled; None where it has none with an interval.
        rows: its pooled scores over the whole window, by metric and horizon.
        is_rival: whether it is there to be beaten, or an ablation.
    """

    model: str
    word: str
    ic: Bounded | None
    rows: Rows
    is_rival: bool


def standings(scores: pl.DataFrame) -> list[Standing]:
    """Every model with pooled scores: the product's own before the rivals, the surest skill first.

    Skill is surer the higher the interval begins. *Above luck* says that the interval would leave out 0 even if it
    were widened for as many models as are looked at.

    Args:
        scores: rows of ``evaluation.scores``.
    """
    pooled = scores.filter(ticker=POOLED, window=WHOLE).sort("model")
    held: dict[str, dict[tuple[str, int], dict[str, Any]]] = {}
    for row in pooled.iter_rows(named=True):
        held.setdefault(row["model"], {})[row["metric"], row["horizon"]] = row
    found = [_standing(model, rows, len(held)) for model, rows in held.items()]
    return sorted(found, key=_place)


def bounded(row: Mapping[str, Any] | None) -> Bounded | None:
    """A row of scores as a figure; None where it has no interval."""
    if row is None or row["ci_low"] is None or row["ci_high"] is None:
        return None
    return Bounded(row["value"], row["ci_low"], row["ci_high"])


def _standing(model: str, rows: Rows, n_models: int) -> Standing:
    ic = bounded(rows.get(("ic", 1)))
    return Standing(model, _word(ic, n_models), ic, rows, model in RIVALS)


def _word(ic: Bounded | None, n_models: int) -> str:
    if ic is None:
        return NO_IC
    if ic.high < 0:
        return BELOW
    if ic.low <= 0:
        return NOT_SHOWN
    return ABOVE_LUCK if survives_many(ic.value, ic.low, n_models) else LUCK_POSSIBLE


def _place(one: Standing) -> tuple[bool, int, float, str]:
    return one.is_rival, _ORDER.index(one.word), -one.ic.low if one.ic else 0.0, one.model
