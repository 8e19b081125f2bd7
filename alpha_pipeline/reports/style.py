"""The style of every page. Colours are those of `figures.palette`; nothing is loaded from anywhere."""

from typing import Final

from alpha_pipeline.reports.figures.palette import STEPS, style

_CHOSEN: Final = (0, len(STEPS) - 1)  # the strongest steps: their text has the colour of the ground

_RULES: Final = """
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 1040px; margin: 0 auto; padding: 20px 16px 40px; }
.banner {
  position: sticky; top: 0; z-index: 9; padding: 7px 16px; text-align: center;
  background: var(--mark); color: var(--ground); font-weight: 600;
}
.tag { color: var(--mark); font-size: .72em; letter-spacing: .06em; margin-right: .5em; }
.label { color: var(--mark); font-size: .78em; white-space: nowrap; }
h1 { font-size: 1.05rem; font-weight: 500; color: var(--quiet); margin: 0; }
h2 { font-size: 1.15rem; margin: 40px 0 4px; }
h3 { font-size: .95rem; font-weight: 500; color: var(--quiet); margin: 18px 0 4px; }
.headline { font-size: clamp(1.8rem, 6vw, 2.6rem); font-weight: 700; line-height: 1.15; margin: 6px 0; }
.reason { font-size: 1.05rem; margin: 0; }
.note { color: var(--quiet); font-size: .88rem; margin: 0 0 10px; max-width: 82ch; }
.problem { border-left: 3px solid var(--bad); padding: 4px 10px; margin: 12px 0 0; background: var(--raised); }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.edge { border-left: 4px solid var(--zero); background: var(--raised); padding: 8px 14px; margin: 18px 0 0; }
.edge.shown { border-color: var(--good); }
.edge p { margin: 0; } .edge strong { font-size: 1.15rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 290px), 1fr)); gap: 12px; }
.cards { margin-top: 16px; }
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
.interval { display: block; color: var(--quiet); font-size: .86em; }
.interval-bar { width: 150px; height: 16px; vertical-align: middle; }
.digits { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.board { width: 100%; }
.board th, .board td { vertical-align: top; }
.board .more > td { border-bottom: 1px solid var(--line); padding-top: 0; max-width: 0; }
.board .row > td { border-bottom: 0; }
.board .group td { padding-top: 22px; color: var(--quiet); font-weight: 600; }
.board .is-rival { color: var(--quiet); }
details { text-align: left; white-space: normal; font-size: .88rem; }
summary { cursor: pointer; color: var(--quiet); }
details table { margin: 6px 0 14px; }
details th, details td { padding-left: 14px; }
.months { min-width: 100%; table-layout: fixed; font-size: .82rem; }
.months th, .months td { padding: 4px 2px; text-align: center; border: 2px solid var(--ground); }
.months th:first-child, .months td:first-child { width: 3.2em; text-align: left; }
.months td:last-child { font-weight: 600; }
figure { margin: 6px 0 0; }
figure svg, .interval-bar { fill: none; }
.touched { pointer-events: all; }
figure svg { display: block; width: 100%; height: auto; }
figure.on-wide svg { max-width: 1040px; }
figure text { font-variant-numeric: tabular-nums; }
.on-narrow { display: none; }
footer { margin-top: 40px; padding-top: 12px; border-top: 1px solid var(--line); }
nav { margin: 18px 0 0; font-size: .88rem; display: flex; flex-wrap: wrap; gap: 2px 14px; }
nav a { color: var(--quiet); }
ul.plain { margin: 4px 0 0; padding-left: 1.2em; }
@media screen and (max-width: 620px) {
  .on-wide, .spare { display: none; }
  .on-narrow { display: block; }
  table { font-size: .84rem; min-width: 100%; }
  th, td { padding-left: 8px; }
  th.words, td.words { min-width: 11em; }
  th { white-space: normal; }
  td:first-child { white-space: normal; min-width: 6em; }
  .board td:first-child { min-width: 9.5em; }
  .interval-bar { width: 92px; }
  .months { font-size: .62rem; }
  .months th, .months td { padding: 4px 0; border-width: 1px; }
  .months td:first-child { min-width: 0; }
}
@media print {
  body { font-size: 11px; }
  .banner { position: static; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav { display: none; }
  main { max-width: none; padding: 0; }
  .card, figure, tr, li { break-inside: avoid; }
  h2, h2 + .note { break-after: avoid; }
  .wide { overflow: visible; }
  table { font-size: .8rem; min-width: 0; }
  th, td { padding-left: 10px; }
  td[class^="step"] { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def css() -> str:
    """The whole style sheet."""
    steps = (
        f".step-{place}{{background:var(--step-{place});color:var(--{'ground' if place in _CHOSEN else 'ink'})}}"
        for place in range(len(STEPS))
    )
    return f"{style()}{''.join(steps)}{_RULES}"
