"""What a probe found: its verdict, why in words, and the figures behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

# `warning`: suspicious and no proof; `nothing`: the warehouse holds none of what the probe looks at.
Verdict = Literal["ok", "warning", "bad", "nothing"]
Figures = dict[str, float | int | str]

NAMED: Final = 5  # culprits named in words; the figures count all


@dataclass(frozen=True)
class Finding:
    """The finding of one probe.

    Attributes:
        probe: its name, lower snake case.
        verdict: what it comes to.
        words: what was looked at, and the culprits where something is wrong.
        figures: by name; counts, shares and what words would round.
    """

    probe: str
    verdict: Verdict
    words: str
    figures: Figures = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether no leak was found."""
        return self.verdict != "bad"


def judged(probe: str, wrong: Sequence[str], clean: str, figures: Mapping[str, float | str] | None = None) -> Finding:
    """Bad where anything is wrong, named; else ok with what was looked at.

    Args:
        probe: the probe's name.
        wrong: a phrase for each culprit.
        clean: what can be said when there is none.
        figures: those of the probe; the number of culprits is added.
    """
    held = {**(figures or {}), "wrong": len(wrong)}
    if not wrong:
        return Finding(probe, "ok", clean, held)
    more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
    return Finding(probe, "bad", "; ".join(wrong[:NAMED]) + more, held)
