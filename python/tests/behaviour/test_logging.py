"""Calls are logged to `logging.getLogger("kpn_things")`, and nothing is printed."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from kpn_things import AsyncClient, Client, DownlinkOutcomeUnknown, KpnThingsError
from kpn_things._native import Simulator

from .program import Program
from .service import Service


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest) -> Callable[[dict[str, str]], Any]:
    """Sends a downlink by either client."""

    def send(settings: dict[str, str]) -> Any:
        with Client.from_env(settings) as client:
            return client.send_downlink("0059AC0000181EB6", b"\x01", port=1)

    def send_async(settings: dict[str, str]) -> Any:
        async def main() -> Any:
            async with AsyncClient.from_env(settings) as client:
                return await client.send_downlink("0059AC0000181EB6", b"\x01", port=1)

        return asyncio.run(main())

    return send if request.param == "sync" else send_async


def levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records if record.name == "kpn_things"]


def test_a_call_is_told_at_debug(
    send: Callable[[dict[str, str]], Any], simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "kpn_things")
    simulator.add_fault("downlinks@1=status:503,Retry-After:0")
    send(simulator.environment())
    debug, info = logging.DEBUG, logging.INFO
    # These are the token, the refused request, the wait, the accepted request, and the end of the call.
    assert levels(caplog) == [debug, debug, info, debug, debug]
    records = [record for record in caplog.records if record.name == "kpn_things"]
    told = [record.getMessage() for record in records]
    assert re.search(r"^POST http://\S+/token: 200 in \d+\.\d ms \(attempt 1\)$", told[0])
    assert re.search(r"^POST http://\S+/downlinks: 503 in .* \(attempt 1\)$", told[1])
    assert re.search(r"^POST http://\S+/downlinks: retries in \S+ s, after attempt 1$", told[2])
    assert re.search(r"^send_downlink: accepted \(\d+\.\d ms\)$", told[4])
    assert vars(records[3])["kpn_status"] == 201
    assert vars(records[3])["kpn_attempt"] == 2
    assert vars(records[4])["kpn_outcome"] == "accepted"
    assert vars(records[4])["kpn_external_reference"]


def test_at_the_usual_level_nothing_is_told(
    send: Callable[[dict[str, str]], Any], simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kpn_things")
    send(simulator.environment())
    simulator.add_fault("downlinks=status:400")
    with pytest.raises(KpnThingsError):
        send(simulator.environment())
    assert levels(caplog) == []


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_a_downlink_that_may_have_arrived_is_a_warning(
    level: int, send: Callable[[dict[str, str]], Any], simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level, "kpn_things")
    simulator.add_fault("downlinks=drop-after")
    with pytest.raises(KpnThingsError) as caught:
        send(simulator.environment())
    assert caught.value.outcome == "unknown"
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "may have arrived and was not retried" in caplog.text
    assert vars(warnings[0])["kpn_outcome"] == "unknown"
    assert vars(warnings[0])["kpn_external_reference"] == caught.value.external_reference
    assert len(simulator.downlinks()) == 1


def test_an_exception_of_a_handler_does_not_replace_the_exception_of_the_call(
    send: Callable[[dict[str, str]], Any],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise ConnectionError("the log server is full")

    printed: list[str] = []
    caplog.set_level(logging.WARNING, "kpn_things")
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: printed.append(str(raised.exc_value)))
    monkeypatch.setattr(logging.getLogger("kpn_things"), "handlers", [Full()])
    simulator.add_fault("downlinks=drop-after")
    with pytest.raises(DownlinkOutcomeUnknown):
        send(simulator.environment())
    assert printed == ["the log server is full"]


def test_a_downlink_that_was_not_sent_is_no_warning(
    send: Callable[[dict[str, str]], Any], simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "kpn_things")
    simulator.add_fault("downlinks=status:404")
    with pytest.raises(KpnThingsError) as caught:
        send(simulator.environment())
    assert caught.value.outcome == "not_sent"
    assert set(levels(caplog)) == {logging.DEBUG}


def test_pages_are_told_at_debug(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kpn_things")
    with Client.from_env(simulator.environment()) as client:
        client.devices(page_size=50).collect()
    assert len(re.findall(r"GET http://\S+/api/devices: 200", caplog.text)) == 2


def test_a_raw_call_is_told_without_its_query(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kpn_things")
    with Client(**service.settings()) as client:
        client.request("GET", "/devices?limit=5", params={"search": "Parking"})
    assert "/devices: 404" in caplog.text or "/devices: 200" in caplog.text
    assert "Parking" not in caplog.text


def test_handlers_run_on_the_thread_and_in_the_context_of_the_caller(service: Service) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[tuple[str, threading.Thread]] = []
    logger = logging.getLogger("kpn_things")

    def look(record: logging.LogRecord) -> bool:
        seen.append((who.get(), threading.current_thread()))
        return True

    async def call(client: AsyncClient, name: str) -> None:
        who.set(name)
        await client.request("GET", "/devices")

    async def main() -> None:
        async with AsyncClient(**service.settings()) as client:
            await asyncio.gather(*(asyncio.create_task(call(client, name)) for name in ("one", "two")))

    logger.addFilter(look)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        asyncio.run(main())
    finally:
        logger.removeFilter(look)
        logger.setLevel(level)
    assert {name for name, _ in seen} == {"one", "two"}
    assert {thread for _, thread in seen} == {threading.current_thread()}


def test_without_any_set_up_of_logging_nothing_is_printed(simulator: Simulator) -> None:
    source = """
    import asyncio
    from kpn_things import AsyncClient, Client, DownlinkOutcomeUnknown, KpnThingsError

    def send():
        with Client.from_env() as client:
            client.send_downlink("0059AC0000181EB6", b"\\x01", port=1)

    async def send_async():
        async with AsyncClient.from_env() as client:
            await client.send_downlink("0059AC0000181EB6", b"\\x01", port=1)

    for call in (send, lambda: asyncio.run(send_async())):
        try:
            call()
        except KpnThingsError as error:
            assert error.outcome == "unknown"
    """
    simulator.add_fault("downlinks=drop-after")
    with Program(source, simulator.environment()) as program:
        assert program.finish() == []
    assert len(simulator.downlinks()) == 2
