"""`on_event`, `with_options` and `KPN_THINGS_LOG`: what a program can observe of its calls."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from kpn_things import AsyncClient, Client, Event, InputError, KpnThingsError, RetryPolicy
from kpn_things._native import Simulator

from .program import environment

DEV_EUI = "0059AC0000181EB6"
Use = Callable[[Callable[[Any], Any], dict[str, Any]], Any]


@pytest.fixture(params=["main thread", "other thread", "asyncio"])
def use(request: pytest.FixtureRequest, simulator: Simulator) -> Use:
    """Makes a call with a client with these options: from the main thread, from another thread, or on asyncio."""

    def sync(call: Callable[[Any], Any], options: dict[str, Any]) -> Any:
        with Client.from_env(simulator.environment(), **options) as client:
            return call(client)

    def on_thread(call: Callable[[Any], Any], options: dict[str, Any]) -> Any:
        results: list[Any] = []

        def work() -> None:
            try:
                results.append(sync(call, options))
            except KpnThingsError as error:
                results.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(results[0], KpnThingsError):
            raise results[0]
        return results[0]

    def with_asyncio(call: Callable[[Any], Any], options: dict[str, Any]) -> Any:
        async def main() -> Any:
            async with AsyncClient.from_env(simulator.environment(), **options) as client:
                return await call(client)

        return asyncio.run(main())

    ways: dict[str, Use] = {"main thread": sync, "other thread": on_thread, "asyncio": with_asyncio}
    return ways[request.param]


def send(client: Any) -> Any:
    return client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference="valve-42")


def test_every_request_every_retry_and_the_end_of_a_call_are_events(use: Use, simulator: Simulator) -> None:
    simulator.add_fault("downlinks@1=status:503,Retry-After:0")
    events: list[Event] = []
    use(send, {"on_event": events.append})
    assert [(event.kind, event.stage, event.status, event.attempt) for event in events] == [
        ("request", "token", 200, 1),
        ("request", "call", 503, 1),
        ("retry", "call", None, 1),
        ("request", "call", 201, 2),
        ("call", "call", 201, 2),
    ]
    assert {event.operation for event in events} == {"send_downlink"}
    assert all(event.elapsed > 0 for event in events if event.kind != "retry")
    wait = events[2].wait
    assert wait is not None and wait > 0
    assert (events[-1].outcome, events[-1].external_reference) == ("accepted", "valve-42")
    assert events[3].url == simulator.environment()["KPN_THINGS_BASE_URL"] + "/api/actuator/downlinks"


def test_the_end_of_a_failed_call_has_its_error_and_its_outcome(use: Use, simulator: Simulator) -> None:
    for fault, outcome, error in (("status:400", "not_sent", None), ("drop-after", "unknown", "interrupted")):
        simulator.clear_faults()
        simulator.add_fault(f"downlinks={fault}")
        events: list[Event] = []
        with pytest.raises(KpnThingsError):
            use(send, {"on_event": events.append})
        assert (events[-1].kind, events[-1].outcome) == ("call", outcome)
        assert events[-1].error
        assert events[-2].error == error


def test_a_listing_has_an_event_for_each_page(use: Use, simulator: Simulator) -> None:
    events: list[Event] = []
    use(lambda client: client.devices(page_size=10).collect(), {"on_event": events.append})
    pages = [event for event in events if event.stage == "call"]
    assert len(pages) == 10
    assert {(event.kind, event.operation, event.status) for event in pages} == {("request", "devices", 200)}


def test_an_event_shows_neither_query_nor_secret(use: Use, simulator: Simulator) -> None:
    events: list[Event] = []
    use(send, {"on_event": events.append})
    accept = {"Accept": "application/vnd.kpnthings.device.v1.response+json"}
    search = "/api/devices?search=Parking"
    use(lambda client: client.request("GET", search, headers=accept), {"on_event": events.append})
    shown = repr(events)
    assert "Parking" not in shown and "?" not in shown, shown
    assert simulator.environment()["KPN_THINGS_KEY_SECRET"] not in shown


def test_an_exception_of_the_hook_is_printed_and_the_call_goes_on(
    use: Use, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(event: Event) -> None:
        raise ValueError(event.kind)

    printed: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: printed.append(str(raised.exc_value)))
    assert use(send, {"on_event": fail}).status == 201
    assert printed == ["request", "request", "call"]


def test_a_hook_runs_in_the_context_of_its_caller(simulator: Simulator) -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen: list[tuple[str, threading.Thread]] = []

    async def call(client: AsyncClient, name: str) -> None:
        who.set(name)
        await send(client)

    async def main() -> None:
        hook = lambda event: seen.append((who.get(), threading.current_thread()))  # noqa: E731
        async with AsyncClient.from_env(simulator.environment(), on_event=hook) as client:
            await asyncio.gather(*(asyncio.create_task(call(client, name)) for name in ("one", "two")))

    asyncio.run(main())
    assert {name for name, _ in seen} == {"one", "two"}
    assert {thread for _, thread in seen} == {threading.current_thread()}


def test_other_options_hold_for_one_scope_and_share_the_token(simulator: Simulator) -> None:
    events: list[Event] = []
    with Client.from_env(simulator.environment()) as client:
        patient = client.with_options(
            timeout=60, retry=RetryPolicy(max_attempts=2, base_delay=0.001), on_event=events.append
        )
        simulator.add_fault("other=status:503")
        with pytest.raises(KpnThingsError) as caught:
            patient.request("GET", "/x")
        assert caught.value.attempts == 2
        with pytest.raises(KpnThingsError) as caught:
            client.with_options(retry=RetryPolicy(max_attempts=1)).request("GET", "/x")
        assert caught.value.attempts == 1
        assert [event.kind for event in events] == ["request", "request", "retry", "request", "call"]
        assert simulator.calls("token") == 1
        assert patient.for_customer("c-1").with_options(timeout=1).without_customer().devices().collect()
    for wrong in (0, -1, float("nan")):
        with pytest.raises(InputError, match="timeout is"):
            client.with_options(timeout=wrong)
    with pytest.raises(RuntimeError, match="closed"):
        patient.request("GET", "/x")


def test_a_pickled_scope_keeps_its_options(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    once = RetryPolicy(max_attempts=1)
    with Client.from_env(simulator.environment()) as client:
        pickled = pickle.dumps(client.with_options(timeout=60, on_event=print).for_customer("c-1").with_options(retry=once))
    locked = pickle.loads(pickled)
    monkeypatch.setenv("KPN_THINGS_KEY_SECRET", simulator.environment()["KPN_THINGS_KEY_SECRET"])
    for again in pickle.loads(pickled), pickle.loads(pickle.dumps(locked)):
        assert again._scope == {"timeout": 60.0, "on_event": print, "retry": once}
        simulator.add_fault("other=status:503")
        with again, pytest.raises(KpnThingsError) as caught:
            again.request("GET", "/x")
        assert caught.value.attempts == 1


def test_a_retry_policy_is_a_value() -> None:
    policy = RetryPolicy(max_attempts=5, base_delay=0.5, max_delay=2, max_retry_after=60)
    assert pickle.loads(pickle.dumps(policy)) == policy != RetryPolicy()
    assert hash(policy) == hash(pickle.loads(pickle.dumps(policy)))
    assert eval(repr(policy)) == policy
    options: dict[str, Any]
    for options in ({"max_attempts": 0}, {"base_delay": -1.0}, {"max_delay": float("nan")}):
        with pytest.raises(InputError, match=next(iter(options))):
            RetryPolicy(**options)


@pytest.mark.parametrize(
    ("level", "shown", "hidden"),
    [
        ("debug", "DEBUG kpn_things: send_downlink: accepted", "KPN_THINGS_LOG"),
        ("Warning", "", "DEBUG"),
        ("loud", "KPN_THINGS_LOG is 'loud': set it to debug, info, warning or error", "DEBUG"),
    ],
)
def test_a_variable_writes_logs_to_stderr(level: str, shown: str, hidden: str, simulator: Simulator) -> None:
    program = f"from kpn_things import Client; Client.from_env().send_downlink('{DEV_EUI}', b'1', port=1)"
    variables = {**environment(simulator.environment()), "KPN_THINGS_LOG": level}
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    assert shown in done.stderr and hidden not in done.stderr
    assert simulator.environment()["KPN_THINGS_KEY_SECRET"] not in done.stderr
