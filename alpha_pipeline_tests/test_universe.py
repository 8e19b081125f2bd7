import pytest

from alpha_pipeline.errors import TickerNameError
from alpha_pipeline.universe import CORE, HOLDINGS, UNIVERSE, among, checked, is_index, spellings


def test_the_universe_is_the_18_core_tickers_and_49_holdings() -> None:
    assert (len(CORE), len(HOLDINGS), len(set(UNIVERSE))) == (18, 49, 67)


NAMES = [
    "QQQ", "X", "^VIX", "^STOXX50E", "BRK-B", "BRK.B", "VOD.L", "7203.T", "SHOP.TO", "005930.KS", "M&M.NS", "L&TFH.NS",
    "ES=F", "EURUSD=X", "BTC-USD", "DX-Y.NYB", "BAJAJ-AUTO.NS", "0P0001ABCD.L",
]  # fmt: skip
NO_NAMES = [
    "", "  ", "A B", "A\nB", "../etc", "NVDA;DROP", "TOOLONGTOBEATICKER", "A/B", "A'B", "A%20B", "A*", "^", "A..B",
    "SPY.", "-A", "A&&B", "<b>", "$SPY", "A,B", "SPY^", "[A]",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_as_it_is_written_in_upper_case(name: str) -> None:
    assert checked(name) == name
    assert checked(f" {name.lower()}\t") == name


@pytest.mark.parametrize("given", NO_NAMES)
def test_what_cannot_be_a_ticker_is_refused(given: str) -> None:
    with pytest.raises(TickerNameError, match="cannot be a ticker"):
        checked(given)


@pytest.mark.parametrize(
    ("given", "letter"),
    [
        ("\u017fpy", "LATIN SMALL LETTER LONG S"),
        ("\uff33\uff30\uff39", "FULLWIDTH LATIN CAPITAL LETTER S"),
        ("\u0410APL", "CYRILLIC CAPITAL LETTER A"),
        ("NVD\u0391", "GREEK CAPITAL LETTER ALPHA"),
        ("v\u0131x", "LATIN SMALL LETTER DOTLESS I"),
        ("\ufb01x", "LATIN SMALL LIGATURE FI"),
        ("stra\u00dfe", "LATIN SMALL LETTER SHARP S"),
        ("SPY\u200b", "ZERO WIDTH SPACE"),
        ("BRK\u2011B", "NON-BREAKING HYPHEN"),
        ("BTC\u2212USD", "MINUS SIGN"),
        ("\U0001d40fY", "MATHEMATICAL BOLD CAPITAL P"),
    ],
)
def test_a_letter_that_only_looks_alike_is_refused_by_its_name(given: str, letter: str) -> None:
    with pytest.raises(TickerNameError, match=f"{letter}\\) is none of the letters A to Z"):
        checked(given)


@pytest.mark.parametrize(
    ("ticker", "others"),
    [("BRK.B", ["BRK-B"]), ("BRK-B", ["BRK.B"]), ("VOD.L", ["VOD-L"]), ("7203.T", ["7203-T"])]
    + [(ticker, []) for ticker in ("SHOP.TO", "005930.KS", "QQQ", "BTC-USD", "ES=F", "^VIX", "M&M.NS")],
)
def test_only_a_mark_before_one_letter_may_be_another(ticker: str, others: list[str]) -> None:
    assert spellings(ticker) == (ticker, *others)


def test_a_ticker_is_found_as_it_is_written_before_it_is_found_otherwise() -> None:
    assert among("BRK.B", {"BRK-B", "BRK.B"}) == "BRK.B"
    assert among("BRK.B", {"BRK-B"}) == "BRK-B"
    assert among("BRK-B", {"BRK.B"}) == "BRK.B"
    assert among("VOD.L", {"VOD", "L"}) is None


def test_only_a_caret_makes_an_index() -> None:
    assert is_index("^VIX")
    assert not is_index("UVXY")
