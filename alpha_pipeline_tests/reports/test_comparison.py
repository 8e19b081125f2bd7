import math

import pytest
from rich.console import Console

from alpha_pipeline.evaluation.comparisons import LABELS, Comparison
from alpha_pipeline.evaluation.differences import Difference
from alpha_pipeline.reports.comparison import render


def shown(found: Difference) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(render([Comparison("?", "whole", "a", "b", "ic", found, LABELS["ic"], "500 sessions.")]))
    return capture.get()


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.03, "a is better than b"),
        (-0.03, -0.01, "a is worse than b"),
        (-0.01, 0.03, "Undecided whether a is better"),
    ],
)
def test_the_answer_is_said_in_words_and_figures(low: float, high: float, said: str) -> None:
    text = shown(Difference((low + high) / 2, low, high, 0.25, 0.0286, 4000))
    assert said in text
    assert "information coefficient" in text
    assert "500 sessions." in text
    row = next(line for line in text.splitlines() if line.strip().startswith("ic"))
    assert row.split()[1:7] == [f"{(low + high) / 2:+.4f}", f"{low:+.4f}", f"{high:+.4f}", "0.250", "0.0286", "4,000"]


def test_what_is_undefined_shows_as_a_dash() -> None:
    assert " - " in shown(Difference(0.1, math.nan, math.nan, math.nan, math.nan, 30))
