"""What a chart answer of Yahoo's must look like before yfinance reads it.

yfinance trusts the shape of an answer. What is odd surfaces in it as whichever lookup fails first, or does not surface
at all: a volume of 1e30 becomes a negative one, of two rows of one day the first stays, a missing list of adjusted
closes is replaced by the closes. So the shape is checked first, and the place that is odd is named. What may be wrong
with single rows (a price of 0, a day without a session) is left to `ingestion.quality`.
"""

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from alpha_pipeline.universe import is_index
from alpha_pipeline.words import quoted

PRICES: Final = ("open", "high", "low", "close")
# Older than any exchange's data, and later than anybody asks for: 1811 to 2242.
_EARLIEST: Final = -5_000_000_000
_LATEST: Final = 8_600_000_000
# The daily rows of 150 years.
_MOST_ROWS: Final = 40_000
_LARGEST_PRICE: Final = 1e15
_LARGEST_VOLUME: Final = 9e18  # what an Int64 holds
# Two rows that are closer are of one day.
_SAME_DAY_S: Final = 43_200
_EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "dividends": ("amount",),
    "capitalGains": ("amount",),
    "splits": ("numerator", "denominator"),
}


class OddChartError(Exception):
    """An answer that cannot be one of Yahoo's: what is odd about it."""


def check_chart(body: bytes, ticker: str) -> None:
    """Check the shape of an answer; one without bars, or with Yahoo's reason for having none, passes.

    Args:
        body: the answer as it came.
        ticker: whose chart was asked for.

    Raises:
        OddChartError: something in it is not what Yahoo gives there.
    """
    chart = _member(_parsed(body), "chart", dict, "the answer")
    if chart.get("error"):
        _member(_member(chart, "error", dict, "chart"), "description", str, "chart.error")
        return
    if chart.get("result") in (None, []):
        return
    results = _member(chart, "result", list, "chart")
    result = _typed(results[0], dict, "chart.result[0]")
    if len(results) > 1:
        raise OddChartError(f"chart.result holds {len(results)} charts, not one")
    _check_meta(_member(result, "meta", dict, "result"), ticker)
    quotes = _member(_member(result, "indicators", dict, "result"), "quote", list, "indicators")
    quote = _typed(quotes[0], dict, "indicators.quote[0]") if quotes else {}
    if not quote and not result.get("timestamp"):
        return
    stamps = _stamps(_member(result, "timestamp", list, "result"))
    columns = {name: _numbers(quote, name, len(stamps), _LARGEST_PRICE) for name in PRICES}
    columns["volume"] = _numbers(quote, "volume", len(stamps), _LARGEST_VOLUME)
    columns["adjclose"] = _adjusted(result["indicators"], len(stamps), ticker)
    _check_days(stamps, list(zip(*columns.values(), strict=True)))
    _check_events(result.get("events", {}))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise OddChartError(f"it is no JSON; it begins with {quoted(body[:80].decode(errors='replace'))}") from None
    return _typed(told, dict, "the answer")


def _check_meta(meta: Mapping[str, Any], ticker: str) -> None:
    symbol = meta.get("symbol", ticker)
    if not isinstance(symbol, str) or symbol.upper() != ticker.upper():
        raise OddChartError(f"it is of {quoted(symbol)} and not of {ticker}")
    period = meta.get("dataGranularity", "1d")
    if period != "1d":
        raise OddChartError(f"its bars are of {quoted(period)} and not of days")
    zone = _member(meta, "exchangeTimezoneName", str, "meta")
    try:
        ZoneInfo(zone)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, below
        raise OddChartError(f"its time zone is {quoted(zone)}") from None
    except KeyError:
        raise OddChartError(f"its time zone is {quoted(zone)}, which nobody knows") from None


def _stamps(given: Sequence[Any]) -> list[int]:
    if len(given) > _MOST_ROWS:
        raise OddChartError(f"it has {len(given):,} rows, more than any history of days")
    for place, stamp in enumerate(given):
        if type(stamp) is not int or not _EARLIEST < stamp < _LATEST:
            raise OddChartError(f"timestamp[{place}] is {quoted(stamp)}, expected seconds since 1970")
    stamps: list[int] = list(given)
    if stamps != sorted(stamps):
        raise OddChartError("its timestamps are not in order")
    return stamps


def _numbers(columns: Mapping[str, Any], name: str, n: int, largest: float) -> list[float | None]:
    """A column of as many numbers as there are timestamps; null is a hole, and may be."""
    values = _member(columns, name, list, "the quotes")
    if len(values) != n:
        raise OddChartError(f"{name} has {len(values)} values for {n} timestamps")
    for place, value in enumerate(values):
        if value is not None and not (_is_number(value) and abs(value) < largest):
            raise OddChartError(f"{name}[{place}] is {quoted(value)}, expected a number")
    return values


def _adjusted(indicators: Mapping[str, Any], n: int, ticker: str) -> list[float | None]:
    """The adjusted closes; an index, which pays nothing, needs none."""
    if is_index(ticker) and "adjclose" not in indicators:
        return [None] * n
    columns = _member(indicators, "adjclose", list, "indicators")
    if len(columns) != 1:
        raise OddChartError(f"indicators.adjclose holds {len(columns)} columns, not one")
    return _numbers(_typed(columns[0], dict, "adjclose[0]"), "adjclose", n, _LARGEST_PRICE)


def _check_days(stamps: Sequence[int], rows: Sequence[tuple[float | None, ...]]) -> None:
    """Of one day are one row, or two that say the same, or on the last day the bar and what trades now."""
    for place in range(1, len(stamps)):
        is_same_day = stamps[place] - stamps[place - 1] < _SAME_DAY_S
        if is_same_day and place < len(stamps) - 1 and rows[place] != rows[place - 1]:
            # The row after the last session asked for is one of these too, and comes alone after the two.
            if stamps[-1] - stamps[place] < 5 * 86_400 and place == len(stamps) - 2:
                continue
            day = dt.datetime.fromtimestamp(stamps[place], dt.UTC).date()
            raise OddChartError(f"it has two rows of {day} that differ")


def _check_events(events: Any) -> None:  # noqa: ANN401 - JSON
    for kind, fields in _EVENTS.items():
        for key, event in _typed(_typed(events, dict, "events").get(kind, {}), dict, f"events.{kind}").items():
            place = f"events.{kind}[{quoted(key)}]"
            date = _typed(event, dict, place).get("date")
            if type(date) is not int or not _EARLIEST < date < _LATEST or (key.isdecimal() and int(key) != date):
                raise OddChartError(f"{place}.date is {quoted(date)}, expected the seconds of its key")
            for name in fields:
                value = event.get(name)
                least = 0.0 if name == "amount" else math.ulp(0.0)
                if not _is_number(value) or not least <= value < _LARGEST_PRICE:
                    raise OddChartError(f"{place}.{name} is {quoted(value)}, expected a number above 0")


def _is_number(value: Any) -> bool:  # noqa: ANN401 - JSON
    return type(value) in (int, float) and math.isfinite(value)


def _member(of: Mapping[str, Any], name: str, kind: type, place: str) -> Any:  # noqa: ANN401 - JSON
    if name not in of:
        raise OddChartError(f"{place} has no {name}")
    return _typed(of[name], kind, f"{place}.{name}")


def _typed(value: Any, kind: type, place: str) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, kind):
        kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
        raise OddChartError(f"{place} is {quoted(value)}, expected {kinds[kind]}")
    return value
