"""The tables of the proof in HTML: questions and verdicts, costs and lags, leads, luck, and the leak audit."""

from html import escape
from typing import Final

import polars as pl

from alpha_pipeline.evaluation.luck import SIZE
from alpha_pipeline.reports.cells import number, with_interval
from alpha_pipeline.reports.page import bullets, table

NOTHING_YET: Final = "<p>No rows yet.</p>"
_VERDICT_CLASS: Final = {
    "better": "good",
    "worse": "bad",
    "undecided": "warn",
    "leads": "good",
    "ok": "good",
    "bad": "bad",
    "warning": "warn",
    "nothing": "warn",
}
_TOGETHER: Final = ("n_trials", "n_effective", "pbo", "spa_p")
_VARIANTS: Final = ("net", "gross", "lagged")


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
            _verdict(row["verdict"]),
            escape(row["words"]),
            with_interval(row["value"], row["ci_low"], row["ci_high"], "+.3f"),
            number(row["minimum_detectable"], ".3f"),
            f"{row['n']:,}",
        ]
        for row in asked.iter_rows(named=True)
    ]
    columns = ["question", "verdict", "in words", "advantage", "smallest found", "n"]
    return table(columns, rows, words=("question", "in words")) if rows else NOTHING_YET


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
            _verdict(row["verdict"]),
            escape(str(row["kind"]).replace("_", ", ")),
            str(row["lag"]),
            number(row["t_stat"], "+.2f"),
            number(row["p_value"], ".3f"),
            number(row["p_value_adjusted"], ".3f"),
            f"{row['n']:,}",
        ]
        for row in strongest.sort(pl.col("follower") != "QQQ", "leader", "follower").iter_rows(named=True)
    ]
    columns = ["who before whom", "verdict", "strongest test", "lag", "t", "p", "p of all tests", "sessions"]
    return table(columns, rows) if rows else NOTHING_YET


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
            *(number(of.get(metric), ".0%") for metric in ("psr", "dsr", "dsr_effective")),
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
    return (table(columns, rows) if rows else "") + bullets(together)


def audit_table(audit: pl.DataFrame) -> str:
    """What each probe of the leak audit found, alarms first.

    Args:
        audit: rows of ``evaluation.audit``.
    """
    ranks = {"bad": 0, "warning": 1, "nothing": 2, "ok": 3}
    ordered = audit.sort(pl.col("verdict").replace_strict(ranks, return_dtype=pl.Int64), "probe")
    rows = [
        [escape(probe.replace("_", " ")), _verdict(verdict), escape(words)]
        for probe, verdict, words in ordered.select("probe", "verdict", "words").iter_rows()
    ]
    return table(["probe", "verdict", "in words"], rows, words=("in words",)) if rows else NOTHING_YET


def _verdict(word: str) -> str:
    return f'<span class="{_VERDICT_CLASS.get(word, "warn")}">{escape(word)}</span>'
