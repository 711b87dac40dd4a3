"""The async client on asyncio: its methods are coroutines, cancel at once, and run on any number of loops of any kind."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import gc
import inspect
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from kpn_things import AsyncClient, KpnThingsError, NotFoundError
from kpn_things._native import Simulator

from .program import Program
from .service import PATIENCE, Request, Service, full_backlog

pytestmark = pytest.mark.filterwarnings("error")

AT_ONCE = 5.0
"""Seconds: well below the 30 of a call, and well above the 50 ms that cancelling may take on a quiet machine."""

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on a new loop in debug mode."""
    if request.param == "asyncio":
        return lambda main: asyncio.run(main, debug=True)
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.Runner came with Python 3.11")
    uvloop = pytest.importorskip("uvloop")

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(debug=True, loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main)

    return run


@pytest.fixture(autouse=True)
def nothing_is_forgotten(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails if asyncio logged an exception that was never retrieved, or a task that was left pending."""
    yield
    gc.collect()
    records = caplog.get_records("call")
    assert [record for record in records if record.name == "asyncio" and record.levelno >= logging.ERROR] == []


async def asked(service: Service, path: str, times: int = 1) -> None:
    await asyncio.to_thread(service.wait_until_asked, path, times)


async def left(service: Service, times: int = 1) -> float:
    return await asyncio.to_thread(service.wait_until_left, times)


async def cancel(task: asyncio.Task[Any]) -> float:
    """Cancels a task, and returns when."""
    at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return at


def test_methods_are_coroutines(service: Service) -> None:
    client = AsyncClient(**service.settings())
    coroutines = [
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1),
        client.send_senml([{"n": "setpoint", "v": 21.5}], device="0059AC0000181EB6"),
        client.context_switch("customer"),
        client.request("GET", "/devices"),
        client.devices().collect(),
        client.aclose(),
    ]
    assert all(inspect.iscoroutine(coroutine) for coroutine in coroutines)
    for coroutine in coroutines:
        coroutine.close()
    assert isinstance(client.devices().pages(), AsyncIterator)
    assert isinstance(aiter(client.devices()), AsyncIterator)
    assert service.requests == []


def test_calls_are_tasks_and_can_be_gathered(run: Run, simulator: Simulator) -> None:
    async def main() -> None:
        async with AsyncClient.from_env(simulator.environment()) as client:
            task = asyncio.create_task(client.send_downlink("0059AC0000181EB6", b"\x01", port=1))
            receipts = await asyncio.gather(
                task, *(client.send_downlink("0059AC0000181EB6", b"\x01", port=port) for port in range(2, 101))
            )
            assert {receipt.status for receipt in receipts} == {201}
            assert len(await client.devices().collect()) == 100

    run(main())
    assert {downlink["port"] for downlink in simulator.downlinks()} == set(range(1, 101))


def test_wait_for_ends_the_call_that_is_too_slow(run: Run, service: Service) -> None:
    service.stalled = lambda request: request.path == "/stalled"

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.request("GET", "/stalled"), 0.2)
            assert await asyncio.wait_for(client.request("GET", "/after"), PATIENCE)
            await left(service)

    run(main())


def test_a_timeout_ends_the_call_that_is_too_slow(run: Run, service: Service) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.timeout came with Python 3.11")
    service.stalled = lambda request: request.path == "/stalled"

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.request("GET", "/stalled")
            await left(service)

    run(main())


def test_a_task_group_ends_the_calls_beside_one_that_fails(run: Run, service: Service) -> None:
    if sys.version_info < (3, 11):
        pytest.skip("TaskGroup came with Python 3.11")
    service.stalled = lambda request: request.path.startswith("/stalled")
    service.answers = lambda request: (404, b"{}") if request.path == "/none" else None

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            with pytest.raises(builtins.BaseExceptionGroup) as caught:
                async with asyncio.TaskGroup() as group:
                    for number in range(8):
                        group.create_task(client.request("GET", f"/stalled-{number}"))
                    for number in range(8):
                        await asked(service, f"/stalled-{number}")
                    group.create_task(client.request("GET", "/none"))
            assert [type(error).__name__ for error in caught.value.exceptions] == ["NotFoundError"]
            await left(service, 8)

    run(main())


@pytest.mark.parametrize("path", ["/v2/tenant/oidc/idp/c1/token", "/stalled"])
def test_cancelling_ends_the_connection_of_a_call(path: str, run: Run, service: Service) -> None:
    service.stalled = lambda request: request.path == path and service.asked(path) == 1

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            task = asyncio.create_task(client.request("GET", "/stalled"))
            await asked(service, path)
            cancelled = await cancel(task)
            assert await left(service) - cancelled < AT_ONCE
            assert (await client.request("GET", "/after")).status == 200

    run(main())


def test_cancelling_ends_an_attempt_to_connect(run: Run) -> None:
    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            task = asyncio.create_task(client.request("GET", "/never"))
            while service.connecting() == before:
                await asyncio.sleep(0.005)
            cancelled = await cancel(task)
            while service.connecting() > before:
                assert time.monotonic() - cancelled < AT_ONCE
                await asyncio.sleep(0.005)

    with full_backlog() as service:
        before = service.connecting()
        run(main())


def test_cancelling_who_fetches_the_token_hands_the_fetch_over(run: Run, service: Service) -> None:
    service.stalled = lambda request: request.path.endswith("/token") and service.asked("/token") == 1

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            leader = asyncio.create_task(client.request("GET", "/leader"))
            await asked(service, "/token")
            followers = [asyncio.create_task(client.request("GET", "/follower")) for _ in range(8)]
            await cancel(followers.pop())
            await cancel(leader)
            answers = await asyncio.wait_for(asyncio.gather(*followers), PATIENCE)
            assert len(answers) == 7

    run(main())
    assert (service.asked("/token"), service.asked("/leader"), service.asked("/follower")) == (2, 0, 7)


def test_cancelling_a_pause_sends_nothing_more(run: Run, service: Service) -> None:
    service.answers = lambda request: (429, b"{}") if request.path == "/busy" else None

    async def main() -> None:
        async with AsyncClient(**service.settings(), max_attempts=100) as client:
            task = asyncio.create_task(client.request("GET", "/busy"))
            await asked(service, "/busy", 2)
            await cancel(task)
            sent = service.asked("/busy")
            # These calls together take longer than the previous waits between retries.
            await asyncio.wait([asyncio.create_task(client.request("GET", f"/after-{n}")) for n in range(200)])
            assert service.asked("/busy") == sent

    run(main())


def test_cancelling_a_listing_ends_all_its_connections(run: Run, service: Service) -> None:
    service.pages, service.stalled = 1_000, lambda request: request.page >= 4

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            task = asyncio.create_task(client.devices(window=8).collect())
            await asyncio.to_thread(service.wait_for, lambda: pages_under_way(service) >= 8)
            cancelled = await cancel(task)
            assert await left(service, 8) - cancelled < AT_ONCE

    run(main())
    assert max(request.page for request in service.requests) == 11


def pages_under_way(service: Service) -> int:
    return sum(connection.stalled for connection in service.connections)


@pytest.mark.parametrize("way", ["break", "aclosing", "exception", "pages"])
def test_leaving_a_listing_ends_its_fetching(way: str, run: Run, service: Service) -> None:
    service.pages, service.stalled = 1_000, lambda request: request.page >= 4

    async def read(client: AsyncClient) -> None:
        if way == "break":
            async for _ in client.devices(window=8):
                break
        elif way == "pages":
            async for _ in client.devices(window=8).pages():
                break
        elif way == "aclosing":
            async with contextlib.aclosing(aiter(client.devices(window=8))) as devices:
                await anext(devices)
        else:
            with contextlib.suppress(ZeroDivisionError):
                async for _ in client.devices(window=8):
                    1 / 0

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            await read(client)
            assert (await client.request("GET", "/after")).status == 200
            await asyncio.to_thread(
                service.wait_for,
                lambda: all(one.closed_at or not one.stalled for one in service.connections),
            )

    run(main())
    assert max(request.page for request in service.requests) <= 12


@pytest.mark.parametrize("pages", [False, True], ids=["devices", "pages"])
def test_a_listing_that_was_cancelled_does_not_look_like_a_whole_one(pages: bool, run: Run, service: Service) -> None:
    service.pages, service.stalled = 50, lambda request: request.page == 2

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            listing = client.devices(window=1)
            items = listing.pages() if pages else aiter(listing)
            for _ in range(2):
                await anext(items)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(items), 0.01)
            for _ in range(2):
                with pytest.raises(RuntimeError, match="cancelled.*list again"):
                    await anext(items)

    run(main())


def test_a_listing_that_ended_stays_so(run: Run, service: Service) -> None:
    service.pages, service.answers = 3, lambda request: (404, b"") if request.page == 2 and failing else None

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            items = aiter(client.devices(window=2))
            read = 0
            with pytest.raises(NotFoundError) if failing else contextlib.nullcontext():
                async for _ in items:
                    read += 1
            assert read == (2 if failing else 3)
            for _ in range(2):
                with pytest.raises(StopAsyncIteration):
                    await anext(items)

    for failing in (False, True):
        run(main())


def test_a_listing_goes_on_after_its_reader_was_cancelled_elsewhere(run: Run, service: Service) -> None:
    service.pages = 50

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            pages = client.devices(window=4).pages()
            numbers = [(await anext(pages)).number]
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.sleep(PATIENCE), 0.01)
            numbers += [page.number async for page in pages]
            assert numbers == list(range(50))

    run(main())


def test_one_client_serves_one_loop_after_the_other(run: Run, service: Service) -> None:
    client = AsyncClient(**service.settings())

    async def main() -> int:
        return (await client.request("GET", "/devices")).status

    assert [run(main()), run(main()), run(main())] == [200, 200, 200]
    assert service.asked("/token") == 1
    run(client.aclose())


def test_one_client_serves_loops_of_several_threads(run: Run, simulator: Simulator) -> None:
    client = AsyncClient.from_env(simulator.environment())
    counts: list[int] = []

    async def main() -> None:
        fleets = await asyncio.gather(*(client.devices(page_size=10).collect() for _ in range(8)))
        counts.extend(len(fleet) for fleet in fleets)

    threads = [threading.Thread(target=run, args=(main(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert counts == [100] * 64
    assert simulator.calls("token") == 1


def test_a_loop_closed_in_mid_call_leaves_the_client_usable(service: Service) -> None:
    go_on = threading.Event()
    service.on_request = lambda request: request.path == "/late" and go_on.wait(PATIENCE)
    client = AsyncClient(**service.settings())
    loop = asyncio.new_event_loop()
    task = loop.create_task(client.request("GET", "/late"))
    loop.run_until_complete(asked(service, "/late"))
    loop.run_until_complete(loop.shutdown_default_executor())
    # Asyncio reports every task that is left pending, whatever the task waits for.
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()
    go_on.set()

    async def main() -> None:
        assert (await client.request("GET", "/after")).status == 200
        await client.aclose()

    asyncio.run(main(), debug=True)


def test_errors_and_cancels_at_one_moment_leave_nothing_behind(run: Run, service: Service) -> None:
    service.answers = lambda request: (404, b"{}") if request.path == "/none" else None

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            await client.request("GET", "/warm")
            for number in range(300):
                task = asyncio.create_task(client.request("GET", "/none"))
                # The delays range from before the request to after the response.
                await asyncio.sleep(number * 10e-6)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, KpnThingsError):
                    await task

    run(main())


def test_closing_during_a_call_lets_it_end(run: Run, service: Service) -> None:
    go_on = threading.Event()
    service.on_request = lambda request: request.path == "/late" and go_on.wait(PATIENCE)

    async def main() -> None:
        client = AsyncClient(**service.settings())
        task = asyncio.create_task(client.request("GET", "/late"))
        await asked(service, "/late")
        await client.aclose()
        go_on.set()
        assert (await task).status == 200
        with pytest.raises(RuntimeError, match="closed"):
            await client.request("GET", "/after")
        with pytest.raises(RuntimeError, match="closed"):
            await client.devices().collect()

    run(main())


def test_leaving_the_block_closes(run: Run, service: Service) -> None:
    async def main() -> None:
        async with AsyncClient(**service.settings()) as client, client.for_customer("customer") as theirs:
            assert (await theirs.request("GET", "/devices")).status == 200
        for closed in (client, theirs):
            with pytest.raises(RuntimeError, match="closed"):
                await closed.request("GET", "/after")
        await client.aclose()

    run(main())


def test_ctrl_c_ends_asyncio_and_the_call(service: Service) -> None:
    service.stalled = lambda request: request.path == "/stalled"
    source = """
    import asyncio
    import time
    from kpn_things import AsyncClient

    client = AsyncClient.from_env()
    try:
        asyncio.run(client.request("GET", "/stalled"))
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    print(asyncio.run(client.request("GET", "/after")).status)
    """
    with Program(source, service.environment()) as program:
        service.wait_until_asked("/stalled")
        sent = time.monotonic()
        program.interrupt()
        assert float(program.line()) - sent < AT_ONCE
        assert service.wait_until_left() - sent < AT_ONCE
        assert program.finish() == ["200"]


def test_without_a_loop_of_asyncio_the_error_says_so(service: Service) -> None:
    call = AsyncClient(**service.settings()).request("GET", "/devices")
    with pytest.raises(RuntimeError, match="no asyncio event loop is running"):
        call.send(None)


def test_anyio_cancels_as_asyncio_does(service: Service) -> None:
    anyio = pytest.importorskip("anyio")
    service.stalled = lambda request: request.path == "/stalled"

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            with anyio.move_on_after(0.2) as scope:
                await client.request("GET", "/stalled")
            assert scope.cancelled_caught
            async with anyio.create_task_group() as group:
                for number in range(8):
                    group.start_soon(client.request, "GET", f"/{number}")
            await anyio.to_thread.run_sync(service.wait_until_left)

    anyio.run(main, backend="asyncio")
    assert {request.path for request in service.requests} >= {f"/{number}" for number in range(8)}


def test_trio_gets_a_clear_error(service: Service) -> None:
    trio = pytest.importorskip("trio")
    client = AsyncClient(**service.settings())
    with pytest.raises(RuntimeError, match="trio-asyncio"):
        trio.run(client.request, "GET", "/devices")
    assert service.requests == []


@pytest.mark.skipif(not find_spec("trio_asyncio"), reason="trio-asyncio is not installed")
def test_trio_asyncio_brings_the_loop(service: Service) -> None:
    # The import replaces parts of asyncio for the whole process. Here it follows the first call.
    source = """
    import asyncio
    import warnings
    from kpn_things import AsyncClient

    assert asyncio.run(AsyncClient.from_env().request("GET", "/devices")).status == 200
    warnings.simplefilter("ignore")
    import trio_asyncio

    async def main():
        async with AsyncClient.from_env() as client:
            assert (await client.request("GET", "/devices")).status == 200
            assert len(await client.devices().collect()) == 1

    trio_asyncio.run(trio_asyncio.aio_as_trio(main))
    """
    with Program(source, service.environment()) as program:
        program.finish()
