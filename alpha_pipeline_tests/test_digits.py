import math

import pytest

from alpha_pipeline import digits


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (0.0123, "+.3f", "+0.012"),
        (0.00031, "+.3f", "+0.00031"),
        (-0.0004, ".2f", "-0.00040"),
        (-0.0049, ".2f", "-0.0049"),
        (0.0, "+.3f", "0.000"),
        (-0.0, ".1%", "0.0%"),
        (0.0004, ".0%", "0.040%"),
        (0.0996, ".0%", "10%"),
        (1e-12, "+.4f", "+1e-12"),
        (12, ".1f", "12.0"),
        (math.nan, ".1f", "-"),
        (None, ".1f", "-"),
    ],
)
def test_no_digit_hides_behind_zeros(value: object, form: str, shown: str) -> None:
    assert digits.number(value, form) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.000214, "+2.14"),
        (-0.00000312, "-0.0312"),
        (0.01234567, "+123"),
        (0.0009996, "+10.0"),
        (0.0, "0"),
        (None, "-"),
    ],
)
def test_basis_points_have_three_digits(value: object, shown: str) -> None:
    assert digits.basis_points(value) == shown


@pytest.mark.parametrize(
    ("value", "alone", "said"),
    [
        (0.0004, "<0.001", "p < 0.001"),
        (0.0, "<0.001", "p < 0.001"),
        (0.172, "0.172", "p = 0.17"),
        (1.0, "1.000", "p = 1.00"),
    ],
)
def test_a_p_value_is_never_nought(value: float, alone: str, said: str) -> None:
    assert digits.p_value(value) == alone
    assert digits.p_said(value) == said


@pytest.mark.parametrize(
    ("value", "shown"), [(0.9996, ">99%"), (1.0, "100%"), (0.614, "61%"), (0.002, "0.20%"), (None, "-")]
)
def test_a_probability_is_certain_only_where_it_is(value: object, shown: str) -> None:
    assert digits.probability(value) == shown


@pytest.mark.parametrize(
    ("form", "values", "shown"),
    [
        ("+.3f", (0.0123, -0.0041, 0.0281), ["+0.012", "-0.004", "+0.028"]),
        ("+.3f", (-0.0005021, -0.00081, -0.00024), ["-0.00050", "-0.00081", "-0.00024"]),
        ("+.3f", (0.0123, -0.00004, 0.0281), ["+0.012", "-0.000040", "+0.028"]),
        (".1%", (0.532, 0.521, 0.5423), ["53.2%", "52.1%", "54.2%"]),
        (".1%", (0.0003, 0.0, 0.0006), ["0.030%", "0.000%", "0.060%"]),
        ("+.2f", (0.9, None, math.nan), ["+0.90", "-", "-"]),
        ("+.2f", (0.0, 0.0, 0.0), ["0.00", "0.00", "0.00"]),
    ],
)
def test_a_figure_and_its_interval_have_the_same_places(
    form: str, values: tuple[object, ...], shown: list[str]
) -> None:
    assert digits.alike(form, *values) == shown
