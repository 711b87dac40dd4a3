"""A downlink that is cancelled or interrupted once its request is in flight is reported: it may have arrived."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kpn_things import AsyncClient, Client, Event

from .service import PATIENCE, Service

DEV_EUI = "0059AC0000181EB6"
WARNING = re.compile(
    r"the downlink to urn:dev:DEVEUI:0059AC0000181EB6:, port 7, reference \"valve-42\" may have arrived: its caller stopped "
    r"it while the request was in flight; look for it in the portal before you send it again "
    r"\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)"
)


def in_flight(service: Service, path: str = "/downlinks") -> Callable[[], bool]:
    return lambda: service.asked(path) == 1


def interrupting(service: Service, path: str, work: Callable[[], Any]) -> Any:
    """Does some work, and interrupts it once there is a request for this path."""

    def interrupt() -> None:
        service.wait_for(in_flight(service, path))
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with default_sigint():
        thread.start()
        try:
            return work()
        finally:
            thread.join(PATIENCE)


@contextmanager
def default_sigint() -> Iterator[None]:
    """A process in the background of a shell ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno == logging.WARNING and record.name == "kpn_things"]


async def cancelled(call: Awaitable[Any], service: Service) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.to_thread(service.wait_for, in_flight(service))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def timed_out(call: Awaitable[Any], service: Service) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.to_thread(service.wait_for, in_flight(service))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(task, 0.01)


