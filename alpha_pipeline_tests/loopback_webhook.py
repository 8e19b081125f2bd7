"""A webhook on 127.0.0.1 that keeps what it is sent, and can refuse."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class LoopbackWebhook:
    """Keeps the JSON bodies of the requests it takes.

    Attributes:
        taken: the bodies, in order.
        paths: the path of each.
        status: what it answers; a body is taken only with 200.
        asked: how many requests came.
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 200
        self.asked = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def url(self) -> str:
        """As Apprise spells it."""
        return f"json://127.0.0.1:{self._server.server_port}"

    def titles(self) -> list[str]:
        """The titles taken, in order."""
        return [body["title"] for body in self.taken]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                webhook.asked += 1
                if webhook.status == 200:
                    webhook.taken.append(body)
                    webhook.paths.append(self.path)
                self.send_response(webhook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
