"""The page around a report: one HTML document that needs nothing beside itself, and runs nothing."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from alpha_pipeline.reports.style import css


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        title: its heading, plain text.
        note: what the reader has to know to read it, plain text.
        body: finished HTML.
    """

    title: str
    note: str
    body: str

    @property
    def anchor(self) -> str:
        """Where a link to it leads."""
        return "-".join(re.findall(r"[a-z0-9]+", self.title.lower()))


def page(
    title: str, lead: str, sections: Sequence[Section], footer: str, banner: str = "", *, has_contents: bool = False
) -> str:
    """A whole document.

    Args:
        title: of the window, plain text.
        lead: finished HTML that opens the page.
        sections: what follows.
        footer: plain text.
        banner: plain text that stays on top and marks every section by its first word; none when empty.
        has_contents: whether links to the sections follow the lead.
    """
    tag = f'<span class="tag">{escape(banner.split(maxsplit=1)[0])}</span>' if banner else ""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{css()}</style>",
        "</head><body>",
        f'<div class="banner" role="note">{escape(banner)}</div>' if banner else "",
        f"<main>{lead}",
        _contents(sections) if has_contents else "",
        *(_section(section, tag) for section in sections),
        f'<footer class="note">{escape(footer)}</footer></main></body></html>\n',
    ]
    return "\n".join(part for part in parts if part)


def _section(section: Section, tag: str) -> str:
    heading = f"<h2>{tag}{escape(section.title)}</h2>"
    note = f'<p class="note">{escape(section.note)}</p>'
    return f'<section id="{section.anchor}">{heading}{note}{section.body}</section>'


def _contents(sections: Sequence[Section]) -> str:
    links = (f'<a href="#{section.anchor}">{escape(section.title)}</a>' for section in sections)
    return f"<nav>{''.join(links)}</nav>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[str] = ()) -> str:
    """An HTML table that scrolls sideways on a narrow screen.

    Args:
        columns: headings, plain text.
        rows: finished HTML, a cell per column.
        words: the columns that hold prose: left-aligned, and their lines break.
    """
    kinds = [' class="words"' if column in words else "" for column in columns]
    head = "".join(f"<th{kind}>{escape(column)}</th>" for column, kind in zip(columns, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
