"""GRIP and KPN Things on the HTTP server of the standard library, which records what it received."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

DEVICES = (
    b'{"content":[{"uuid":"xxxxxx","name":"My first own device","description":"","metadata":null,'
    b'"deviceSpecificationUUID":"d2723e99-1fe4-4d60-9b6d-8061f7414b24","barcode":null}],"last":true,"totalPages":1,'
    b'"totalElements":2,"sort":[{"direction":"ASC","property":"name","ignoreCase":false,"nullHandling":"NATIVE",'
    b'"ascending":true,"descending":false}],"first":true,"numberOfElements":2,"size":20,"number":0}'
)
"""The page in KPN's documentation of the beta API, "List devices"."""


class Received(NamedTuple):
    """A request as it was received."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]

    def header(self, name: str) -> list[str]:
        """The values of this header."""
        return [value for found, value in self.headers if found.lower() == name.lower()]


class Service:
    """Returns a token for any API key, and the documented response to each documented request."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        handler = type("Handler", (_Handler,), {"received": self.received})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def settings(self) -> dict[str, str]:
        """The arguments for a client."""
        return {
            "tenant_id": "rjsfm52t",
            "key_id": "the-key-id",
            "key_secret": "the-key-secret",
            "grip_base_url": self.url,
            "base_url": self.url,
        }

    def close(self) -> None:
        """Stops the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    received: list[Received]
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path.startswith("/api/devices"):
            self._answer(200, DEVICES)
        else:
            self._answer(200, b"{}")

    def do_POST(self) -> None:
        if self.path.endswith("/token"):
            self._answer(200, b'{"access_token":"the-token","expires_in":3600}')
        else:
            self._answer(201, b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self.received.append(Received(self.requestline, self.headers.items(), self.rfile.read(length)))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
