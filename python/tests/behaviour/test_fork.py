"""After a fork, parent and child both continue, each on its own connections."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import threading
from collections.abc import Callable

import pytest

from kpn_things import AsyncClient, Client, Event
from kpn_things.testing import Simulator

from .program import Program
from .service import PATIENCE, Request, Service

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
    # Python 3.12 and later warn about every fork in a process with several threads.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning"),
]


def in_child(work: Callable[[], object]) -> str:
    """Runs the work in a forked child, and returns its result as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            text = str(work())
        except BaseException as error:
            text = repr(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    try:
        assert select.select([reader], [], [], PATIENCE)[0], "the child hangs"
        return os.read(reader, 1 << 16).decode()
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def assert_apart(service: Service) -> None:
    """Fails if the parent and the child sent requests on the same connection. Each request names its sender."""
    for connection in service.connections:
        assert len({request.target.split("-")[0] for request in connection.requests if "-" in request.target}) <= 1


def test_a_child_does_not_log_the_announcements_that_its_parent_will_log(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    children: list[str] = []

    def announced() -> list[str]:
        return [record.getMessage() for record in caplog.records if "announces the end" in record.getMessage()]

    def call() -> list[str]:
        with Client(**service.settings()) as client:
            client.request("GET", "/child-1")
        return announced()

    def fork(event: Event) -> None:
        # The response with the token has announced something that is logged at the end of the call.
        if event.kind == "request" and event.stage == "call" and not children:
            children.append("")
            children[0] = in_child(call)

    with Simulator(devices=3, quirks=["sunset"]) as simulator, simulator.client(on_event=fork) as client:
        with caplog.at_level(logging.WARNING, "kpn_things"):
            client.request("GET", "/projects")
    assert children == ["[]"]
    assert len(announced()) == 2


def test_parent_and_child_use_connections_of_their_own(service: Service) -> None:
    with Client(**service.settings()) as client:
        assert client.request("GET", "/parent-1").status == 200
        for number in range(3):
            statuses = in_child(lambda: [client.request("GET", f"/child{number}-{n}").status for n in range(3)])
            assert statuses == "[200, 200, 200]"
            assert client.request("GET", f"/parent-{number}").status == 200
    assert_apart(service)
    assert len(service.connections) == 4
    assert service.asked("/token") == 4


def test_parent_and_child_use_connections_of_their_own_with_asyncio(service: Service) -> None:
    client = AsyncClient(**service.settings())

    def call(path: str) -> int:
        return asyncio.run(client.request("GET", path)).status

    assert call("/parent-1") == 200
    for number in range(3):
        assert in_child(lambda: [call(f"/child{number}-{n}") for n in range(3)]) == "[200, 200, 200]"
        assert call(f"/parent-{number}") == 200
    assert_apart(service)
    assert len(service.connections) == 4


def test_a_child_of_a_running_loop_has_a_loop_of_its_own(service: Service) -> None:
    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            service.stalled = lambda request: request.path == "/parent-stalled"
            task = asyncio.create_task(client.request("GET", "/parent-stalled"))
            await asyncio.to_thread(service.wait_until_asked, "/parent-stalled")
            assert in_child(lambda: asyncio.run(client.request("GET", "/child-1")).status) == "200"
            assert (await client.request("GET", "/parent-2")).status == 200
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())
    assert_apart(service)


def test_a_child_of_a_child_has_connections_of_its_own(service: Service) -> None:
    with Client(**service.settings()) as client:
        client.request("GET", "/parent-1")

        def grandchild() -> str:
            client.request("GET", "/child-1")
            return in_child(lambda: client.request("GET", "/grandchild-1").status)

        assert in_child(grandchild) == "200"
    assert_apart(service)


def test_a_fork_beside_a_call_of_another_thread_leaves_both_working(service: Service) -> None:
    service.stalled = lambda request: request.path == "/parent-stalled"
    with Client(**service.settings()) as client:
        statuses: list[int] = []
        go_on = threading.Event()
        service.on_request = lambda request: request.path == "/parent-slow" and go_on.wait(PATIENCE)
        thread = threading.Thread(target=lambda: statuses.append(client.request("GET", "/parent-slow").status))
        thread.start()
        service.wait_until_asked("/parent-slow")
        assert in_child(lambda: client.request("GET", "/child-1").status) == "200"
        go_on.set()
        thread.join(PATIENCE)
        assert statuses == [200]
    assert_apart(service)


def test_a_fork_during_the_token_fetch_of_another_thread_does_not_block_the_child(service: Service) -> None:
    go_on = threading.Event()

    def first(request: Request) -> bool:
        return request.path.endswith("/token") and service.asked("/token") == 1

    service.on_request = lambda request: first(request) and go_on.wait(PATIENCE)
    with Client(**service.settings()) as client:
        thread = threading.Thread(target=client.request, args=("GET", "/parent-1"))
        thread.start()
        service.wait_until_asked("/token")
        assert in_child(lambda: client.request("GET", "/child-1").status) == "200"
        go_on.set()
        thread.join(PATIENCE)
    assert service.asked("/parent-1") == 1


def test_a_listing_begun_before_a_fork_goes_on_in_the_parent_alone(service: Service) -> None:
    service.pages = 30
    with Client(**service.settings()) as client:
        pages = client.devices(window=4).pages()
        numbers = [next(pages).number]
        assert "began before a fork: list again" in in_child(lambda: next(pages))
        assert in_child(lambda: len(client.devices().collect())) == "30"
        numbers += [page.number for page in pages]
    assert numbers == list(range(30))


def test_a_listing_begun_before_a_fork_goes_on_in_the_parent_alone_with_asyncio(service: Service) -> None:
    service.pages = 30

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            pages = client.devices(window=4).pages()
            numbers = [(await anext(pages)).number]

            async def read_on() -> None:
                [page async for page in pages]

            # Pages that were read before the fork remain available.
            assert "began before a fork: list again" in in_child(lambda: asyncio.run(read_on()))
            assert in_child(lambda: len(asyncio.run(client.devices().collect()))) == "30"
            numbers += [page.number async for page in pages]
            assert numbers == list(range(30))

    asyncio.run(main())


def test_a_child_that_ends_as_python_does_ends_well(service: Service) -> None:
    source = """
    import asyncio
    import gc
    import os
    import sys
    import warnings
    from kpn_things import AsyncClient, Client

    warnings.simplefilter("ignore", DeprecationWarning)
    client, later = Client.from_env(), AsyncClient.from_env()
    pages = client.devices(window=4).pages()
    next(pages)
    loop = asyncio.new_event_loop()
    later_pages = later.devices(window=4).pages()
    loop.run_until_complete(anext(later_pages))
    child = os.fork()
    if not child:
        # Drops the copies of the objects that the parent uses.
        del client, later, pages, later_pages
        gc.collect()
        with Client.from_env() as client:
            assert client.request("GET", "/child-1").status == 200
        assert asyncio.run(AsyncClient.from_env().request("GET", "/child-2")).status == 200
        loop.close()
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    assert sum(1 for _ in pages) == 199
    loop.run_until_complete(later_pages.aclose())
    loop.close()
    """
    service.pages = 200
    with Program(source, service.environment()) as program:
        program.finish()


WITH_A_SIMULATOR = """
import os, warnings
from kpn_things.testing import Simulator

# Python 3.12 and later warn about a fork in a process with several threads.
warnings.filterwarnings("ignore", category=DeprecationWarning)
with Simulator(devices=3) as simulator:
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    else:
        try:
            simulator.calls()
        except RuntimeError as error:
            print(error)
    print(len(simulator.client().devices().collect()), flush=True)
    if child:
        print(simulator.calls("devices"))
"""


def test_a_child_calls_the_simulator_of_its_parent_and_leaves_it_alone() -> None:
    with Program(WITH_A_SIMULATOR, {}) as program:
        why, *lines = program.finish()
    assert why.startswith("the simulator runs in the process that started it")
    assert lines == ["3", "0", "3", "2"], "the child's devices, its exit status, the parent's devices, the calls of both"


FORKED_BY_A_HANDLER = """
import os, signal, warnings
from kpn_things import Client

warnings.filterwarnings("ignore", category=DeprecationWarning)
children = []
signal.signal(signal.SIGUSR1, lambda *_: children.append(os.fork()))
client = Client.from_env()
try:
    print(client.request("GET", "/slow").status, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
except RuntimeError as error:
    print(error, client.request("GET", "/after").status)
"""


def test_a_child_forked_during_a_call_does_not_wait_for_it(service: Service) -> None:
    go_on = threading.Event()
    service.on_request = lambda request: request.path == "/slow" and go_on.wait(PATIENCE)
    with Program(FORKED_BY_A_HANDLER, service.environment()) as program:
        service.wait_until_asked("/slow")
        os.kill(program.pid, signal.SIGUSR1)
        line = program.line()
        go_on.set()
        assert program.finish() == ["200", "0"]
    assert line == "the call goes on in the process that made it, not in its fork 200"
    assert service.asked("/slow") == 1
