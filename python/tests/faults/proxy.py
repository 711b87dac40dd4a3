"""A proxy that opens tunnels or refuses them."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import TypeAlias

Manner: TypeAlias = "bytes | None"
"""The response of a proxy to a request for a tunnel, or `None` to close the connection without one."""

TUNNEL = b"HTTP/1.1 200 OK\r\n\r\n"
"""The response that accepts a tunnel."""


class Proxy:
    """A proxy that responds in the given manner, and records the heads of its requests."""

    def __init__(self, manner: Manner = TUNNEL, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[bytes] = []
        self._manner, self._tls = manner, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(stream,), daemon=True).start()

    def _meet(self, stream: socket.socket) -> None:
        with suppress(OSError), stream:
            if self._tls:
                stream = self._tls.wrap_socket(stream, server_side=True)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (part := stream.recv(1)):
                    return
                head += part
            self.heads.append(head)
            if self._manner is None:
                return
            stream.sendall(self._manner)
            if self._manner == TUNNEL:
                host, _, port = head.split(b" ")[1].decode().rpartition(":")
                with socket.create_connection((host, int(port))) as there:
                    threading.Thread(target=_pump, args=(there, stream), daemon=True).start()
                    _pump(stream, there)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Forwards bytes until the source closes."""
    with suppress(OSError):
        while part := source.recv(1 << 16):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
