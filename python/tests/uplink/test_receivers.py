"""The receivers in `examples/receivers`, under real servers and a real HTTP client."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kpn_things.uplink import sign

EXAMPLES = Path(__file__).parents[3] / "examples" / "receivers"
SECRET = "MYKEY2"
HEADER = "Things-Message-Token"
SERVERS = {
    "asgi_app": "uvicorn",
    "fastapi_app": "uvicorn",
    "wsgi_app": "waitress",
    "flask_app": "waitress",
    "django_app": "waitress",
}


def command(app: str, port: int) -> list[str]:
    """The command that starts a receiver."""
    if SERVERS[app] == "uvicorn":
        return [sys.executable, "-m", "uvicorn", f"{app}:app", "--port", str(port), "--log-level", "error", "--backlog", "2048"]
    options = [f"--listen=127.0.0.1:{port}", "--backlog=2048", "--connection-limit=2000"]
    return [sys.executable, "-m", "waitress", *options, f"{app}:app"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Receiver:
    """A running receiver, and its store."""

    def __init__(self, url: str, store: Path) -> None:
        self.url = url
        self.store = store

    def post(self, body: bytes, *tokens: str) -> int:
        headers = [(HEADER, token) for token in tokens]
        return httpx.post(self.url, content=body, headers=headers, trust_env=False).status_code

    def stored(self) -> list[bytes]:
        with sqlite3.connect(self.store) as database:
            return [body for (body,) in database.execute("SELECT body FROM uplinks ORDER BY body")]


@pytest.fixture(params=SERVERS)
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    """A receiver of each framework in a process of its own."""
    (tmp_path / "secrets.txt").write_text(f"active={SECRET}\n")
    port, store = free_port(), tmp_path / "uplinks.db"
    settings = {"UPLINK_SECRETS": str(tmp_path / "secrets.txt"), "UPLINK_STORE": str(store)}
    process = subprocess.Popen(
        command(request.param, port), cwd=EXAMPLES, env={**os.environ, **settings, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while True:  # until it listens
            assert process.poll() is None, "the receiver did not start"
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield Receiver(f"http://127.0.0.1:{port}/uplinks", store)
    finally:
        process.terminate()
        process.wait()


def body(number: int) -> bytes:
    return b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9,"n":"count","v":%d.0}]' % number


def test_a_receiver_answers_as_it_should(receiver: Receiver) -> None:
    good, token = body(1), sign(SECRET, body(1))
    assert receiver.post(good, token) == 204
    assert receiver.post(good, token) == 204  # a retry
    refused = [
        receiver.post(good),
        receiver.post(good, token, token),
        receiver.post(good, token.upper()),
        receiver.post(good, token[1:]),
        receiver.post(body(2), token),
        receiver.post(good, sign("MYKEY1", good)),
    ]
    assert refused == [401] * 6
    large = b" " * (1024 * 1024 + 1)
    assert receiver.post(large, sign(SECRET, large)) == 413
    assert receiver.stored() == [good]
    with sqlite3.connect(receiver.store) as database:
        database.execute("DROP TABLE uplinks")
    assert receiver.post(good, token) == 503


def test_a_thousand_posts_at_once_are_all_stored(receiver: Receiver) -> None:
    async def post_all() -> list[int]:
        limits = httpx.Limits(max_connections=1000)
        async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

            async def post(number: int) -> int:
                headers = {HEADER: sign(SECRET, body(number))}
                return (await client.post(receiver.url, content=body(number), headers=headers)).status_code

            return await asyncio.gather(*(post(number) for number in range(1000)))

    assert set(asyncio.run(post_all())) == {204}
    assert receiver.stored() == sorted(body(number) for number in range(1000))


def test_no_framework_is_needed() -> None:
    program = "import sys, kpn_things.uplink, kpn_things.uplink.asgi, kpn_things.uplink.wsgi\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert not {"fastapi", "starlette", "flask", "django", "pandas"} & set(output.split())


def test_every_example_has_a_server() -> None:
    assert {path.stem for path in EXAMPLES.glob("*_app.py")} == set(SERVERS)
