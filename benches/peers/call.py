"""One call of one client in a process of its own: `call.py PEER ACTION URL [TIMEOUT]`.

Prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from clients import PEERS, Calls, Peer

Result = dict[str, Any]

CALLERS = 64
FORK_LIMIT = 10.0
"""Seconds after which a child is taken to hang."""


class Client:
    """A peer's client, called from outside of its event loop if it has one."""

    def __init__(self, peer: Peer, url: str, timeout: float | None) -> None:
        self.tasks = peer.tasks
        self.runner = asyncio.Runner()
        self.calls = self.runner.run(made(peer, url, timeout)) if peer.tasks else peer.make(url, timeout)

    def call(self, work: Callable[[], Any | Awaitable[Any]]) -> Any:
        return self.runner.run(awaited(work)) if self.tasks else work()

    def attempt(self, work: Callable[[], Any | Awaitable[Any]]) -> str:
        """What came of a call: "ok" or the name of its exception."""
        try:
            self.call(work)
        except Exception as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return type(error).__name__
        return "ok"

    def at_once(self, work: Callable[[], Any | Awaitable[Any]], callers: int) -> int:
        """How many of the callers got an answer."""
        if self.tasks:
            return self.runner.run(gathered(work, callers))
        gate = threading.Barrier(callers)

        def caller(_: int) -> bool:
            gate.wait()
            return self.attempt(work) == "ok"

        with ThreadPoolExecutor(callers) as pool:
            return sum(pool.map(caller, range(callers)))


async def made(peer: Peer, url: str, timeout: float | None) -> Calls:
    return peer.make(url, timeout)


async def awaited(work: Callable[[], Awaitable[Any]]) -> Any:
    return await work()


async def gathered(work: Callable[[], Awaitable[Any]], callers: int) -> int:
    results = await asyncio.gather(*(work() for _ in range(callers)), return_exceptions=True)
    return sum(not isinstance(result, BaseException) for result in results)


def post(client: Client) -> Result:
    assert client.calls.post
    return {"outcome": client.attempt(client.calls.post)}


def get(client: Client) -> Result:
    return {"outcome": client.attempt(client.calls.get)}


def cold(client: Client) -> Result:
    """Callers who all find that there is no token yet."""
    return {"answered": client.at_once(client.calls.get, CALLERS)}


def ended(client: Client) -> Result:
    """Callers who all find that the token's life, two seconds by the server's word, is over."""
    client.call(client.calls.get)
    time.sleep(2.5)
    return {"answered": client.at_once(client.calls.get, CALLERS)}


def peak(client: Client) -> Result:
    """By how many megabytes the peak of memory grows in the second of two calls."""
    client.call(client.calls.get)
    before = resident_peak()
    outcome = client.attempt(client.calls.get)
    return {"outcome": outcome, "megabytes": round(resident_peak() - before)}


def resident_peak() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in status.splitlines() if line.startswith("VmHWM:"))


def fork(client: Client) -> Result:
    """What becomes of a call in a child, after a call in the parent."""
    client.call(client.calls.get)
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(awaited(client.calls.get)) if client.tasks else client.calls.get()
        except BaseException:
            os._exit(1)
        os._exit(0)
    deadline = time.monotonic() + FORK_LIMIT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return {"outcome": client.attempt(client.calls.get), "child": "works" if status == 0 else "fails"}
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return {"outcome": client.attempt(client.calls.get), "child": "hangs"}


ACTIONS = {action.__name__: action for action in (post, get, cold, ended, peak, fork)}


def main(name: str, action: str, url: str, timeout: str = "") -> None:
    # A process that a shell has put into the background would not hear of it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    peer = next(peer for peer in PEERS if peer.name == name)
    client = Client(peer, url, float(timeout) if timeout else None)
    print(json.dumps(ACTIONS[action](client)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
