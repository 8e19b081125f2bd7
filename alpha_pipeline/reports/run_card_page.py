"""A run card as a self-contained HTML page."""

from html import escape
from typing import Final

from alpha_pipeline.reports.daily_report import SIMULATED_BANNER
from alpha_pipeline.reports.page import Section, page, table
from alpha_pipeline.reports.run_card import RunCard, digest, headline, replayed, title
from alpha_pipeline.reports.run_card_tables import CardTable, tables

_VERDICTS: Final = {"decided": "good", "overruled": "warn"}


def render_html(card: RunCard) -> str:
    """The page of one run card. Equal cards make equal pages."""
    mark = "SIMULATED · " if card.is_simulated else ""
    return page(
        title=title(card),
        lead=_lead(card),
        sections=[Section(part.title, part.note, _body(part)) for part in tables(card)],
        footer=f"{mark}Market: {card.market}. `alpha explain {card.session} --format json` has every hash in full.",
        banner=SIMULATED_BANNER if card.is_simulated else "",
    )


def _lead(card: RunCard) -> str:
    found = escape(replayed(card))
    verdict = f'<p class="good">✓ {found}</p>' if card.is_identical else f'<p class="problem">{found}</p>'
    return (
        f"<h1>{escape(title(card))}</h1>"
        f'<p class="reason"><strong>{escape(headline(card))}</strong></p>{verdict}'
        f'<p class="note digits">digest {digest(card)}</p>'
    )


def _body(part: CardTable) -> str:
    if not part.rows:
        return ""
    return table(part.columns, [[_cell(cell) for cell in row] for row in part.rows], words=(part.words,))


def _cell(cell: str) -> str:
    kind = _VERDICTS.get(cell)
    return f'<span class="{kind}">{escape(cell)}</span>' if kind else escape(cell)
