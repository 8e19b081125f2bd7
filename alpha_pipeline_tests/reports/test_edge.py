from dataclasses import replace

import polars as pl
import pytest

from alpha_pipeline.reports.edge import edge
from alpha_pipeline.reports.evidence import Evidence
from alpha_pipeline.warehouse.tables import proof
from alpha_pipeline_tests.reports.test_daily_report import CARD, SCORES


def comparisons(**verdicts: str) -> pl.DataFrame:
    middle = {"better": 0.4, "worse": -0.4, "undecided": 0.1}
    rows = [
        {
            "kind": "strategy",
            "name": f"Does the position beat {bar}?",
            "window": "whole",
            "a": "qqq_position",
            "b": bar,
            "statistic": "sharpe",
            "value": middle[verdict],
            "ci_low": middle[verdict] - 0.3,
            "ci_high": middle[verdict] + 0.3,
            "p_value": 0.2,
            "minimum_detectable": 0.5,
            "verdict": verdict,
            "words": "",
            "n": 2386,
        }
        for bar, verdict in verdicts.items()
    ]
    return proof.COMPARISONS.conform(pl.DataFrame(rows))


@pytest.mark.parametrize(
    ("over_holding", "over_target", "luck", "is_shown"),
    [
        ("better", "better", 0.97, True),
        ("better", "better", 0.94, False),
        ("better", "better", None, False),
        ("better", "undecided", 0.97, False),
        ("worse", "better", 0.97, False),
    ],
)
def test_an_edge_beats_every_bar_and_luck(
    over_holding: str, over_target: str, luck: float | None, is_shown: bool
) -> None:
    card = replace(CARD, above_luck={} if luck is None else {"qqq_position": luck})
    rows = comparisons(buy_and_hold=over_holding, vol_target_15=over_target)
    found = edge(Evidence(card, comparisons=rows))
    assert found.is_shown is is_shown
    assert found.words[0] == ("An edge is shown." if is_shown else "No edge is shown.")
    assert [one.over for one in found.advantages] == ["buy_and_hold", "vol_target_15"]


def test_one_bar_alone_does_not_show_an_edge() -> None:
    card = replace(CARD, above_luck={"qqq_position": 0.99})
    assert edge(Evidence(card, comparisons=comparisons(buy_and_hold="better"))).is_shown is False


def test_the_reasons_are_said_in_figures() -> None:
    card = replace(CARD, above_luck={"qqq_position": 0.61})
    rows = comparisons(buy_and_hold="undecided", vol_target_15="worse")
    _, why, models = edge(Evidence(card, comparisons=rows, scores=SCORES)).words
    assert "against buy and hold +0.10 (-0.20 to +0.40): undecided" in why
    assert "against vol target 15 -0.40 (-0.70 to -0.10): worse" in why
    assert "61% likely to be above luck, 95% are wanted" in why
    assert models == "Of 1 models none forecasts the next session above luck."


def test_without_a_record_nothing_is_claimed() -> None:
    found = edge(Evidence(CARD))
    assert found.is_shown is None
    assert found.words == ("Not known yet: there is no record to judge.",)
