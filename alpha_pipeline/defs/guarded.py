"""Puts every web server that opens a home behind the guard.

`dagster dev`, `dg dev`, `dagster-webserver` and `alpha ui` all end in Dagster's web server, in a process of its own,
which opens the instance and tells its storages that they serve one (`optimize_for_webserver`). Dagster means that for
"instance components to change behavior in the context of a long running server process"; the storage that is named in
`dagster.yaml` takes the occasion. A web server whose app cannot be put behind the guard does not start.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from alpha_pipeline.defs.guard import Request, refusal
from alpha_pipeline.errors import SettingError
from alpha_pipeline.settings import load_settings

# As asgi.readthedocs.io names them.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FORBIDDEN: Final = 403
POLICY_VIOLATED: Final = 1008  # RFC 6455, 7.4.1
# No page of another site may show the web UI, for its clicks to be stolen, or take in what it answers.
KEPT_APART: Final = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
PLAIN: Final = (
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)


class Guard:
    """An ASGI app in front of another: answers what is refused, and hands on the rest.

    Args:
        app: the other.
        names: further names of the web UI, as a Host header says them.
    """

    def __init__(self, app: App, names: Collection[str] = ()) -> None:
        self.app = app
        self.names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] not in {"http", "websocket"}:  # the server's own start and end
            await self.app(scope, receive, send)
            return
        why = refusal(_request(scope), self.names)
        if why is not None:
            await _refuse(scope, send, f"Refused: {why}\n".encode())
            return

        async def apart(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *KEPT_APART]
            await send(message)

        await self.app(scope, receive, apart)


def guard_web_servers() -> None:
    """Put every app that Dagster's web server makes in this process from now on behind the guard, once.

    Raises:
        SystemExit: a name of ALPHA_UI_HOSTS cannot be one; the web server does not start.
    """
    # It takes a second to import, and only web servers come here: they have it already.
    from dagster_webserver.graphql import GraphQLServer  # noqa: PLC0415

    make = GraphQLServer.create_asgi_app
    if getattr(make, "is_guarded", False):
        return
    # Only this one: what is wrong with another setting is for those to say who need it.
    try:
        names = load_settings(environ={"ALPHA_UI_HOSTS": os.environ.get("ALPHA_UI_HOSTS", "")}).ui_hosts
    except SettingError as error:
        sys.exit(f"error: {error}")

    def make_guarded(server: Any, **options: Any) -> Any:  # noqa: ANN401  Dagster's own types
        app = make(server, **options)
        app.add_middleware(Guard, names=names)
        return app

    make_guarded.is_guarded = True  # type: ignore[attr-defined]
    GraphQLServer.create_asgi_app = make_guarded  # type: ignore[assignment, method-assign]


def _request(scope: Scope) -> Request:
    return Request(
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]),
        port=(scope.get("server") or (None, None))[1],
        method=scope.get("method"),
    )


async def _refuse(scope: Scope, send: Send, words: bytes) -> None:
    kind = ""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": POLICY_VIOLATED})
            return
        kind = "websocket."
    headers = [*PLAIN, *KEPT_APART, (b"content-length", str(len(words)).encode())]
    await send({"type": f"{kind}http.response.start", "status": FORBIDDEN, "headers": headers})
    await send({"type": f"{kind}http.response.body", "body": b"" if scope.get("method") == "HEAD" else words})
