"""A small HTTP/1.1 server over raw sockets that plays a script. It injects faults on the socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from kpn_things._native import TestClock

from .scenario import Reply
from .script import Script, Seen


class Port:
    """A free local port that does not serve yet."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        host, port = self._listener.getsockname()
        self.origin = f"http://{host}:{port}"

    @contextmanager
    def serve(self, script: Script, clock: TestClock, prefix: str = "") -> Iterator[None]:
        """Serves until the end of `with`. Requests are recorded with `prefix` before their target."""
        stopped = threading.Event()

        def accept() -> None:
            while True:
                connection, _ = self._listener.accept()
                if stopped.is_set():
                    connection.close()
                    return
                threading.Thread(target=_serve, args=(connection, script, clock, prefix), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            # This connection wakes the listener, which then sees that it is stopped.
            socket.create_connection(self._listener.getsockname()).close()
            thread.join()
            self._listener.close()


def _serve(connection: socket.socket, script: Script, clock: TestClock, prefix: str) -> None:
    """Serves one request after another, until either side closes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Any error of the socket means that the client closed the connection.
    with connection, connection.makefile("rb") as reader, suppress(OSError):
        while request := _read(reader, prefix):
            reply = script.receive(request)
            if not script.wait_for(reply.hold):
                break
            clock.advance(reply.advance_ms)
            head, body = _head(reply), reply.body
            match reply.fault:
                case None:
                    connection.sendall(head + body)
                case "stall":
                    # The server stays silent until the client gives up.
                    reader.read(1)
                    break
                case "drop":
                    break
                case "truncate":
                    connection.sendall(head + body[: len(body) // 2])
                    break
                case "close":
                    # The bytes leave together with the close, so that the client cannot send another request before it.
                    connection.sendall(head + body, getattr(socket, "MSG_MORE", 0))
                    break
                case unknown:
                    raise ValueError(f"no such fault: {unknown}")
        connection.shutdown(socket.SHUT_RDWR)


def _read(reader: BinaryIO, prefix: str) -> Seen | None:
    """The next request of a connection, or `None` at its end."""
    line = reader.readline().decode()
    if not line:
        return None
    method, target, _ = line.split(" ")
    headers: dict[str, str] = {}
    while header := reader.readline().decode().strip():
        name, _, value = header.partition(":")
        # Repeated headers are joined, so that a comparison notices them.
        before = f"{headers[name.lower()]}, " if name.lower() in headers else ""
        headers[name.lower()] = before + value.strip()
    return Seen(method, prefix + target, headers, reader.read(int(headers.get("content-length", "0"))))


def _head(reply: Reply) -> bytes:
    headers = dict(reply.headers)
    if reply.status not in (204, 304):
        headers["content-length"] = str(len(reply.body))
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()
