"""A service on a raw socket. Unlike the simulator, it records which side closed which connection, and when."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

import pytest

PATIENCE = 20.0
"""Seconds to wait for an expected event before the test fails."""

SECRET = "canary-secret-0123456789"
TOKEN = "canary-token-0123456789"
KEY_ID = "key-of-the-tests"

CERTIFICATE = b"""\
-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUeXhqXNcKBm9YIzBGfbnVKDryJ8UwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyNDExMDQxOVoYDzIxMjYxMDMxMTEw
NDE5WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASbBmf0jbLjH+Uub3N4aQYRxjSQ6NTjUmlhtW8L9btTdJ4H4Ox5dnwYmQGp8l2m
ajqTfm0X21NmZ1mNGnKO0EUzo1MwUTAdBgNVHQ4EFgQUNwdWyuvTDhyUX/sP6b/B
okCNKU8wHwYDVR0jBBgwFoAUNwdWyuvTDhyUX/sP6b/BokCNKU8wDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA+z4puJW1C6UWK/auKGWWIutMMISv
dd20xNuB2dKAzpgCID2NshefL0mEsypYsMxSJWzsBvv3mRAToERcSQ9CVNeN
-----END CERTIFICATE-----
"""
"""A certificate of no host. A client that trusts only this one does not read the certificates of the platform."""


@dataclass
class Request:
    method: str
    target: str
    body: bytes

    @property
    def path(self) -> str:
        return self.target.split("?")[0]

    @property
    def page(self) -> int:
        """The requested page of a listing."""
        found = re.search(r"currentPage=(\d+)", self.target)
        return int(found[1]) if found else 0

    @property
    def search(self) -> str | None:
        """The search text of a listing."""
        found = re.search(r"search=([^&]*)", self.target)
        return found[1] if found else None


Answer: TypeAlias = "tuple[int, bytes] | Iterable[bytes] | None"
"""A status and a body, or the bytes of a whole response, or `None` for the default response of this service."""


@dataclass
class Connection:
    socket: socket.socket
    requests: list[Request] = field(default_factory=list)
    head: bytes = b""
    """The head of the last request."""
    stalled: bool = False
    """The last request has no response."""
    closed_at: float | None = None
    """When the client closed the connection, on the monotonic clock."""


class Service:
    """A minimal GRIP and KPN Things.

    Requests for which `stalled` is true get no response. They wait until the client closes, or until `resume`.
    After a response for which `leaves` is true, the service closes the connection without announcing it.
    """

    def __init__(
        self,
        *,
        pages: int = 1,
        stalled: Callable[[Request], bool] = lambda request: False,
        on_request: Callable[[Request], object] = lambda request: None,
        answers: Callable[[Request], Answer] = lambda request: None,
        leaves: Callable[[Request], bool] = lambda request: False,
        backlog: int = 128,
        accepting: bool = True,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.pages = pages
        self.stalled = stalled
        self.on_request = on_request
        self.answers = answers
        self.leaves = leaves
        self.connections: list[Connection] = []
        self._changed = threading.Condition()
        self._listener = socket.create_server((host, 0), backlog=backlog)
        self._tls = tls
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        if accepting:
            self.accept()

    def accept(self) -> None:
        """Starts to accept connections."""
        threading.Thread(target=self._accept, daemon=True).start()

    def settings(self) -> dict[str, Any]:
        """The arguments for a client."""
        return {
            "tenant_id": "tenant",
            "key_id": KEY_ID,
            "key_secret": SECRET,
            "grip_base_url": self.url,
            "base_url": self.url,
        }

    def environment(self) -> dict[str, str]:
        """The same as environment variables."""
        return {f"KPN_THINGS_{name.upper()}": value for name, value in self.settings().items()}

    @property
    def requests(self) -> list[Request]:
        with self._changed:
            return [request for connection in self.connections for request in connection.requests]

    def asked(self, path: str) -> int:
        """The number of requests to this path."""
        return sum(request.path.endswith(path) for request in self.requests)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits until this service has seen enough for the condition to hold."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), f"timed out; requests so far: {self.requests}"

    def wait_until_asked(self, path: str, times: int = 1) -> None:
        self.wait_for(lambda: self.asked(path) >= times)

    def wait_until_left(self, times: int = 1) -> float:
        """Waits until clients have closed `times` connections with a request in progress, and returns when."""
        left: list[float] = []

        def enough() -> bool:
            left[:] = [at for one in self.connections if one.stalled and (at := one.closed_at) is not None]
            return len(left) >= times

        self.wait_for(enough)
        return max(left)

    def connecting(self) -> int:
        """The number of sockets that wait for this port to accept them."""
        syn_sent, remote = "02", f"0100007F:{self.port:04X}"
        rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
        return sum(row[2] == remote and row[3] == syn_sent for row in rows)

    def resume(self) -> None:
        """Stops stalling. Requests that are already stalled get no response."""
        self.stalled = lambda request: False

    def close(self) -> None:
        # `close` alone would leave a thread blocked in `accept`.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.socket.close()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            connection = Connection(accepted)
            with self._changed:
                self.connections.append(connection)
                self._changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            if self._tls:
                connection.socket = self._tls.wrap_socket(connection.socket, server_side=True)
            with cast("IO[bytes]", connection.socket.makefile("rwb")) as stream:
                while request := _read(stream, connection):
                    with self._changed:
                        connection.requests.append(request)
                        self._changed.notify_all()
                    self.on_request(request)
                    if self.stalled(request):
                        connection.stalled = True
                        stream.read(1)
                        break
                    for part in self._answer(request):
                        stream.write(part)
                        stream.flush()
                    if self.leaves(request):
                        break
        except (OSError, ValueError):
            pass
        finally:
            with self._changed:
                connection.closed_at = time.monotonic()
                self._changed.notify_all()
            connection.socket.close()

    def _answer(self, request: Request) -> Iterable[bytes]:
        answer = self.answers(request) or (200, self.body(request))
        return [plain(*answer)] if isinstance(answer, tuple) else answer

    def body(self, request: Request) -> bytes:
        if request.path.endswith("/token"):
            return json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode()
        if request.path == "/api/devices":
            number = request.page
            content = [{"uuid": f"device-{number}", "name": f"Device {number}"}]
            last = number + 1 >= self.pages
            return json.dumps({"content": content, "number": number, "size": 1, "last": last,
                               "totalPages": self.pages, "totalElements": self.pages}).encode()
        return b"{}"


def plain(status: int, body: bytes, *headers: str) -> bytes:
    """A JSON response with additional headers."""
    lines = "".join(f"{header}\r\n" for header in ("Content-Type: application/json", *headers))
    return b"HTTP/1.1 %d Answer\r\n%sContent-Length: %d\r\n\r\n%s" % (status, lines.encode(), len(body), body)


@contextmanager
def full_backlog() -> Iterator[Service]:
    """A service that leaves each attempt to connect waiting until it starts to accept."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("the states of sockets are read from /proc")
    with Service(backlog=0, accepting=False) as service:
        fillers: list[socket.socket] = []
        while not service.connecting():
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", service.port))
            fillers.append(filler)
        yield service
        for filler in fillers:
            filler.close()


def _read(stream: IO[bytes], connection: Connection) -> Request | None:
    line = stream.readline()
    if not line:
        return None
    method, target, _ = line.decode().split()
    head, length = line, 0
    while (header := stream.readline()).strip():
        head += header
        name, _, value = header.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    connection.head = head
    return Request(method, target, stream.read(length))
