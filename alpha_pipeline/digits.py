"""How a number is shown: a digit that is there is never hidden behind zeros, and nothing has the sign of 0."""

import math
import re
from typing import Final

MISSING: Final = "-"
_KEPT: Final = 2  # digits shown of a number that its format would show as zeros
_MOST_PLACES: Final = 6


def number(value: object, form: str) -> str:
    """A number by a format such as ``+.3f`` or ``.1%``, with more places where that would show zeros alone.

    0.0004 by ``.3f`` is 0.00040, and exactly 0 has no sign. A dash for what is missing or undefined.
    """
    if not isinstance(value, float | int) or not math.isfinite(value):
        return MISSING
    if value == 0:
        return format(0.0, form.removeprefix("+"))
    shown = format(float(value), form)
    if re.search(r"[1-9]", shown):
        return shown
    places = _places(100 * value if form.endswith("%") else value, _KEPT)
    if places > _MOST_PLACES:
        return format(float(value), f"{'+' if form.startswith('+') else ''}.0e")
    return format(float(value), re.sub(r"\.\d+", f".{places}", form))


def alike(form: str, *values: object) -> list[str]:
    """Numbers that belong together, such as a figure and the ends of its interval, with the same places.

    As many as the format has, or as show two digits of the largest; a small one that they would hide gets more.
    """
    known = [float(one) for one in values if isinstance(one, float | int) and math.isfinite(one) and one]
    if known:
        largest = max(abs(one) for one in known) * (100 if form.endswith("%") else 1)
        places = max(_places(largest, _KEPT), int(re.sub(r".*\.(\d+).*", r"\1", form)))
        form = re.sub(r"\.\d+", f".{min(places, _MOST_PLACES)}", form)
    return [number(one, form) for one in values]


def significant(value: object, digits: int = 3, sign: str = "+") -> str:
    """A number with so many significant digits; the places before the point are never rounded."""
    if not isinstance(value, float | int) or not math.isfinite(value):
        return MISSING
    return f"{value:{sign},.{_places(value, digits)}f}" if value else "0"


def basis_points(value: object) -> str:
    """A return in basis points, three significant digits, without the unit: the heading says it."""
    return significant(1e4 * value) if isinstance(value, float | int) else MISSING


def probability(value: object) -> str:
    """A probability in whole percent; what rounds to certainty without being it is said to be above 99 %."""
    if isinstance(value, float) and 0.995 <= value < 1:
        return ">99%"
    return number(value, ".0%")


def p_value(value: object) -> str:
    """A p-value with three places; below them only that it is."""
    if isinstance(value, float) and value < 0.001:
        return "<0.001"
    return number(value, ".3f")


def p_said(value: float) -> str:
    """A p-value within a sentence: ``p = 0.17``, or ``p < 0.001``."""
    shown = p_value(value)
    return f"p < {shown[1:]}" if shown.startswith("<") else f"p = {number(value, '.2f')}"


def _places(value: float, digits: int) -> int:
    """The places after the point that show so many significant digits."""
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    return max(0, digits - 1 - exponent)