@pytest.mark.parametrize("stop", [cancelled, timed_out])
@pytest.mark.parametrize("senml", [False, True])
def test_a_cancelled_downlink_that_arrived_is_a_warning(
    stop: Callable[[Awaitable[Any], Service], Awaitable[None]],
    senml: bool,
    service: Service,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.stalled = lambda request: request.path.endswith("/downlinks")

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            call = (
                client.send_senml([{"n": "open", "vb": True}], device=DEV_EUI, port=7, external_reference="valve-42")
                if senml
                else client.send_downlink(DEV_EUI, b"\x01", port=7, external_reference="valve-42")
            )
            await stop(call, service)

    asyncio.run(main())
    [record] = warnings(caplog)
    assert WARNING.fullmatch(record.getMessage())
    assert vars(record)["kpn_outcome"] == "unknown"
    assert vars(record)["kpn_external_reference"] == "valve-42"


def test_the_generated_reference_of_a_cancelled_downlink_is_the_one_that_was_sent(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.stalled = lambda request: request.path.endswith("/downlinks")
    events: list[Event] = []

    async def main() -> None:
        async with AsyncClient(**service.settings(), on_event=events.append) as client:
            await cancelled(client.send_downlink(DEV_EUI, b"\x01", port=7), service)

    asyncio.run(main())
    [record] = warnings(caplog)
    [request] = [request for request in service.requests if request.path.endswith("/downlinks")]
    assert f"externalReference={vars(record)['kpn_external_reference']}" in request.target
    assert {(event.kind, event.stage) for event in events} == {("request", "token"), ("call", "call")}


@pytest.mark.parametrize("path", ["/token", "/api/devices"])
def test_what_is_cancelled_before_it_acts_is_no_warning(
    path: str, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.stalled = lambda request: request.path.endswith(path)

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            call: Any = client.send_downlink(DEV_EUI, b"\x01", port=7) if path == "/token" else client.devices().collect()
            task = asyncio.ensure_future(call)
            await asyncio.to_thread(service.wait_for, in_flight(service, path))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert warnings(caplog) == []
    assert service.asked("/downlinks") == 0


def test_an_interrupted_downlink_is_a_warning_and_a_note_of_the_interrupt(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    service.stalled = lambda request: request.path.endswith("/downlinks")

    def send() -> KeyboardInterrupt:
        with Client(**service.settings()) as client, pytest.raises(KeyboardInterrupt) as caught:
            client.send_downlink(DEV_EUI, b"\x01", port=7, external_reference="valve-42")
        return caught.value

    raised = interrupting(service, "/downlinks", send)
    [record] = warnings(caplog)
    assert WARNING.fullmatch(record.getMessage())
    notes: list[str] = getattr(raised, "__notes__", [])
    assert len(notes) == hasattr(raised, "add_note")
    assert all(record.getMessage().startswith(note) for note in notes)


def test_a_coroutine_that_is_closed_ends_its_call(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    service.stalled = lambda request: request.path.endswith("/downlinks")

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            call = client.send_downlink(DEV_EUI, b"\x01", port=7, external_reference="valve-42")
            call.send(None)
            await asyncio.to_thread(service.wait_for, in_flight(service))
            call.close()

    asyncio.run(main())
    [record] = warnings(caplog)
    assert WARNING.fullmatch(record.getMessage())


def test_a_coroutine_that_is_closed_after_its_loop_is_silent(service: Service) -> None:
    async def main() -> Any:
        call = AsyncClient(**service.settings()).send_downlink(DEV_EUI, b"\x01", port=7)
        call.send(None)
        return call

    call = asyncio.run(main())
    assert call.close() is None


def test_a_signal_that_comes_just_before_the_response_does_not_hide_the_result(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """The client checks for signals every 50 ms, and the response arrives before the next check."""

    def interrupt(request: Any) -> None:
        if request.path.endswith("/downlinks"):
            signal.raise_signal(signal.SIGINT)

    service.on_request = interrupt
    with default_sigint(), Client(**service.settings()) as client, pytest.raises(KeyboardInterrupt):
        client.send_downlink(DEV_EUI, b"\x01", port=7, external_reference="valve-42")
    [record] = warnings(caplog)
    assert vars(record)["kpn_outcome"] in ("accepted", "unknown")
    assert vars(record)["kpn_external_reference"] == "valve-42"


@pytest.mark.parametrize("kind", ["request", "call"])
def test_an_interrupt_during_the_users_function_ends_the_call_and_does_not_hide_the_result(
    kind: str, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(event: Event) -> None:
        if (event.kind, event.stage) == (kind, "call"):
            raise KeyboardInterrupt

    with Client(**service.settings(), on_event=interrupt) as client, pytest.raises(KeyboardInterrupt):
        client.send_downlink(DEV_EUI, b"\x01", port=7, external_reference="valve-42")
    [record] = warnings(caplog)
    assert vars(record)["kpn_outcome"] == "accepted"
    assert "was accepted by the service" in record.getMessage()


def test_an_interrupt_during_the_users_function_ends_a_listing(service: Service) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    with Client(**service.settings(), on_event=interrupt) as client:
        listing = iter(client.devices())
        with pytest.raises(KeyboardInterrupt):
            next(listing)
        with pytest.raises(RuntimeError, match="was interrupted"):
            next(listing)


async def send(client: AsyncClient) -> Any:
    return await client.send_downlink(DEV_EUI, b"\x01", port=7)


async def post(client: AsyncClient) -> Any:
    return await client.request("POST", "/actuator/downlinks", json=[])


@pytest.mark.parametrize("call", [send, post])
@pytest.mark.parametrize("first", ["result", "cancel"])
def test_a_call_that_is_cancelled_as_its_result_comes_is_a_warning(
    call: Callable[[AsyncClient], Awaitable[Any]], first: str, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A busy event loop finds both the result and the end of a timeout, and handles both in one turn."""
    # Then the result is all that the event loop is called for.
    caplog.set_level(logging.WARNING, "kpn_things")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        soon = loop.call_soon_threadsafe

        def both(settle: Callable[..., object], *arguments: Any) -> asyncio.Handle:
            steps: list[Callable[[], object]] = [lambda: settle(*arguments), task.cancel]
            return soon(lambda: [step() for step in (steps if first == "result" else steps[::-1])])

        async with AsyncClient(**service.settings()) as client:
            task = asyncio.ensure_future(call(client))
            loop.call_soon_threadsafe = both  # type: ignore[method-assign, assignment]
            with pytest.raises(asyncio.CancelledError):
                await task
            loop.call_soon_threadsafe = soon  # type: ignore[method-assign]

    asyncio.run(main())
    [record] = warnings(caplog)
    assert "was accepted by the service, but its caller had stopped waiting for it" in record.getMessage()
    assert vars(record)["kpn_outcome"] == "accepted"
    [request] = [request for request in service.requests if request.path.endswith("/downlinks")]
    assert call is post or f"externalReference={vars(record)['kpn_external_reference']}" in request.target


@pytest.mark.parametrize(("path", "outcome"), [("/token", "not_sent"), ("/downlinks", "unknown"), ("/devices", None)])
@pytest.mark.parametrize("way", ["cancel", "interrupt"])
def test_a_call_that_is_stopped_has_an_event_at_its_end(
    way: str, path: str, outcome: str | None, service: Service
) -> None:
    service.stalled = lambda request: request.path.endswith(path)
    events: list[Event] = []

    async def cancelled() -> None:
        async with AsyncClient(**service.settings(), on_event=events.append) as client:
            call: Any = client.request("GET", "/devices") if path == "/devices" else send(client)
            task = asyncio.ensure_future(call)
            await asyncio.to_thread(service.wait_for, in_flight(service, path))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    def interrupted() -> None:
        with Client(**service.settings(), on_event=events.append) as client, pytest.raises(KeyboardInterrupt):
            if path == "/devices":
                client.request("GET", "/devices")
            else:
                client.send_downlink(DEV_EUI, b"\x01", port=7)

    if way == "cancel":
        asyncio.run(cancelled())
    else:
        interrupting(service, path, interrupted)
    # The event of a request that ended just before can come after it.
    [last] = [event for event in events if event.kind == "call"]
    assert (last.error, last.outcome) == ("the caller stopped it", outcome)
    assert last.elapsed > 0
    assert bool(last.external_reference) == (path != "/devices")
