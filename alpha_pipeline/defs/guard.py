"""Who may ask the web UI what: the rules, over what a server is told of a request.

Dagster's web server believes every request. A page in the user's browser can send requests to any name, this machine's
included, and a name of its own can be made to mean this machine (DNS rebinding). Nobody logs in, so what a request may
do is told from what a browser says of it and no page can change: ``Host``, ``Origin`` and ``Sec-Fetch-*``.

* Only names that were given may be asked for, with the port: loopback, and those of `ALPHA_UI_HOSTS`.
* Whatever changes something comes by POST, as JSON (which no page may send elsewhere unasked), and from the web UI's
  own origin. A program that is no browser says no origin, and needs none.
* Reading from another site is following a link, and nothing else.

After https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

from alpha_pipeline.settings import HOST_NAME

# What browsers send with a request and other programs do not.
OF_BROWSERS: Final = ("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "referer", "cookie")
# A page must ask before it sends these to another origin, and nobody here says yes.
ASKED_FOR_FIRST: Final = ("application/json", "application/graphql")
LONGEST_SHOWN: Final = 80


@dataclass(frozen=True)
class Request:
    """What is told of a request before any of its body is read.

    Attributes:
        path: decoded, without the query.
        query: as it was sent, after the `?`.
        headers: name in lower case and value, in their order.
        port: on which it came in; None when there is none.
        method: None for a WebSocket that is to be opened.
    """

    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    port: int | None
    method: str | None

    def said(self, header: str) -> list[str]:
        """Every value of a header."""
        return [value for name, value in self.headers if name == header]

    @property
    def only_reads(self) -> bool:
        """Whether the method is one that must change nothing."""
        return self.method in {"GET", "HEAD"}


def refusal(request: Request, names: Collection[str]) -> str | None:
    """Why a request is refused and what helps, in one line; None when it may be answered.

    Args:
        request: what was asked.
        names: further names of the web UI, as a Host header says them.
    """
    host, *more = [value.lower() for value in request.said("host")] or [""]
    if more or not (_is_loopback(host, request.port) or host in names):
        return (
            f"this web UI is not served as {_shown(host)}. If that name is yours, start it with --allow-host NAME (or "
            "ALPHA_UI_HOSTS), NAME as it stands in the address bar, with its port."
        )
    return _foreign(request, host) or _changing(request)


def _is_loopback(host: str, port: int | None) -> bool:
    """Whether a host is this machine by a name that nobody can make mean another, on the port asked."""
    found = HOST_NAME.fullmatch(host)
    if found is None or int(found["port"] or 80) != (port or 80):
        return False
    try:
        return found["name"] == "localhost" or ip_address(found["name"].strip("[]")).is_loopback
    except ValueError:
        return False


def _foreign(request: Request, host: str) -> str | None:
    """Why a request from another page is refused, or from a page that does not say which."""
    origins = request.said("origin")
    for origin in origins:
        if origin.lower() not in {f"http://{host}", f"https://{host}"}:
            return (
                f"a page of {_shown(origin)} may not ask the web UI of {_shown(host)}. Open the web UI itself; a proxy "
                "in front of it must hand on the Host that the browser sent, and that name must be allowed."
            )
    for site in request.said("sec-fetch-site"):
        if site not in {"same-origin", "none"} and not _is_link(request):
            return "a page of another site may not ask the web UI. Open the web UI itself."
    is_browser = any(request.said(name) for name in OF_BROWSERS) or any(
        agent.startswith("Mozilla/") for agent in request.said("user-agent")
    )
    if is_browser and not origins and not request.only_reads:
        return "a browser that changes something must say from which page (Origin). Use the web UI, in a newer browser."
    return None


def _is_link(request: Request) -> bool:
    """Whether a page lets the browser go to the web UI, in a tab of its own and not in a frame."""
    navigates = request.said("sec-fetch-mode") == ["navigate"] and request.said("sec-fetch-dest") == ["document"]
    return navigates and request.method == "GET"


def _changing(request: Request) -> str | None:
    """Why a request that could change something is refused."""
    if request.method is None:
        return None
    if not request.only_reads:
        types = [value.partition(";")[0].strip().lower() for value in request.said("content-type")] or [""]
        wrong = [given for given in types if given not in ASKED_FOR_FIRST]
        if wrong:
            what = f"of the type {_shown(wrong[0])}" if wrong[0] else "that does not say its type"
            return f"a {request.method} {what} is not taken. Send JSON, with Content-Type: application/json."
        return None
    # Not by the exact path: a router has ways of its own to compare.
    if "graphql" in request.path.lower():
        queries = [value for name, value in parse_qsl(request.query, keep_blank_values=True) if name == "query"]
        if not _all_read(queries):
            return f"{request.method} only reads. Send a mutation by POST, with Content-Type: application/json."
    return None


def _all_read(queries: Iterable[str]) -> bool:
    """Whether GraphQL documents hold nothing but queries, by the parser that the web server uses; unread: no."""
    try:
        found = [definition for query in queries for definition in parse(query).definitions]
    except (GraphQLError, RecursionError):
        return False
    return all(
        definition.operation is OperationType.QUERY
        for definition in found
        if isinstance(definition, OperationDefinitionNode)
    )


def _shown(given: str) -> str:
    """What somebody sent, short and printable."""
    return ascii(given if len(given) <= LONGEST_SHOWN else f"{given[:LONGEST_SHOWN]}...")
