"""What the web UI answers and what it refuses, rule by rule; `test_guarded_web_ui.py` asks the real server."""

from urllib.parse import quote

import pytest

from alpha_pipeline.defs.guard import Request, refusal

PORT = 3000
OWN = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{OWN}"
NAMES = ("alpha.example.org", "10.0.0.5:8080")
MUTATION = "mutation { launchRun { __typename } }"
Headers = dict[str, str]


def said(method: str | None = "GET", path: str = "/runs", query: str = "", host: str = OWN, **headers: str) -> str:
    """Why a request is refused; nothing when it is answered."""
    given = [("host", host), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return refusal(Request(path, query, tuple(given), PORT, method), NAMES) or ""


def posted(**headers: str) -> str:
    return said("POST", "/graphql", **({"content_type": "application/json"} | headers))


@pytest.mark.parametrize(
    "host", [OWN, "localhost:3000", "LOCALHOST:3000", "[::1]:3000", "127.8.9.1:3000", *NAMES, "ALPHA.example.org"]
)
def test_a_name_of_this_machine_or_one_that_was_given(host: str) -> None:
    assert said(host=host) == ""
    assert posted(host=host, origin=f"http://{host.lower()}") == ""


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:3000",
        "localhost",
        "localhost:3001",
        "127.0.0.1",
        "localhost.evil.example:3000",
        "127.0.0.1.evil.example:3000",
        "localhost.:3000",
        "127.0.0.1:3000@evil.example",
        "localhost:3000:3000",
        "0.0.0.0:3000",
        "10.0.0.5",
        "10.0.0.5:3000",
        "2130706433:3000",
        "[::2]:3000",
        "alpha.example.org:3000",
        "evil.alpha.example.org",
        "x" * 10_000,
        "\u202e\x1b[31m:3000",
    ],
    ids=lambda host: ascii(host)[:40],
)
def test_any_other_name_is_refused_with_what_to_set(host: str) -> None:
    """A name that its owner has turned to this machine (DNS rebinding) is one of them."""
    words = said(host=host)
    assert "--allow-host NAME (or ALPHA_UI_HOSTS)" in words
    assert words.isprintable()
    assert len(words) < 400


def test_two_hosts_are_refused() -> None:
    """Of two a proxy may have believed the other."""
    two = Request("/", "", (("host", OWN), ("host", OWN)), PORT, "GET")
    assert "is not served as" in str(refusal(two, NAMES))
    assert "is not served as" in str(refusal(Request("/", "", (), PORT, "GET"), NAMES))


def test_port_80_needs_no_port() -> None:
    request = Request("/", "", (("host", "localhost"),), 80, "GET")
    assert refusal(request, ()) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", None], ids=str)
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:3001",
        "http://localhost:3000",
        "http://127.0.0.1:3000.evil.example",
        "http://evil.example/http://127.0.0.1:3000",
        "file://",
        "127.0.0.1:3000",
    ],
)
def test_a_page_of_another_origin_is_refused(method: str | None, origin: str) -> None:
    """A WebSocket, which no rule of browsers keeps to its origin, included."""
    assert "may not ask the web UI of '127.0.0.1:3000'" in said(method, origin=origin, content_type="application/json")


def test_the_web_ui_itself_is_answered() -> None:
    same = {"origin": ORIGIN, "user_agent": "Mozilla/5.0", "sec_fetch_site": "same-origin", "cookie": "a=b"}
    assert posted(**same) == ""
    assert said(None, "/graphql", **same) == ""
    assert posted(host="alpha.example.org", origin="https://alpha.example.org") == "", "behind a proxy that ends TLS"


BROWSER = {"user_agent": "Mozilla/5.0"}


@pytest.mark.parametrize(
    "mark", [BROWSER, {"referer": "http://evil.example/"}, {"cookie": "a=b"}, {"sec_fetch_mode": "cors"}], ids=str
)
def test_a_browser_must_say_where_it_changes_something_from_and_a_program_need_not(mark: Headers) -> None:
    assert "must say from which page (Origin)" in posted(**mark)
    assert "must say from which page (Origin)" in said(None, "/graphql", **mark)
    assert said(**mark) == ""
    assert posted() == posted(user_agent="curl/8.0") == said(None, "/graphql") == ""


LINK = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}


def test_from_another_site_a_link_may_be_followed_and_nothing_else() -> None:
    for site in ("cross-site", "same-site", "whatever"):
        assert said(sec_fetch_site=site, **LINK) == ""
        for mode, dest in (("no-cors", "image"), ("navigate", "iframe"), ("navigate", "object"), ("cors", "empty")):
            words = said(sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=dest)
            assert "a page of another site may not ask the web UI" in words
        assert "of another site" in posted(sec_fetch_site=site, origin=ORIGIN, **LINK)
    for site in ("same-origin", "none"):
        assert said(sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="image") == ""


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "text/plain",
        "text/plain; charset=application/json",
        "text/plain;application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonx",
    ],
)
@pytest.mark.parametrize("path", ["/graphql", "/report_asset_materialization/raw/bars", "/report_asset_check/raw/bars"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_what_a_page_may_send_unasked_changes_nothing(given: str | None, path: str, method: str) -> None:
    """Dagster takes `text/plain;application/json` for JSON, and of what it does not know the query of the address."""
    headers = {} if given is None else {"content_type": given}
    words = said(method, path, f"query={quote(MUTATION)}", origin=ORIGIN, **headers)
    assert words.endswith("is not taken. Send JSON, with Content-Type: application/json.")


@pytest.mark.parametrize(
    "query",
    [
        MUTATION,
        "query A { version } mutation B { launchRun { __typename } }",
        "subscription { capturedLogs { __typename } }",
        "fragment F on Mutation { launchRun { __typename } } mutation { ...F }",
        "{ not graphql",
        "",
        "{" * 5000,
    ],
    ids=lambda query: query[:20],
)
@pytest.mark.parametrize("path", ["/graphql", "/prefix/graphql", "/graphql/", "/GraphQL", "/graphql\n"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_mutation_by_get(query: str, path: str, method: str) -> None:
    asked = f"query={quote(query)}"
    for every in (asked, f"query=%7Bversion%7D&{asked}", f"{asked}&query=%7Bversion%7D", f"operationName=A&{asked}"):
        for accept in ("image/avif,image/*", "text/html", "application/json"):
            assert said(method, path, every, accept=accept).startswith(f"{method} only reads.")


def test_reading_by_get_is_answered() -> None:
    assert said(path="/graphql", query="query=%7Bversion%7D") == ""
    assert said(path="/graphql", query="query=query+A{version}+query+B{version}&operationName=A") == ""
    assert said(path="/graphql", accept="text/html") == "", "the page on which a person writes queries"
    assert said(path="/assets", query=f"query={quote(MUTATION)}") == "", "a search of the web UI's own"
