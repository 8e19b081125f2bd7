"""The answer of `alpha compare`: in words, then in figures."""

import math
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from alpha_pipeline.evaluation.comparisons import Comparison

_COLOURS = {"better": "green", "worse": "red", "undecided": "yellow"}


def render(answers: Sequence[Comparison]) -> Group:
    """One line of words per statistic, and a table with the figures of all; every value is the advantage of A."""
    words = [Text(one.words, style=_COLOURS[one.found.verdict]) for one in answers]
    table = Table("statistic", box=None)
    for name in ("A - B", "low", "high", "p", "detectable", "n"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in answers:
        found = one.found
        figures = (found.value, found.ci_low, found.ci_high, found.p_value, found.minimum_detectable)
        table.add_row(one.statistic, *map(_figure, figures), str(found.n), found.verdict)
    return Group(*words, Text(), table)


def _figure(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "-"
