"""What the columns of people's files mean."""

import pytest

from alpha_pipeline.sources.files.columns import SPELLINGS, meaning, spelled


@pytest.mark.parametrize(
    "name",
    [
        "Adj Close", "Adj. Close", "Adj_Close", "AdjClose", "adjClose", "Adjusted_close", "adjusted close",
        "Adj Close**",
        "5. adjusted close", "adjusted_close", "close_adj", "Close Adj", "Close (adj.)", "Close (adjusted)", "closeadj",
        "Adj Close Price", "Adjusted Closing Price", "adj-close", "Adj Close (USD)", "Adj Close USD", "ADJ CLOSE",
        "Close (split & dividend adjusted)", "Dividend Adjusted Close", "adjcp", "Adj Last", "Adjusted Price",
    ],
)  # fmt: skip
def test_an_adjusted_close_is_known_in_every_spelling(name: str) -> None:
    assert meaning(name) == "adj_close"


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("Close adjusted for splits", "close"),
        ("Close*", "close"),
        ("Close/Last", "close"),
        ("4. close", "close"),
        ("Close (USD)", "close"),
        ("\ufeffPrice", "close"),
        ("<VOL>", "volume"),
        ("Vol.", "volume"),
        ("Eröffn.", "open"),
        ("Unnamed: 0", None),
        ("closeunadj", None),
        ("Unadjusted Close", None),
        ("Close adj factor", None),
        ("Prev. Close", None),
        ("Split Adjusted Close", None),
        ("Volume USD", None),
        ("Volume ($)", None),
        ("Vol (000s)", None),
        ("Volume (M)", None),
        ("Change %", None),
        ("Open Interest", None),
    ],
)
def test_what_only_looks_like_a_column_is_not_taken_for_it(name: str, means: str | None) -> None:
    assert meaning(name) == means


def test_each_spelling_is_declared_once_and_as_it_is_compared() -> None:
    every = [spelling for spellings in SPELLINGS.values() for spelling in spellings]
    assert len(every) == len(set(every))
    assert all(spelled(spelling) == spelling for spelling in every)
