"""Yahoo's v8 chart answer: its conventions for splits, dividends, today's bar and the rest of its habits."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from zoneinfo import ZoneInfo

from alpha_pipeline import sessions
from alpha_pipeline_tests.loopback.listing import Listing, Quirk, Trade, closing, open_stamp, opening

QUOTES = ("open", "high", "low", "close", "volume")
Row = dict[str, Any]


def chart(
    ticker: str, listing: Listing, query: Mapping[str, str], now: dt.datetime, quirks: AbstractSet[Quirk]
) -> dict[str, Any]:
    """The answer for a query (period1 and period2 in seconds, or range) at a time."""
    known = listing.known(now)
    start, end = int(query.get("period1", 0)), int(query.get("period2", 2**40))
    wanted = [session for session in known if start <= open_stamp(session) < end]
    if "range" in query:
        wanted = list(known)[-1:]
    meta = _meta(ticker, listing, now)
    if not wanted:
        return {"chart": {"result": [{"meta": meta, "indicators": {"quote": [{}]}}], "error": None}}
    rows = [_row(listing, known, session, now) for session in wanted]
    announced = _announced(listing, now) if Quirk.EX_DIVIDEND_ROW in quirks else None
    if announced and start <= open_stamp(announced) < end:
        rows.append({"timestamp": open_stamp(announced), **_without_values(rows[-1]), "volume": 0})
        wanted.append(announced)
    latest = [session for session in list(known)[-1:] if open_stamp(session) >= end]
    rows = _odd(rows, [_row(listing, known, session, now) for session in latest], quirks, now)
    result = {
        "meta": meta,
        "timestamp": [row["timestamp"] for row in rows],
        "indicators": {
            "quote": [{name: [row[name] for row in rows] for name in QUOTES}],
            "adjclose": [{"adjclose": [row["adjclose"] for row in rows]}],
        },
        "events": _events(listing, wanted[0], wanted[-1], now),
    }
    return {"chart": {"result": [result], "error": None}}


def _odd(rows: list[Row], latest: list[Row], quirks: AbstractSet[Quirk], now: dt.datetime) -> list[Row]:
    """The rows with those oddities that are on."""
    if Quirk.NULL_LAST in quirks:
        rows = [*rows[:-1], {"timestamp": rows[-1]["timestamp"], **_without_values(rows[-1])}]
    if Quirk.DUPLICATE_LAST in quirks:
        last = rows[-1]
        stamped = {"timestamp": last["timestamp"] + 23_400}  # six and a half hours later: the live row
        rows = [*rows[:-1], {**last, "volume": last["volume"] and last["volume"] * 9 // 10}, {**last, **stamped}]
    if Quirk.ROW_AFTER_END in quirks:
        rows = [*rows, *({**row, "timestamp": min(stamp(now), row["timestamp"] + 23_400)} for row in latest)]
    return rows


def _without_values(row: Row) -> Row:
    return {name: None for name in row if name != "timestamp"}


def _announced(listing: Listing, now: dt.datetime) -> dt.date | None:
    """The ex-date on which it is still before the open."""
    today = now.astimezone(ZoneInfo(listing.timezone)).date()
    return today if today in {**listing.dividends, **listing.capital_gains} and now < opening(today) else None


def _row(listing: Listing, known: Mapping[dt.date, Trade], session: dt.date, now: dt.datetime) -> Row:
    trade = known[session]
    opened, closed = opening(session), closing(session)
    prices = (trade.open, trade.high, trade.low, trade.close)
    open_, high, low, close = (math.nan if price is None else price for price in prices)
    moment, volume = opened, trade.volume
    left = _left_by_dividends(listing, known, session, now)
    if now < closed:
        elapsed = (now - opened) / (closed - opened)
        close = open_ + elapsed * (close - open_)
        high, low, volume, moment = max(open_, close), min(open_, close), int(volume * elapsed), now
    scale = _later_splits(listing, session, now)
    quoted = {"open": open_, "high": high, "low": low, "close": close, "adjclose": close * left}
    row = {name: None if math.isnan(price) else price / scale for name, price in quoted.items()}
    return {"timestamp": stamp(moment), "volume": round(volume * scale), **row}


def _later_splits(listing: Listing, session: dt.date, now: dt.datetime) -> float:
    """New shares for one of that session, by the splits known now."""
    return math.prod(r for day, r in listing.splits.items() if session < day and opening(day) <= now)


def _left_by_dividends(listing: Listing, known: Mapping[dt.date, Trade], session: dt.date, now: dt.datetime) -> float:
    """What later payments leave of a price of that session: the product of 1 - D / close before, as known now."""
    trade = known[session]
    if trade.adj_close is not None and trade.close is not None:
        return trade.adj_close / trade.close
    factor = 1.0
    for day, amount in [*listing.dividends.items(), *listing.capital_gains.items()]:
        if session < day and opening(day) <= now:
            before = listing.trades.get(sessions.offset(day, -1))
            factor *= 1 - amount / ((before and before.close) or math.inf)
    return factor


def _events(listing: Listing, first: dt.date, last: dt.date, now: dt.datetime) -> dict[str, Any]:
    """The events in the answered range, with payments per share of today, as Yahoo gives them."""
    events: dict[str, Any] = {}
    for name, paid in (("dividends", listing.dividends), ("capitalGains", listing.capital_gains)):
        days = _within(paid, first, last)
        if days:
            events[name] = {str(open_stamp(day)): _payment(listing, day, paid[day], now) for day in days}
    splits = _within(listing.splits, first, last)
    if splits:
        events["splits"] = {str(open_stamp(day)): _split(day, listing.splits[day]) for day in splits}
    return events


def _within(paid: Mapping[dt.date, float], first: dt.date, last: dt.date) -> Sequence[dt.date]:
    return [day for day in paid if first <= day <= last]


def _payment(listing: Listing, day: dt.date, amount: float, now: dt.datetime) -> dict[str, float]:
    return {"amount": amount / _later_splits(listing, day, now), "date": open_stamp(day)}


def _split(day: dt.date, ratio: float) -> dict[str, float | str]:
    """A split as Yahoo words it: 4 new for 1, or for a reverse split 1 new for 10."""
    new, old = (ratio, 1.0) if ratio >= 1 else (1.0, 1 / ratio)
    return {"date": open_stamp(day), "numerator": new, "denominator": old, "splitRatio": f"{new:g}:{old:g}"}


def _meta(ticker: str, listing: Listing, now: dt.datetime) -> dict[str, Any]:
    session = sessions.at_or_before(now.date())
    zone = ZoneInfo(listing.timezone)
    offset = now.astimezone(zone).utcoffset() or dt.timedelta()
    shared = {"timezone": now.astimezone(zone).tzname(), "gmtoffset": int(offset.total_seconds())}
    opened, closed = open_stamp(session), stamp(closing(session))
    hours = {"pre": (opened - 19_800, opened), "regular": (opened, closed), "post": (closed, closed + 14_400)}
    return {
        "currency": "USD",
        "symbol": ticker,
        "instrumentType": listing.instrument,
        "exchangeTimezoneName": listing.timezone,
        "priceHint": 2,
        "dataGranularity": "1d",
        "validRanges": ["1d", "5d", "1mo", "max"],
        "firstTradeDate": open_stamp(next(iter(listing.trades))),
        "regularMarketTime": stamp(min(now, closing(session))),
        "currentTradingPeriod": {name: {"start": a, "end": b, **shared} for name, (a, b) in hours.items()},
    }


def stamp(instant: dt.datetime) -> int:
    """Seconds since 1970."""
    return int(instant.timestamp())
