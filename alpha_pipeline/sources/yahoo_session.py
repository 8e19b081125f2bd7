"""yfinance's session: it asks whichever server is meant at its pace, and checks what comes before yfinance reads it."""

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from curl_cffi.requests import Response, Session

from alpha_pipeline.sources.pace import Pace
from alpha_pipeline.sources.waits import Waits
from alpha_pipeline.sources.yahoo_chart import check_chart
from alpha_pipeline.words import said

CHART: Final = "/v8/finance/chart/"
COOKIE_HOST: Final = "fc.yahoo.com"
# yfinance knows this page, and says so.
DOWN: Final = b"Will be right back"
# Of the last request that patience allows.
SHORTEST_TIMEOUT_S: Final = 0.5


class ChartRefusedError(Exception):
    """Yahoo refused a chart request, with an HTTP status and perhaps a reason."""

    def __init__(self, status: int, reason: str, retry_after_s: float = 0.0) -> None:
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s
        what = "rate limit, " if status == 429 else ""
        super().__init__(f"{what}HTTP {status}" + (f": {reason}" if reason else ""))


class YahooSession(Session[Response]):
    """yfinance's session, pointed at another host when given one, that raises on a refused chart request.

    Raising here keeps yfinance from repeating a refused request half a millisecond later, and keeps the
    status, which yfinance loses. 401 and 403 pass: there its second request, with another cookie, may help.
    Every request waits for its turn. yfinance asks for a cookie before every chart request where none is set, and the
    chart needs none: the first answer is kept.
    """

    def __init__(self, base_url: str | None, pace: Pace, waits: Waits, timeout_s: float) -> None:
        super().__init__(impersonate="chrome")
        self._base = urlsplit(base_url) if base_url else None
        self._pace = pace
        self._waits = waits
        self._timeout_s = timeout_s
        self._cookie: Response | None = None

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - curl_cffi's
        """One request, when its turn has come; a refused or an odd chart is raised."""
        asked = urlsplit(url)
        is_for_cookie = asked.netloc == COOKIE_HOST
        if is_for_cookie and self._cookie is not None:
            return self._cookie
        if self._base is not None:
            path = self._base.path.rstrip("/") + (asked.path or "/")
            url = urlunsplit(asked._replace(scheme=self._base.scheme, netloc=self._base.netloc, path=path))
        self._waits.require_patience()
        self._pace.wait(self._waits.left(), self._waits.because)
        # yfinance has limits of its own for some requests; none may hold up a ticker for longer than this.
        limit = min(self._timeout_s, max(self._waits.left(), SHORTEST_TIMEOUT_S))
        kwargs["timeout"] = min(kwargs.get("timeout") or limit, limit)
        response = super().request(method, url, *args, **kwargs)
        if is_for_cookie:
            self._cookie = response
        if response.status_code not in {429, *range(500, 600)}:
            self._waits.answered()
        if asked.path.startswith(CHART) and response.status_code in {404, 429, *range(500, 600)}:
            after = _seconds(response.headers.get("Retry-After"))
            raise ChartRefusedError(response.status_code, _reason(response.content), after)
        if asked.path.startswith(CHART) and response.status_code == 200 and DOWN not in response.content:
            check_chart(response.content, unquote(asked.path.removeprefix(CHART)))
        return response


def _reason(body: bytes) -> str:
    """Yahoo's own words in a refusal; empty where it gave none."""
    try:
        return said(str(json.loads(body)["chart"]["error"]["description"]))
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def _seconds(retry_after: str | None) -> float:
    """How long a server asks to be left alone: seconds, or a date; 0 where it says neither."""
    try:
        return max(float(retry_after or 0.0), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(str(retry_after)).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return 0.0
