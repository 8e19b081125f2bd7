"""Prices and volumes in the marks that people write: one reading for a file's prices, or a refusal."""

import polars as pl
import pytest

from alpha_pipeline.errors import SourceError
from alpha_pipeline.sources.files.amounts import read_numbers


def prices(*values: str, delimiter: str = ",") -> list[float | None]:
    column = pl.Series(values)
    return read_numbers({"close": column}, {"close": "Close"}, delimiter).values["close"].to_list()


def volumes(*values: str, price: str = "370.29") -> list[float | None]:
    columns = {"close": pl.Series([price] * len(values)), "volume": pl.Series(values)}
    return read_numbers(columns, {"close": "Close", "volume": "Vol."}, ";").values["volume"].to_list()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (("370.29", "1370.5"), (370.29, 1370.5)),
        (("1,370.29", "999.5"), (1370.29, 999.5)),
        (("370,29", "371"), (370.29, 371.0)),
        (("1.370,29", "999,5"), (1370.29, 999.5)),
        (("1 370,29", "999,5"), (1370.29, 999.5)),
        (("1'370.29", "1\u2019234'567.5"), (1370.29, 1234567.5)),
        (("12,34,567.5", "1,234.5"), (1234567.5, 1234.5)),
        (("$370.29", "$ 1,370.29"), (370.29, 1370.29)),
        (("370,29 €", "EUR 1.370,29"), (370.29, 1370.29)),
        (("USD 370.29", "370.29 usd"), (370.29, 370.29)),
        (("3.7029e2", "370.29"), (370.29, 370.29)),
        (("999", "1,001"), (999.0, 1001.0)),
        (("370.290", "371.125"), (370.29, 371.125)),
        (("12.345", "1.234"), (12.345, 1.234)),
    ],
)
def test_prices_are_read_in_every_mark(written: tuple[str, ...], meant: tuple[float, ...]) -> None:
    assert prices(*written) == list(meant)


@pytest.mark.parametrize("nothing", ["", " ", "null", "N/A", "n/a", "NaN", "None", "-", "--", "—", "#N/A", "."])
def test_words_for_nothing_are_nothing(nothing: str) -> None:
    numbers = read_numbers({"close": pl.Series([nothing, "370.29"])}, {"close": "Close"}, ",")
    assert numbers.values["close"].to_list() == [None, 370.29]
    assert not numbers.unreadable["close"].any()


@pytest.mark.parametrize("odd", ["12%", "(370.29)", "about 370", "370.29p", "3,70,29.1", "1.2.3"])
def test_what_is_no_price_is_told_and_not_guessed(odd: str) -> None:
    numbers = read_numbers({"close": pl.Series(["370.29", odd, "371.5"])}, {"close": "Close"}, ",")
    assert numbers.values["close"].to_list() == [370.29, None, 371.5]
    assert numbers.unreadable["close"].to_list() == [False, True, False]


@pytest.mark.parametrize(("values", "delimiter"), [(("1,234", "1,240"), ","), (("1.234", "1.240"), ";")])
def test_a_mark_that_may_be_either_is_refused_with_both_readings(values: tuple[str, ...], delimiter: str) -> None:
    with pytest.raises(
        SourceError, match=r"column Close: '1.234' may be 1.*234.* or 1.*234, and no price of the file tells"
    ):
        prices(*values, delimiter=delimiter)


def test_one_price_that_tells_decides_for_all_columns() -> None:
    columns = {"open": pl.Series(["1.234", "1.250"]), "close": pl.Series(["1.240,50", "1.251"])}
    read = read_numbers(columns, {"open": "Open", "close": "Close"}, ";").values
    assert read["open"].to_list() == [1234.0, 1250.0]
    assert read["close"].to_list() == [1240.5, 1251.0]


@pytest.mark.parametrize(
    ("written", "price", "meant"),
    [
        (("45.55M", "1.2B", "850K", "12"), "370.29", (45_550_000.0, 1.2e9, 850_000.0, 12.0)),
        (("45,55M", "1,2B"), "370,29", (45_550_000.0, 1.2e9)),
        (("45.550M", "45.123m", "12"), "370.29", (45_550_000.0, 45_123_000.0, 12.0)),
        (("19,432,900", "1,000"), "370.29", (19_432_900.0, 1000.0)),
        (("19.432.900", "1.000"), "370,29", (19_432_900.0, 1000.0)),
        (("19,432,900", "1,000"), "370,29", (19_432_900.0, 1000.0)),
        (("123,456", "1,000"), "370.29", (123_456.0, 1000.0)),
        (("123.456", "1.000"), "370,29", (123_456.0, 1000.0)),
        (("19432900.0", "1000.5"), "370.29", (19_432_900.0, 1000.5)),
        (("-", "1000"), "370.29", (None, 1000.0)),
    ],
)
def test_volumes_are_read_in_every_mark(written: tuple[str, ...], price: str, meant: tuple[float | None, ...]) -> None:
    assert volumes(*written, price=price) == list(meant)


@pytest.mark.parametrize(("value", "price"), [("123.456", "370.29"), ("123,456", "370,29")])
def test_a_volume_that_may_be_a_fraction_is_refused(value: str, price: str) -> None:
    with pytest.raises(
        SourceError, match=r"column Vol\.: '123.456' may be a whole number with a thousands mark or a fraction"
    ):
        volumes(value, value, price=price)


def test_prices_in_two_currencies_are_refused() -> None:
    with pytest.raises(SourceError, match=r"prices in several currencies \(\$ in Close, € in Close\)"):
        prices("$370.29", "370.29 €")


def test_a_column_of_lists_is_no_column_of_prices() -> None:
    with pytest.raises(SourceError, match="has no numbers in its column Close but List"):
        read_numbers({"close": pl.Series([[1.0]])}, {"close": "Close"}, "")
