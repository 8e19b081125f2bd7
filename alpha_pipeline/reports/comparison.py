"""The answer of `alpha compare`: in words, then in figures."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from alpha_pipeline.digits import number, p_value
from alpha_pipeline.evaluation.comparisons import Comparison

_COLOURS = {"better": "cyan", "worse": "yellow", "undecided": "default"}


def render(answers: Sequence[Comparison]) -> Group:
    """One line of words per statistic, and a table with the figures of all; every value is the advantage of A."""
    words = [Text(one.words, style=_COLOURS[one.found.verdict]) for one in answers]
    table = Table("statistic", box=None)
    for name in ("A - B", "low", "high", "p", "detectable", "n"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in answers:
        found = one.found
        advantage = (number(value, "+.4f") for value in (found.value, found.ci_low, found.ci_high))
        rest = (p_value(found.p_value), number(found.minimum_detectable, ".4f"), f"{found.n:,}")
        table.add_row(one.statistic, *advantage, *rest, found.verdict)
    return Group(*words, Text(), table)
