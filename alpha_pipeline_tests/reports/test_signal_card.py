import dataclasses
import datetime as dt
import math

import pytest
from rich.console import Console

from alpha_pipeline.evaluation.records import Record
from alpha_pipeline.reports.signal_card import Cause, SignalCard, render
from alpha_pipeline.universe import MAG7, VIX

CARD = SignalCard(
    market="files",
    is_simulated=False,
    session=dt.date(2016, 1, 29),
    next_session=dt.date(2016, 2, 1),
    target_weight=0.62,
    reason="strong buy: 5 of 6 bull; size 0.62 in a normal regime",
    vote={"n_bull": 5, "n_voting": 6, "signal": "strong_buy", "missing": "META"},
    ballots={"NVDA": (0.58, True), "AAPL": (0.49, False)},
    rotation={"pick": "XLK", "qqq_allowed": True, "missing": ""},
    ranks=(("XLK", 0.004), ("XLE", -0.012)),
    regime={
        "regime": "normal",
        "expected_change": 0.013,
        "prob_spike": 0.07,
        "exit_longs": False,
        "size_multiplier": 0.62,
        "missing": "",
    },
    record={"qqq_position": Record(0.83, 0.094, -0.21, 1.094, 252), "idle": Record(math.nan, 0.0, 0.0, 1.0, 252)},
    record_from=dt.date(2016, 1, 5),
    problems=("META: no [answer]",),
)


def text(card: SignalCard, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(render(card))
    return capture.get()


def test_the_card_says_what_to_hold_why_and_when() -> None:
    shown = text(CARD)
    for words in (
        "QQQ at the open of 2016-02-01",
        "decided at the close of 2016-01-29",
        "market: files",
        "Hold 62% QQQ   strong buy: 5 of 6 bull",
        "5 of 6 bull: strong buy  ▲ NVDA 58%  · AAPL 49%  missing: META",
        "XLK; QQQ allowed by XLK and XLY   XLK +0.40%  XLE -1.20%",
        "normal; expected change +1.3%; P(spike > 10 %) 7%; no exit; size 0.62",
        "Record since 2016-01-05",
    ):
        assert words in shown
    assert "SIMULATED" not in shown


def test_a_simulated_card_says_so_above_and_below() -> None:
    shown = text(dataclasses.replace(CARD, is_simulated=True, market="simulated(seed=7, planted_ic=0.0)")).splitlines()
    first, market, last = (line for line in shown if "SIMULATED" in line)
    assert "SIMULATED · QQQ at the open" in first
    assert "SIMULATED · market: simulated(seed=7, planted_ic=0.0)" in market
    assert "SIMULATED · decided" in last


def test_a_problem_is_shown_as_it_was_said() -> None:
    assert "! META: no [answer]" in text(CARD)


def test_a_strategy_that_never_moved_has_no_ratio() -> None:
    shown = text(CARD)
    assert "nan" not in shown
    assert [line.split()[1:-1] for line in shown.splitlines() if " idle " in line] == [["idle", "-", "0.0%", "0.0%"]]
    assert [line.split()[1:-1] for line in shown.splitlines() if "qqq position" in line] == [
        ["qqq", "position", "0.83", "9.4%", "-21.0%"]
    ]


def test_luck_stands_beside_the_record() -> None:
    said = ("220 trials were made.", "The best of one half is no better in the other.")
    shown = text(dataclasses.replace(CARD, above_luck={"qqq_position": 0.66}, luck=said), 120)
    assert [line.split()[-2] for line in shown.splitlines() if "qqq position" in line] == ["66%"]
    assert [line.split()[-2] for line in shown.splitlines() if " idle " in line] == ["-"]
    assert " ".join(said) in shown


def test_an_exit_is_loud() -> None:
    leaving = dataclasses.replace(CARD, target_weight=0.0, regime=dict(CARD.regime) | {"exit_longs": True})
    assert "EXIT LONGS" in text(leaving)
    assert "Hold 0% QQQ" in text(leaving)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_an_empty_card_is_drawn_too(width: int) -> None:
    nothing = dataclasses.replace(
        CARD, vote={}, ballots={}, rotation={}, ranks=(), regime={}, record={}, record_from=None, problems=()
    )
    shown = text(nothing, width)
    assert "0 of 0 bull: abstain" in shown
    assert "cash; QQQ not allowed" in shown
    assert "Record since" not in shown
    assert max(len(line) for line in shown.splitlines()) <= width


def test_a_short_record_says_how_long_it_is_and_nothing_of_a_year() -> None:
    month = Record(math.nan, math.nan, -0.03, 1.08, 30)
    short = dataclasses.replace(CARD, record={"qqq_position": month, "young": dataclasses.replace(month, sessions=1)})
    shown = text(short)
    assert [line.split()[1:-1] for line in shown.splitlines() if "qqq position" in line] == [
        ["qqq", "position", "30", "8.0%", "-", "-", "-3.0%"]
    ]
    assert "1 to 30 sessions: figures a year (Sharpe, CAGR) are of 248 or more." in shown
    assert "sessions:" not in text(CARD)


def test_the_card_names_the_cause_and_not_its_consequence() -> None:
    fix = "`alpha train --experiments v13_bull_sniper` trains it"
    untrained = Cause("v13_bull_sniper is not trained", MAG7, fix)
    lacking = dataclasses.replace(
        CARD,
        target_weight=0.0,
        reason="abstains: no fresh ballot from NVDA, AAPL; no ^VIX close, ^VIX forecast",
        vote={"n_bull": 0, "n_voting": 0, "signal": "abstain", "missing": "NVDA, AAPL"},
        regime={"regime": None, "size_multiplier": 0.5, "missing": "^VIX close, ^VIX forecast"},
        rotation={"missing": "XLK"},
        causes={
            "vote": (untrained, Cause("no bars of {} are held", ("TSLA",))),
            "rotation": (Cause("no bars of {} are held", ("XLK",)),),
            "regime": (Cause("no bars of {} are held", (VIX,)),),
        },
    )
    shown = " ".join(text(lacking, 200).split())
    assert "Hold 0% QQQ abstains: v13_bull_sniper is not trained; no bars of TSLA, ^VIX are held" in shown
    assert f"v13_bull_sniper is not trained ({fix})" in shown
    assert "no bars of XLK are held" in shown
    assert "missing" not in shown
    assert "NVDA, AAPL" not in shown
