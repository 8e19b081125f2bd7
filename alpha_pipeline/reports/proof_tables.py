"""The tables of the proof in HTML: questions and verdicts, costs and lags, leads, luck, and the leak audit."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import polars as pl
from scipy.stats import norm

from alpha_pipeline.evaluation.bootstrap import LEVEL
from alpha_pipeline.evaluation.luck import SIZE
from alpha_pipeline.reports import cells
from alpha_pipeline.reports.cells import NOTHING_YET, listed, number, probability, verdict, with_interval
from alpha_pipeline.reports.page import table

_TOGETHER: Final = ("n_trials", "n_effective", "pbo", "spa_p")
_VARIANTS: Final = ("net", "gross", "lagged")
# Of a statistic: its format, and what it is called beside the number. A lead is a slope, shown in basis points.
_UNITS: Final = {
    "ic": (".3f", "IC"),
    "sharpe": (".2f", "Sharpe"),
    "spike_auc": (".3f", "AUC"),
    "spike_brier_skill": (".2%", "Brier skill"),
}
_PLAIN: Final = (".3f", "")
_LEAD: Final = "lead"


def questions_table(comparisons: pl.DataFrame, primary: str) -> str:
    """The questions of docs/questions.md, each with its verdict in words and its figures.

    Args:
        comparisons: rows of ``evaluation.comparisons``.
        primary: the statistic that decides between two models; its others are in the table of the warehouse.
    """
    decides = (pl.col("kind") != "model") | (pl.col("statistic") == primary)
    asked = comparisons.filter(pl.col("name").str.ends_with("?"), decides).sort("kind", "name", "statistic")
    rows = [
        [
            escape(row["name"]),
            verdict(row["verdict"]),
            _advantage(row),
            _detectable(row["statistic"], row["minimum_detectable"]),
            f"{row['n']:,}",
            escape(row["words"]),
        ]
        for row in asked.iter_rows(named=True)
    ]
    columns = ["question", "verdict", "advantage", "smallest found", "n", "in words"]
    return table(columns, rows, words=("question", "in words")) if rows else NOTHING_YET


def _advantage(row: Mapping[str, Any]) -> str:
    """A value with its unit, and its interval in the same."""
    statistic = row["statistic"]
    unit = "bp" if statistic == _LEAD else _UNITS.get(statistic, ("", statistic.replace("_", " ")))[1]
    figures = [row[name] for name in ("value", "ci_low", "ci_high")]
    if statistic == _LEAD:
        value, low, high = map(cells.basis_points, figures)
    else:
        value, low, high = cells.alike(f"+{_UNITS.get(statistic, _PLAIN)[0]}", *figures)
    return f"{value} {escape(unit)}{cells.between(low, high) if row['ci_low'] is not None else ''}"


def _detectable(statistic: str, value: float | None) -> str:
    if statistic == _LEAD:
        return cells.basis_points(value).removeprefix("+")
    return number(value, _UNITS.get(statistic, _PLAIN)[0])


def records_table(records: pl.DataFrame) -> str:
    """Each strategy's Sharpe ratio after costs, before them and a session late, and how much it trades.

    Args:
        records: rows of ``evaluation.records``.
    """
    rows = []
    for (strategy,), own in records.sort("strategy").group_by("strategy", maintain_order=True):
        held = {(row["variant"], row["metric"]): row for row in own.iter_rows(named=True)}
        ratios = [held.get((variant, "sharpe"), {}) for variant in _VARIANTS]
        rest = [held.get(("net", metric), {}).get("value") for metric in ("turnover", "exposure")]
        rows.append(
            [
                escape(str(strategy).replace("_", " ")),
                *(with_interval(one.get("value"), one.get("ci_low"), one.get("ci_high"), ".2f") for one in ratios),
                number(rest[0], ".1f"),
                number(rest[1], ".0%"),
            ]
        )
    columns = ["strategy", "Sharpe after costs", "before costs", "a session late", "turnover a year", "exposure"]
    return table(columns, rows) if rows else NOTHING_YET


def leads_table(lead_lag: pl.DataFrame) -> str:
    """The strongest test of each pair and direction.

    Args:
        lead_lag: rows of ``evaluation.lead_lag``.
    """
    order = ["p_value_adjusted", "p_value", "kind", "lag"]
    strongest = lead_lag.sort(order).unique(["leader", "follower"], keep="first", maintain_order=True)
    rows = [
        [
            escape(f"{row['leader']} before {row['follower']}"),
            verdict(row["verdict"]),
            escape(str(row["kind"]).replace("_", ", ")),
            str(row["lag"]),
            _slope(row["beta"], row["t_stat"]),
            number(row["t_stat"], "+.2f"),
            cells.p_value(row["p_value"]),
            cells.p_value(row["p_value_adjusted"]),
            f"{row['n']:,}",
        ]
        for row in strongest.sort(pl.col("follower") != "QQQ", "leader", "follower").iter_rows(named=True)
    ]
    columns = [
        "who before whom",
        "verdict",
        "strongest test",
        "lag",
        "slope, bp",
        "t",
        "p",
        "p of all tests",
        "sessions",
    ]
    return table(columns, rows) if rows else NOTHING_YET


def _slope(beta: float | None, t_stat: float | None) -> str:
    """A slope in basis points with its interval; a joint test has none."""
    if beta is None or not t_stat:
        return cells.basis_points(beta)
    reach = float(norm.isf((1 - LEVEL) / 2)) * abs(beta / t_stat)
    return cells.basis_points(beta) + cells.between(cells.basis_points(beta - reach), cells.basis_points(beta + reach))


def luck_table(luck: pl.DataFrame) -> str:
    """How much of each record luck would explain; then what is said of all together; then the models left standing.

    Args:
        luck: rows of ``evaluation.luck``.
    """
    if luck.is_empty():
        return NOTHING_YET
    held: dict[str, dict[str, float]] = {}
    for name, metric, value in luck.sort("name").select("name", "metric", "value").iter_rows():
        held.setdefault(name, {})[metric] = value
    rows = [
        [
            escape(name.replace("_", " ")),
            *(number(of.get(metric), ".2f") for metric in ("sharpe", "sr0")),
            *(probability(of.get(metric)) for metric in ("psr", "dsr", "dsr_effective")),
        ]
        for name, of in held.items()
        if "dsr" in of
    ]
    columns = [
        "record",
        "Sharpe a year",
        "best of all trials by luck",
        "above 0",
        "above luck",
        "above luck, effective",
    ]
    together = luck.filter(pl.col("metric").is_in(_TOGETHER)).sort("metric", "name")["words"].to_list()
    standing = [name for name, of in held.items() if of.get("mcs_p", 0.0) >= SIZE]
    fallen = [name for name, of in held.items() if of.get("mcs_p", 1.0) < SIZE]
    if standing:
        words = f"May be the best in squared error: {', '.join(standing)}."
        together.append(f"{words} Not: {', '.join(fallen)}." if fallen else words)
    return (table(columns, rows) if rows else "") + listed(together)


def audit_table(audit: pl.DataFrame) -> str:
    """What each probe of the leak audit found, alarms first.

    Args:
        audit: rows of ``evaluation.audit``.
    """
    ranks = {"bad": 0, "warning": 1, "nothing": 2, "ok": 3}
    ordered = audit.sort(pl.col("verdict").replace_strict(ranks, return_dtype=pl.Int64), "probe")
    rows = [
        [escape(probe.replace("_", " ")), verdict(word), escape(words)]
        for probe, word, words in ordered.select("probe", "verdict", "words").iter_rows()
    ]
    return table(["probe", "verdict", "in words"], rows, words=("in words",)) if rows else NOTHING_YET
