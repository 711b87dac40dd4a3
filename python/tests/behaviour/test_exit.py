"""The interpreter exits promptly and prints nothing, even with calls in progress."""

from __future__ import annotations

import pytest

from faults.trial import Trial, share

from .program import Program
from .service import Service

AT_ONCE = 5.0
"""Seconds: well below the 30 of a call."""

BLOCKED = {
    "a thread is in a call": """
        import threading
        from kpn_things import Client

        client = Client.from_env()
        threading.Thread(target=client.request, args=("GET", "/stalled"), daemon=True).start()
        input()
        """,
    "a thread is in a listing": """
        import threading
        from kpn_things import Client

        client = Client.from_env()
        threading.Thread(target=lambda: client.devices(search="stalled").collect(), daemon=True).start()
        input()
        """,
    "an interrupted call goes on": """
        import signal
        from kpn_things import Client

        def stop(number, frame):
            raise InterruptedError

        signal.signal(signal.SIGINT, stop)
        client = Client.from_env()
        try:
            client.request("GET", "/stalled")
        except InterruptedError:
            pass
        """,
    "main ends beside a task": """
        import asyncio
        from kpn_things import AsyncClient

        async def main():
            async with AsyncClient.from_env() as client:
                task = asyncio.create_task(client.request("GET", "/stalled"))
                await asyncio.to_thread(input)

        asyncio.run(main())
        """,
    "main leaves a task": """
        import asyncio
        import sys
        from kpn_things import AsyncClient

        async def main():
            client = AsyncClient.from_env()
            task = asyncio.create_task(client.request("GET", "/stalled"))
            await asyncio.to_thread(input)
            sys.exit()

        asyncio.run(main())
        """,
    "a loop was closed in mid-call": """
        import asyncio
        from kpn_things import AsyncClient

        client = AsyncClient.from_env()
        loop = asyncio.new_event_loop()
        task = loop.create_task(client.request("GET", "/stalled"))
        task._log_destroy_pending = False
        loop.run_until_complete(loop.run_in_executor(None, input))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        """,
    "a loop runs in a thread": """
        import asyncio
        import threading
        from kpn_things import AsyncClient

        client = AsyncClient.from_env()
        call = lambda: asyncio.run(client.request("GET", "/stalled"))
        threading.Thread(target=call, daemon=True).start()
        input()
        """,
    "a listing is being read": """
        import asyncio
        from kpn_things import AsyncClient

        async def main():
            pages = AsyncClient.from_env().devices(search="stalled").pages()
            task = asyncio.ensure_future(anext(pages))
            await asyncio.to_thread(input)

        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("when", BLOCKED)
def test_r22_program_ends_at_once_while(when: str, service: Service) -> None:
    service.stalled = lambda request: "stalled" in request.target
    with Trial("R22", client(BLOCKED[when])) as trial, Program(BLOCKED[when], service.environment()) as program:
        service.wait_for(lambda: any("stalled" in request.target for request in service.requests))
        program.interrupt() if when == "an interrupted call goes on" else program.write("")
        told = program.finish(AT_ONCE)
        trial.holds(told == [], lambda: f"{when}: {told}")


def client(source: str) -> str:
    """The client that a program uses."""
    return "python async" if "AsyncClient" in source else "python sync"


BUSY = {
    "threads make calls": """
        import logging
        import threading
        from kpn_things import Client

        logging.basicConfig(filename="/dev/null", level=logging.DEBUG)
        client = Client.from_env()

        def work():
            while True:
                client.request("GET", "/busy")

        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        input()
        """,
    "threads read errors": """
        import logging
        import threading
        from kpn_things import Client, NotFoundError

        logging.basicConfig(filename="/dev/null", level=logging.DEBUG)
        client = Client.from_env()

        def work():
            while True:
                try:
                    client.request("GET", "/none")
                except NotFoundError:
                    pass

        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
        input()
        """,
    "tasks make calls": """
        import asyncio
        import threading
        from kpn_things import AsyncClient

        client = AsyncClient.from_env()

        async def work():
            try:
                while True:
                    await client.request("GET", "/busy")
            except RuntimeError as error:
                assert "exiting" in str(error)

        async def main():
            await asyncio.gather(*(work() for _ in range(16)))

        threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
        input()
        """,
    "it has just made one": """
        import asyncio
        from kpn_things import AsyncClient

        client = AsyncClient.from_env()
        for _ in range(20):
            asyncio.run(client.request("GET", "/busy"))
        """,
}


@pytest.mark.parametrize("when", BUSY)
def test_r22_program_ends_well_while(when: str, service: Service) -> None:
    service.answers = lambda request: (404, b"{}") if request.path == "/none" else None
    with Trial("R22", client(BUSY[when])) as trial:
        for times in range(1, share(5, 100) + 1):
            with Program(BUSY[when], service.environment()) as program:
                service.wait_for(lambda: len(service.requests) >= 20 * times)
                program.write("")
                told = program.finish(AT_ONCE)
            trial.holds(told == [], lambda: f"{when}: {told}")
