"""A run card for a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alpha_pipeline.reports.run_card import RunCard, digest, headline, replayed, title
from alpha_pipeline.reports.run_card_tables import CardTable, tables


def render(card: RunCard) -> RenderableType:
    """The card, its digest first and last so that it is found whichever end is on the screen."""
    parts: list[RenderableType] = [
        Text(headline(card), style="bold"),
        Text(replayed(card), style="cyan" if card.is_identical else "bold yellow"),
        Text(f"digest {digest(card)}", style="dim"),
    ]
    for part in tables(card):
        parts += [Text(), *_part(part)]
    mark = "SIMULATED · " if card.is_simulated else ""
    parts += [Text(), Text(f"{mark}market: {card.market}", style="dim")]
    return Panel(
        Group(*parts),
        title=title(card),
        subtitle=f"{mark}digest {digest(card)[:16]}",
        border_style="magenta" if card.is_simulated else "cyan",
        box=box.ROUNDED,
        padding=(1, 2),
    )


def _part(part: CardTable) -> list[RenderableType]:
    shown: list[RenderableType] = [Text(part.title, style="bold"), Text(part.note, style="dim")]
    if part.rows:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in part.columns:
            table.add_column(column, overflow="fold")  # on a narrow terminal nothing is cut off
        for row in part.rows:
            table.add_row(*(Text(cell) for cell in row))
        shown.append(table)
    return shown
