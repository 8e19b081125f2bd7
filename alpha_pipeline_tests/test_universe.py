import pytest

from alpha_pipeline.errors import TickerNameError
from alpha_pipeline.universe import CORE, HOLDINGS, UNIVERSE, checked, is_index


def test_the_universe_is_the_18_core_tickers_and_49_holdings() -> None:
    assert (len(CORE), len(HOLDINGS), len(set(UNIVERSE))) == (18, 49, 67)


@pytest.mark.parametrize(
    ("given", "name"),
    [("qqq", "QQQ"), (" ^vix ", "^VIX"), ("brk.b", "BRK-B"), ("BRK-B", "BRK-B"), ("005930.KS", "005930.KS")],
)
def test_names_are_spelled_as_yahoo_does(given: str, name: str) -> None:
    assert checked(given) == name


@pytest.mark.parametrize("given", ["", "  ", "../etc", "A B", "NVDA;DROP", "TOOLONGTOBEATICKER", "A/B"])
def test_what_cannot_be_a_ticker_is_refused(given: str) -> None:
    with pytest.raises(TickerNameError, match="cannot be a ticker"):
        checked(given)


def test_only_a_caret_makes_an_index() -> None:
    assert is_index("^VIX")
    assert not is_index("UVXY")
