"""Figures and verdicts as the cells of an HTML table."""

from collections.abc import Iterable
from html import escape
from typing import Final

from alpha_pipeline import digits

NOTHING_YET: Final = "<p>No rows yet.</p>"
# A mark beside the word and the colour: no verdict hangs on a colour alone.
_MARKS: Final = {"good": "▲", "bad": "▼", "warn": "○"}
_KINDS: Final = {
    "better": "good",
    "worse": "bad",
    "undecided": "warn",
    "leads": "good",
    "ok": "good",
    "bad": "bad",
    "warning": "warn",
    "nothing": "warn",
}


def number(value: object, form: str) -> str:
    """A number as shown; a dash for what is missing or undefined."""
    return said(digits.number(value, form))


def probability(value: object) -> str:
    """A probability in whole percent."""
    return said(digits.probability(value))


def p_value(value: object) -> str:
    """A p-value."""
    return said(digits.p_value(value))


def basis_points(value: object) -> str:
    """A return in basis points, without the unit."""
    return said(digits.basis_points(value))


def alike(form: str, *values: object) -> list[str]:
    """Numbers that belong together, with the same places."""
    return [said(one) for one in digits.alike(form, *values)]


def with_interval(value: object, low: object, high: object, form: str) -> str:
    """A number, and its interval in grey under it where there is one."""
    if low is None or high is None:
        return number(value, form)
    shown, *ends = alike(form, value, low, high)
    return f"{shown}{between(*ends)}"


def between(low: str, high: str) -> str:
    """An interval in grey, for under a number."""
    return f'<span class="interval">{low} to {high}</span>'


def marked(kind: str, words: str) -> str:
    """Words with the colour and the mark of ``good``, ``bad`` or ``warn``."""
    return f'<span class="{kind}">{_MARKS[kind]} {escape(words)}</span>'


def verdict(word: str) -> str:
    """A verdict of a comparison, a lead or a probe."""
    return marked(_KINDS.get(word, "warn"), word)


def listed(sentences: Iterable[str]) -> str:
    """Plain sentences as an HTML list."""
    return f'<ul class="plain">{"".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)}</ul>'


def said(text: str) -> str:
    """A figure that is words already."""
    return "&ndash;" if text == digits.MISSING else escape(text)
