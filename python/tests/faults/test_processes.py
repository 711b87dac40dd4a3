"""Processes: a forked child can use the client of its parent, and a spawned one unpickles a client."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from behaviour.program import Program
from behaviour.service import CERTIFICATE, PATIENCE
from kpn_things import Client
from kpn_things.testing import Simulator

from .caller import Caller, either
from .trial import Trial, share

MANY = """
import asyncio
import json
import os
import select
import signal
import sys
import threading
import warnings
from kpn_things import AsyncClient, Client

warnings.simplefilter("ignore", DeprecationWarning)
client = {client}.from_env(ca_bundle={certificate})

def call():
    call = client.request("GET", "/devices")
    return asyncio.run(waited(call)) if asyncio.iscoroutine(call) else call

async def waited(call):
    return await call

def keep_busy():
    async def main():
        while True:
            await client.request("GET", "/devices")
    while isinstance(client, Client):
        call()
    asyncio.run(main())

call()
threading.Thread(target=keep_busy, daemon=True).start()
# The time that the kernel takes to end a process does not count.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for number in range({forks}):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            told = str(call().status)
        except BaseException as error:
            told = repr(error)
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    if select.select([reader], [], [], 20)[0]:
        print(json.dumps(os.read(reader, 1 << 16).decode()), flush=True)
    else:
        os.kill(child, signal.SIGKILL)
        print(json.dumps("it hangs"), flush=True)
    os.close(reader)
    if number % 100 == 0:
        call()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.slow
@either
def test_r21_child_forked_beside_a_busy_thread_works(caller: type[Caller]) -> None:
    with Trial("R21", caller.name) as trial, Simulator(seed=trial.seed, faults=["other=status:200"]) as simulator:
        forks = share(150, 1_000)
        source = MANY.format(client=caller.kind.__name__, certificate=CERTIFICATE, forks=forks)
        with Program(source, simulator.environment()) as program:
            # The result of each child reports whether it hangs. This timeout allows for a busy machine.
            children = [json.loads(line) for line in program.finish(60 * PATIENCE)]
        for number, told in enumerate(children):
            trial.holds(told == "200", lambda: f"child {number}: {told}")
        trial.holds(len(children) == forks, lambda: f"{len(children)} of {forks} children reported a result")


def work(client: Any, port: int) -> tuple[int, int, int]:
    """Work for another process: returns its id, the status of a downlink, and the length of a listing."""
    if isinstance(client, Client):
        receipt = client.send_downlink("0059AC0000181EB6", b"\x01", port=port)
        return os.getpid(), receipt.status, len(client.devices(page_size=7).collect())

    async def main() -> tuple[int, int, int]:
        async with client:
            receipt = await client.send_downlink("0059AC0000181EB6", b"\x01", port=port)
            return os.getpid(), receipt.status, len(await client.devices(page_size=7).collect())

    return asyncio.run(main())


@either
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_r21_processes_started_in_any_way_share_the_work(
    method: str, caller: type[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = range(1, share(20, 200) + 1)
    # The `forkserver` process keeps the environment of its first use, so all simulators have the same API key.
    with Trial("R21", caller.name) as trial, Simulator() as simulator:
        settings = simulator.environment()
        monkeypatch.setenv("KPN_THINGS_KEY_SECRET", settings["KPN_THINGS_KEY_SECRET"])
        with caller(settings) as used, ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            used.call(lambda client: client.devices().collect())
            for job, (process, status, devices) in zip(
                jobs, pool.map(work, [used.client] * len(jobs), jobs, timeout=10 * PATIENCE), strict=True
            ):
                trial.holds(
                    process != os.getpid() and (status, devices) == (201, 100),
                    lambda: f"{method}, job {job}: status {status}, {devices} devices",
                )
        ports = sorted(downlink.port or 0 for downlink in simulator.downlinks)
        trial.holds(ports == list(jobs), lambda: f"{method}: downlinks to the ports {ports}")
