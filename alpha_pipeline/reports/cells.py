"""Figures as the cells of an HTML table."""

import math


def number(value: object, form: str) -> str:
    """A number as shown; a dash for what is missing or undefined."""
    return format(value, form) if isinstance(value, float) and math.isfinite(value) else "&ndash;"


def with_interval(value: object, low: object, high: object, form: str) -> str:
    """A number, and its interval in grey under it where there is one."""
    if low is None or high is None:
        return number(value, form)
    return f'{number(value, form)}<span class="interval">{number(low, form)} to {number(high, form)}</span>'
