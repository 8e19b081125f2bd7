"""Whether large moves are called as HTML tables, and what the intervals of scores allow to be said."""

from collections.abc import Iterator, Mapping
from html import escape

import polars as pl

from alpha_pipeline.evaluation.outcomes import POOLED
from alpha_pipeline.evaluation.scores import WHOLE
from alpha_pipeline.reports.cells import NOTHING_YET, number, with_interval
from alpha_pipeline.reports.page import table
from alpha_pipeline.universe import VIX


def bulls_table(scores: pl.DataFrame) -> str:
    """The scores of forecast bull moves over the whole window, pooled."""
    rows = []
    for model, horizon, held in _events(scores, "bull_", POOLED):
        rows.append(
            [
                escape(model),
                str(horizon),
                event_verdict(held),
                _bounded(held.get("auc", {}), ".3f"),
                _bounded(held.get("precision", {}), ".1%"),
                number(held.get("precision", {}).get("baseline"), ".1%"),
                _bounded(held.get("recall", {}), ".1%"),
                _bounded(held.get("coverage", {}), ".1%"),
                _bounded(held.get("lift", {}), ".2f"),
            ]
        )
    columns = ["model", "horizon", "reading", "AUC", "precision", "base rate", "recall", "coverage", "lift"]
    return table(columns, rows, words=("reading",)) if rows else NOTHING_YET


def spikes_table(scores: pl.DataFrame) -> str:
    """The scores of forecast spikes of ^VIX over the whole window, from the best AUC of one session down."""
    rows = [
        [
            escape(model),
            str(horizon),
            event_verdict(held),
            _bounded(held.get("auc", {}), ".3f"),
            _bounded(held.get("brier_skill", {}), "+.2%"),
            number(held.get("ece", {}).get("value"), ".1%"),
            number(held.get("ece", {}).get("baseline"), ".1%"),
        ]
        for model, horizon, held in _events(scores, "spike_", VIX)
    ]
    columns = ["model", "horizon", "reading", "AUC", "Brier skill", "calibration error", "by chance"]
    return table(columns, rows, words=("reading",)) if rows else NOTHING_YET


def _events(scores: pl.DataFrame, prefix: str, ticker: str) -> Iterator[tuple[str, int, dict[str, dict[str, object]]]]:
    """(model, horizon, rows by metric without the prefix), by horizon and from the best AUC down."""
    own = scores.filter(pl.col("window") == WHOLE, ticker=ticker).filter(pl.col("metric").str.starts_with(prefix))
    best = own.with_columns(
        metric=pl.col("metric").str.strip_prefix(prefix),
        best=pl.col("value").filter(pl.col("metric") == f"{prefix}auc").first().over("model", "horizon"),
    )
    ordered = best.sort("horizon", "best", "model", descending=[False, True, False], nulls_last=True)
    for (model, horizon), group in ordered.group_by("model", "horizon", maintain_order=True):
        yield str(model), int(str(horizon)), {str(row["metric"]): row for row in group.iter_rows(named=True)}


def event_verdict(held: Mapping[str, Mapping[str, object]]) -> str:
    """What the intervals allow to be said of one model's events.

    Args:
        held: rows of ``evaluation.scores`` by metric, without ``bull_`` or ``spike_``.
    """

    def above(metric: str, bar: float) -> bool:
        low = held.get(metric, {}).get("ci_low")
        return isinstance(low, float) and low > bar

    words = "ranks them better than chance" if above("auc", 0.5) else "no ranking shown: the AUC's interval holds 1/2"
    if "lift" in held:
        words += "; fires better than at random" if above("lift", 1.0) else "; fires no better than at random"
    if "brier_skill" in held:
        words += "; beats the base rate" if above("brier_skill", 0.0) else "; does not beat the base rate"
    return words


def verdict(held: Mapping[str, Mapping[str, object]]) -> str:
    """What the intervals allow to be said of one model and horizon.

    Args:
        held: rows of ``evaluation.scores`` by metric.
    """
    ic, direction = held.get("ic", {}), held.get("direction_accuracy", {})
    low, high = ic.get("ci_low"), ic.get("ci_high")
    if not isinstance(low, float) or not isinstance(high, float):
        words = "forecasts do not vary: no IC"
    elif low > 0:
        words = "IC above 0"
    else:
        words = "IC below 0" if high < 0 else "no edge shown: the IC's interval holds 0"
    least, bar = direction.get("ci_low"), direction.get("baseline")
    if isinstance(least, float) and isinstance(bar, float):
        words += "; direction beats always up" if least > bar else "; direction does not beat always up"
    return words


def _bounded(row: Mapping[str, object], form: str) -> str:
    return with_interval(row.get("value"), row.get("ci_low"), row.get("ci_high"), form)
