"""A server on a raw socket that keeps what it receives, and answers each request as the case wants it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    size: int
    """Bytes on the wire, head and body."""


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    """Seconds to wait before it."""

    def head(self, length: int) -> bytes:
        # What some peers cannot do without: a date of last change, and the type of the body.
        fields = {"Content-Type": "application/json", "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
                  "Content-Length": str(length), **self.headers}
        lines = [f"HTTP/1.1 {self.status} As The Case Wants", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def play(self, connection: socket.socket) -> bool:
        """Whether the connection is good for another request."""
        time.sleep(self.after)
        connection.sendall(self.head(len(self.body)) + self.body)
        return True


class Cut(Answer):
    """Half of the body comes."""

    def play(self, connection: socket.socket) -> bool:
        connection.sendall(self.head(len(self.body)) + self.body[: len(self.body) // 2])
        return False


@dataclass(frozen=True)
class Large(Answer):
    """So many letters in the body, which is never whole in the server's memory."""

    letters: int = 0

    def play(self, connection: socket.socket) -> bool:
        connection.sendall(self.head(self.letters + 9) + b'{"id":"')
        for start in range(0, self.letters, 1_000_000):
            connection.sendall(b"a" * min(1_000_000, self.letters - start))
        connection.sendall(b'"}')
        return True


class Drop(Answer):
    """The connection is closed instead of an answer."""

    def play(self, connection: socket.socket) -> bool:
        return False


class Silence(Answer):
    """Nothing comes until the client goes away."""

    def play(self, connection: socket.socket) -> bool:
        while connection.recv(4096):
            pass
        return False


class Server:
    """Listens from `with` on, and has stopped after it: then all that was sent is in `requests`."""

    def __init__(self, answer: Callable[[Request], Answer], tls: ssl.SSLContext | None = None) -> None:
        self.answer, self.tls = answer, tls
        self.requests: list[Request] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.connections: list[tuple[socket.socket, threading.Thread]] = []
        self.acceptor = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self) -> Server:
        self.acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join()
        self.listener.close()
        # The clients have ended by now: what they sent is read to its end, and only what is still open is cut off.
        deadline = time.monotonic() + 1
        for connection, thread in self.connections:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                thread.join(1)

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=[connection], daemon=True)
            self.connections.append((connection, thread))
            thread.start()

    def serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            for request in requests(connection):
                self.requests.append(request)
                if not self.answer(request).play(connection):
                    break
            connection.shutdown(socket.SHUT_RDWR)
        except (OSError, ValueError):
            pass  # the client went away
        finally:
            connection.close()

    def count(self, method: str) -> int:
        """Requests by this method, but those for a token."""
        return sum(request.method == method and "token" not in request.path for request in self.requests)


def requests(connection: socket.socket) -> Iterator[Request]:
    """The requests on a connection, until the client closes it."""
    reader = connection.makefile("rb")
    while line := reader.readline():
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers, size = {}, len(line)
        while field := reader.readline().rstrip(b"\r\n"):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
            size += len(field) + 2
        body = b""
        if "chunked" in headers.get("transfer-encoding", ""):
            while length := int(reader.readline(), 16):
                body += reader.read(length)
                reader.readline()
            reader.readline()
        else:
            length = int(headers.get("content-length", 0))
            body = reader.read(length)
            if len(body) < length:
                return
        yield Request(method, path, headers, body, size + 2 + len(body))
