"""The guard in front of an app: what is refused does not reach it, and what is answered may not be framed."""

import asyncio
import os
from typing import Any

import pytest
from dagster_webserver.graphql import GraphQLServer

from alpha_pipeline.defs.event_storage import BatchedSqliteEventLogStorage
from alpha_pipeline.defs.guarded import Guard, Message, Receive, Scope, Send, guard_web_servers

OWN = (b"host", b"127.0.0.1:3000")
FOREIGN = (b"Origin", b"http://evil.example")
HTTP = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "server": ("127.0.0.1", 3000)}
SOCKET = {"type": "websocket", "path": "/graphql", "query_string": b"", "server": ("127.0.0.1", 3000)}


def asked(scope: Scope, *headers: tuple[bytes, bytes]) -> tuple[list[str], list[Message]]:
    """(types of scope that reached the app, what was sent)."""
    reached: list[str] = []
    sent: list[Message] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        reached.append(scope["type"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
            await send({"type": "http.response.body", "body": b"answer"})

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(app, ())({**scope, "headers": [OWN, *headers]}, receive, send))
    return reached, sent


def test_what_is_answered_may_be_shown_in_no_other_page() -> None:
    reached, [start, body] = asked(HTTP)
    assert reached == ["http"]
    assert body["body"] == b"answer"
    assert start["headers"][0] == (b"a", b"b")
    assert (b"x-frame-options", b"SAMEORIGIN") in start["headers"]
    assert (b"content-security-policy", b"frame-ancestors 'self'") in start["headers"]


def test_what_is_refused_is_one_line_that_the_app_never_saw() -> None:
    reached, [start, body] = asked(HTTP, FOREIGN)
    assert reached == []
    assert start["status"] == 403
    assert dict(start["headers"])[b"content-type"] == b"text/plain; charset=utf-8"
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
    [line] = body["body"].decode().splitlines()
    assert line.startswith("Refused: a page of 'http://evil.example' may not ask the web UI")
    assert asked({**HTTP, "method": "HEAD"}, FOREIGN)[1][1]["body"] == b""


def test_a_websocket_is_refused_before_it_opens() -> None:
    can_say: dict[str, Any] = {"extensions": {"websocket.http.response": {}}}
    reached, [start, body] = asked({**SOCKET, **can_say}, FOREIGN)
    assert (reached, start["type"], start["status"]) == ([], "websocket.http.response.start", 403)
    assert (body["type"], body["body"][:8]) == ("websocket.http.response.body", b"Refused:")
    assert asked(SOCKET, FOREIGN) == ([], [{"type": "websocket.close", "code": 1008}])
    assert asked(SOCKET)[0] == ["websocket"]


def test_the_servers_own_start_and_end_are_handed_on() -> None:
    assert asked({"type": "lifespan"})[0] == ["lifespan"]


def test_a_web_server_that_opens_the_event_log_is_guarded_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Whatever Dagster's web server makes as its app goes through `create_asgi_app`."""
    added: list[tuple[object, dict[str, object]]] = []

    class App:
        def add_middleware(self, kind: object, **options: object) -> None:
            added.append((kind, options))

    monkeypatch.setattr(GraphQLServer, "create_asgi_app", lambda *_, **__: App())
    os.environ["ALPHA_UI_HOSTS"] = "https://alpha.example.org"
    with pytest.raises(SystemExit, match="error: ALPHA_UI_HOSTS='https://alpha"):
        guard_web_servers()
    os.environ["ALPHA_UI_HOSTS"] = "Alpha.example.org, 10.0.0.5:8080"
    os.environ["ALPHA_SEEDS"] = "of another's concern"
    for _ in range(2):
        BatchedSqliteEventLogStorage(str(tmp_path)).optimize_for_webserver(15_000, 3600, 20)
    GraphQLServer.create_asgi_app(None)  # type: ignore[arg-type]
    assert added == [(Guard, {"names": ("alpha.example.org", "10.0.0.5:8080")})]
