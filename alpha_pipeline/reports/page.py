"""The page around a report: one HTML document that needs nothing beside itself.

The styles follow the reader's light or dark preference. Figures are drawn on nothing and take their text and
grid colours from the same variables, so that they follow it too.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape

from plotly.offline import get_plotlyjs

_STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f5f6f8; --ink: #1a1f26; --quiet: #5b6573; --line: #d9dde3; --zero: #8b94a1;
  --good: #1a7f4b; --bad: #b8323f; --warn: #8a6100; --mark: #9c2a8f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --raised: #1b2129; --ink: #e8ebef; --quiet: #9aa5b3; --line: #303844; --zero: #6c7684;
    --good: #5cc98f; --bad: #f2808b; --warn: #e2b44f; --mark: #d86fcb;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 1160px; margin: 0 auto; padding: 20px 16px 40px; }
.banner {
  position: sticky; top: 0; z-index: 9; padding: 7px 16px; text-align: center;
  background: var(--mark); color: var(--ground); font-weight: 600;
}
.tag { color: var(--mark); font-size: .72em; letter-spacing: .06em; margin-right: .5em; }
h1 { font-size: 1.05rem; font-weight: 500; color: var(--quiet); margin: 0; }
h2 { font-size: 1.1rem; margin: 36px 0 4px; }
h3 { font-size: .95rem; font-weight: 500; color: var(--quiet); margin: 18px 0 4px; }
.headline { font-size: clamp(1.8rem, 6vw, 2.6rem); font-weight: 700; line-height: 1.15; margin: 6px 0; }
.reason { font-size: 1.05rem; margin: 0; }
.note { color: var(--quiet); font-size: .88rem; margin: 0 0 10px; max-width: 78ch; }
.problem { border-left: 3px solid var(--bad); padding: 4px 10px; margin: 12px 0 0; background: var(--raised); }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 12px; }
.cards { margin-top: 24px; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.card h3 { font-size: .88rem; color: var(--quiet); font-weight: 500; margin: 0; }
.card p { margin: 2px 0 8px; }
.card strong { font-size: 1.15rem; }
.chips { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: .88rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; min-width: min(100%, 34em); font-size: .92rem; font-variant-numeric: tabular-nums; }
th { font-weight: 500; color: var(--quiet); text-align: right; vertical-align: bottom; }
th, td { padding: 5px 0 5px 20px; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { text-align: right; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th.words, td.words { text-align: left; white-space: normal; min-width: 12em; }
@media (max-width: 560px) {
  table { font-size: .84rem; min-width: 100%; }
  th, td { padding-left: 10px; }
  th.words, td.words { min-width: 11em; }
  td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 6.5em; }
}
.interval { display: block; color: var(--quiet); font-size: .86em; }
.digits { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.figure { margin: 0 -6px; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); }
nav { margin: 18px 0 0; font-size: .88rem; display: flex; flex-wrap: wrap; gap: 2px 14px; }
nav a { color: var(--quiet); }
ul.plain { margin: 4px 0 0; padding-left: 1.2em; }
@media print {
  :root { color-scheme: light; }
  body { font-size: 11px; }
  .banner { position: static; }
  nav { display: none; }
  main { max-width: none; padding: 0; }
  .card, .figure, tr, li { break-inside: avoid; }
  h2, h2 + .note { break-after: avoid; }
}
.js-plotly-plot .main-svg text { fill: var(--ink) !important; }
.js-plotly-plot .main-svg .hoverlayer text { fill: #f2f4f7 !important; }
.js-plotly-plot .main-svg .gridlayer path { stroke: var(--line) !important; }
.js-plotly-plot .main-svg .zerolinelayer path { stroke: var(--zero) !important; }
"""


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
    title: str,
    lead: str,
    sections: Sequence[Section],
    footer: str,
    banner: str = "",
    *,
    has_figures: bool = True,
    has_contents: bool = False,
) -> str:
    """A whole document.

    Args:
        title: of the window, plain text.
        lead: finished HTML that opens the page.
        sections: what follows.
        footer: plain text.
        banner: plain text that stays on top and marks every section by its first word; none when empty.
        has_figures: carry plotly along, which is most of the page's size.
        has_contents: whether links to the sections follow the lead.
    """
    tag = f'<span class="tag">{escape(banner.split(maxsplit=1)[0])}</span>' if banner else ""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f"<script>{get_plotlyjs()}</script>" if has_figures else "",
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


def bullets(sentences: Sequence[str]) -> str:
    """Plain sentences as an HTML list."""
    return f'<ul class="plain">{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>'


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
