"""The leak audit as a person reads it in a terminal."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alpha_pipeline.evaluation.audit.finding import Finding, Verdict

_SHOWN: Final[dict[Verdict, tuple[str, str]]] = {
    "ok": ("ok", "cyan"),
    "warning": ("warn", "yellow"),
    "bad": ("bad", "red"),
    "nothing": ("-", "dim"),
}


def render(found: Sequence[Finding], market: str, *, is_simulated: bool) -> RenderableType:
    """One line per probe, wrapped in its own column.

    Args:
        found: the findings.
        market: the market's name.
        is_simulated: whether it must be marked.
    """
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for one in found:
        word, style = _SHOWN[one.verdict]
        table.add_row(Text(word, style), one.probe, Text(one.words))
    bad, warned = (sum(one.verdict == verdict for one in found) for verdict in ("bad", "warning"))
    sums = f"{len(found)} probes, {bad} found a leak" + (f", {warned} suspicious" if warned else "")
    mark = ("SIMULATED · " if is_simulated else "", "bold yellow")
    return Group(Text.assemble(mark, (f"Leak audit of {market}: {sums}", "bold")), table)
