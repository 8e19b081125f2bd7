import pytest

from alpha_pipeline.steps.reliance import what_ends
from alpha_pipeline.universe import MAG7, SECTORS, UNIVERSE, VIX


@pytest.mark.parametrize(
    ("leaving", "words"),
    [
        (["QQQ"], ["QQQ is what the position is a weight of"]),
        ([VIX], ["every position abstains"]),
        (["NVDA"], ["NVDA is one of the seven that vote: 6 ballots are left."]),
        (MAG7[:3], ["NVDA, AAPL, MSFT are 3", "4 ballots are left; below 5 the vote"]),
        (["XLU"], ["XLU is one of the seven sectors: the rotation needs all of them and picks none."]),
        (["XLK", "XLU"], ["XLK, XLU are 2", "the position needs XLK too"]),
        (["QQQ", VIX, "TSLA", "XLE"], ["QQQ", VIX, "TSLA", "XLE"]),
    ],
)
def test_what_the_signals_rest_on_is_told_by_what_ends(leaving: list[str], words: list[str]) -> None:
    said = " ".join(what_ends(leaving, UNIVERSE))
    for each in words:
        assert each in said


def test_a_holding_and_an_added_ticker_end_nothing() -> None:
    assert what_ends(["COST", "PLTR", "SPY"], [*UNIVERSE, "PLTR"]) == []


def test_those_that_left_before_are_missed_too() -> None:
    [said] = what_ends(["TSLA"], [ticker for ticker in UNIVERSE if ticker not in MAG7[:2]])
    assert "4 ballots are left; below 5" in said
    assert len(SECTORS) == len(MAG7) == 7
