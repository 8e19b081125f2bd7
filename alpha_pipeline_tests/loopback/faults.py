"""How the loopback Yahoo can fail: what becomes of an answer on its way out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

# A chart request asks for bars, or, with range=1d, for a new ticker's time zone; "chart" means either.
Asked = Literal["chart", "time zone", "crumb"]

NULL_RESULT = json.dumps({"chart": {"result": None, "error": None}})
MAINTENANCE = "<html><head><title>Yahoo</title></head><body>Will be right back...</body></html>"


@dataclass(frozen=True)
class Reply:
    """What a request gets.

    Attributes:
        status: of HTTP.
        body: as text.
        delay_s: seconds before it is sent.
        is_dropped: the socket is closed instead.
    """

    status: int
    body: str
    delay_s: float = 0.0
    is_dropped: bool = False


@dataclass
class Fault:
    """What the next requests of a kind get in place of their answer.

    Attributes:
        spoil: from the true reply to the one sent.
        times: how many requests it still meets.
        ticker: whose; None for any.
        asked: what they ask for.
    """

    spoil: Callable[[Reply], Reply]
    times: int
    ticker: str | None
    asked: Asked

    def meets(self, asked: Asked, ticker: str | None) -> bool:
        """Whether it is due for a request."""
        is_of_kind = self.asked == asked or (self.asked == "chart" and asked == "time zone")
        return self.times > 0 and is_of_kind and self.ticker in {None, ticker}


def chart_error(code: str, description: str) -> str:
    """Yahoo's words for why there is no chart."""
    return json.dumps({"chart": {"result": None, "error": {"code": code, "description": description}}})


def unknown_symbol() -> Reply:
    """Yahoo's answer for a ticker that it does not list."""
    return Reply(HTTPStatus.NOT_FOUND, chart_error("Not Found", "No data found, symbol may be delisted"))
