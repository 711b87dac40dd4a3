"""The rules at the top of the native part's `lib.rs`. A test hangs or warns if its rule is broken.

Each test runs a separate process, because a test cannot end its own process when it hangs.
"""

from __future__ import annotations

import os
import sys

import pytest

from kpn_things._native import Simulator

from .program import Program
from .service import Service

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def test_threads_that_make_their_first_async_call_together_do_not_wait_for_each_other(simulator: Simulator) -> None:
    """Python calls audit hooks, and debuggers patch the functions that start threads. Both let other threads run."""
    source = """
    import _thread, asyncio, sys, threading, time
    from kpn_things import AsyncClient

    start = _thread.start_new_thread

    def slow(*arguments):
        time.sleep(0.001)
        return start(*arguments)

    def hook(event, arguments):
        if event in ("_thread.start_new_thread", "import", "open", "socket.connect"):
            time.sleep(0.001)

    client, ready = AsyncClient.from_env(), threading.Barrier(16)

    async def main():
        ready.wait()
        found.append(len(await client.devices().collect()))

    found = []
    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(16)]
    sys.addaudithook(hook)
    _thread.start_new_thread = threading._start_new_thread = slow
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    print(found == [100] * 16)
    """
    with Program(source, simulator.environment()) as program:
        assert program.finish() == ["True"]


@FORKS
def test_forks_while_calls_are_cancelled_leave_no_child_that_hangs(simulator: Simulator) -> None:
    source = """
    import asyncio, logging, os, select, sys, warnings
    from kpn_things import AsyncClient, Fleet

    warnings.filterwarnings("ignore", ".*multi-threaded.*fork.*", DeprecationWarning)
    logging.getLogger("kpn_things").setLevel(logging.CRITICAL)

    def forked():
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            Fleet((), 0)  # attaches to the interpreter, and empties pyo3's pool of objects
            os.write(writer, b".")
            os._exit(0)
        os.close(writer)
        return child, reader

    async def main():
        hung = 0
        async with AsyncClient.from_env() as client:
            for _ in range(40):
                calls = [
                    asyncio.create_task(client.send_downlink("0059AC0000181EB6", b"1", port=1)) for _ in range(2000)
                ]
                await asyncio.sleep(0)
                for call in calls:
                    call.cancel()
                children = []
                for _ in range(6):
                    children.append(forked())
                    await asyncio.sleep(0)
                await asyncio.gather(*calls, return_exceptions=True)
                for child, reader in children:
                    if not select.select([reader], [], [], 10)[0]:
                        hung += 1
                        os.kill(child, 9)
                    os.waitpid(child, 0)
                    os.close(reader)
        print(hung)

    asyncio.run(main())
    """
    with Program(source, simulator.environment(), development=False) as program:
        assert program.finish(patience=120) == ["0"]


def test_asyncio_works_where_gevent_has_patched_everything(simulator: Simulator) -> None:
    pytest.importorskip("gevent")
    source = """
    from gevent import monkey
    monkey.patch_all()
    import asyncio
    from kpn_things import AsyncClient, Client

    async def main():
        async with AsyncClient.from_env() as client:
            receipt = await client.send_downlink("0059AC0000181EB6", b"1", port=1)
            return receipt.status, len(await client.devices().collect())

    print(asyncio.run(main()))
    with Client.from_env() as client:
        print(client.send_downlink("0059AC0000181EB6", b"1", port=1).status)
    """
    with Program(source, simulator.environment(), development=False) as program:
        assert program.finish() == ["(201, 100)", "201"]


@FORKS
def test_no_thread_is_left_behind_by_a_sync_call_for_a_fork_to_warn_of(service: Service) -> None:
    source = """
    import os, threading
    from kpn_things import Client

    def threads():
        return len(os.listdir("/proc/self/task"))

    with Client.from_env() as client:
        for _ in range(20):
            client.request("GET", "/devices")
            child = os.fork()
            if not child:
                os._exit(threads() - 1)
            assert os.waitpid(child, 0)[1] == 0
            assert threads() == 1, threads()
        print(client.request("GET", "/devices").status)
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("threads are counted in /proc")
    with Program(source, service.environment()) as program:
        assert program.finish() == ["200"]


def test_objects_of_a_cancelled_call_are_dropped_soon(simulator: Simulator) -> None:
    """Tokio's threads pass the objects to the messenger, and do not keep them."""
    source = """
    import asyncio, gc, logging, weakref
    from kpn_things import AsyncClient

    logging.getLogger("kpn_things").setLevel(logging.CRITICAL)

    class Hook:
        def __call__(self, event):
            pass

    async def main():
        hook = Hook()
        known = weakref.ref(hook)
        async with AsyncClient.from_env(on_event=hook) as client:
            calls = [asyncio.create_task(client.send_downlink("0059AC0000181EB6", b"1", port=1)) for _ in range(500)]
            await asyncio.sleep(0)
            [call.cancel() for call in calls]
            await asyncio.gather(*calls, return_exceptions=True)
        return known

    known = asyncio.run(main())
    for _ in range(1000):
        gc.collect()
        if known() is None:
            break
        asyncio.run(asyncio.sleep(0.01))
    print(known() is None)
    """
    with Program(source, simulator.environment()) as program:
        assert program.finish() == ["True"]


@FORKS
def test_a_fork_in_the_users_function_leaves_no_child_that_reads_the_listing_of_its_parent(simulator: Simulator) -> None:
    source = """
    import os, warnings
    from kpn_things import Client

    warnings.filterwarnings("ignore", ".*multi-threaded.*fork.*", DeprecationWarning)
    parent, children = os.getpid(), []

    def fork(event):
        if os.getpid() == parent:
            children.append(os.fork())

    with Client.from_env(on_event=fork) as client:
        try:
            devices = list(client.devices(page_size=10))
        except RuntimeError:
            os._exit(7)
        if os.getpid() != parent:
            os._exit(8)
    print(len(devices), len(children) > 10, {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children})
    """
    with Program(source, simulator.environment()) as program:
        assert program.finish() == ["100 True {7}"]


def test_a_call_in_the_users_function_does_not_wait_for_the_token_that_its_own_thread_fetches(simulator: Simulator) -> None:
    source = """
    import threading
    from kpn_things import Client

    def see(event):
        if event.stage == "token" and not found:
            found.append(None)
            found.append(len(client.with_options(timeout=10).devices().collect()))

    found, client = [], Client.from_env(on_event=see)
    thread = threading.Thread(target=client.send_downlink, args=("0059AC0000181EB6", b"1"), kwargs={"port": 1})
    thread.start()
    thread.join()
    print(found)
    """
    with Program(source, simulator.environment()) as program:
        assert program.finish() == ["[None, 100]"]
