"""Ctrl-C and other signals while the main thread is blocked in a call."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kpn_things import Client

from .program import Program
from .service import PATIENCE, Request, Service, full_backlog

AT_ONCE = 5.0
"""Seconds: well below the 30 of a call, and well above the 250 ms that an interrupt may take on a quiet machine."""

INTERRUPTED = """
import time
from kpn_things import Client

client = Client.from_env()
try:
    {call}
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
print(client.request("GET", "/after").status)
"""


def latency(program: Program) -> float:
    """Interrupts the program, and returns the seconds until it reacted."""
    sent = time.monotonic()
    program.interrupt()
    return float(program.line()) - sent


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("client.request('GET', '/stalled')", "/stalled"),
        ("client.send_downlink('0059AC0000181EB6', b'\\x01', port=1)", "/api/actuator/downlinks"),
        ("client.devices().collect()", "/api/devices"),
        ("list(client.devices(window=1))", "/api/devices"),
    ],
)
def test_ctrl_c_ends_a_blocked_call_and_the_client_goes_on(call: str, path: str, service: Service) -> None:
    service.stalled = lambda request: request.path == path
    with Program(INTERRUPTED.format(call=call), service.environment()) as program:
        service.wait_until_asked(path)
        assert latency(program) < AT_ONCE
        assert program.finish() == ["200"]


def test_ctrl_c_between_two_pages_ends_a_listing(service: Service) -> None:
    service.pages = 1_000
    source = """
    import time
    from kpn_things import Client

    client = Client.from_env()

    def read():
        for page in client.devices(window=1).pages():
            if page.number == 2:
                print("reading", flush=True)

    # The loop is in a function, because Python 3.13 does not catch a signal's exception at the end of a loop in the block.
    try:
        read()
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    print(len(list(client.devices(window=1).pages())))
    """
    service.stalled = lambda request: service.asked("/api/devices") == 500
    with Program(source, service.environment()) as program:
        assert program.line() == "reading"
        assert latency(program) < AT_ONCE
        service.resume()
        assert program.finish() == ["1000"]


def test_ctrl_c_during_the_token_fetch_does_not_hold_up_the_next_call(service: Service) -> None:
    service.stalled = lambda request: request.path.endswith("/token") and service.asked("/token") == 1
    call = "client.request('GET', '/never')"
    with Program(INTERRUPTED.format(call=call), service.environment()) as program:
        service.wait_until_asked("/token")
        assert latency(program) < AT_ONCE
        assert program.finish(AT_ONCE) == ["200"]
    assert service.asked("/token") == 2


def test_ctrl_c_during_the_token_fetch_of_a_listing_does_not_hold_up_the_next_call(service: Service) -> None:
    service.stalled = lambda request: request.path.endswith("/token") and service.asked("/token") == 1
    with Program(INTERRUPTED.format(call="client.devices().collect()"), service.environment()) as program:
        service.wait_until_asked("/token")
        assert latency(program) < AT_ONCE
        assert program.finish(AT_ONCE) == ["200"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the threads of a process are read from /proc")
def test_ctrl_c_ends_the_wait_for_the_token_fetch_of_another_thread(service: Service) -> None:
    service.stalled = lambda request: request.path.endswith("/token") and service.asked("/token") == 1
    source = """
    import threading
    import time
    from kpn_things import Client

    client = Client.from_env()
    threading.Thread(target=client.request, args=("GET", "/of-the-thread"), daemon=True).start()
    print(input(), flush=True)
    try:
        client.request("GET", "/never")
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
    print(client.request("GET", "/after").status)
    """
    with Program(source, service.environment()) as program:
        service.wait_until_asked("/token")
        program.write("go on")
        assert program.line() == "go on"
        # The main thread waits for a worker, which waits for the other thread.
        eventually(lambda: "kpn-things" in threads(program.pid))
        assert latency(program) < AT_ONCE
        assert program.finish(AT_ONCE) == ["200"]


def threads(pid: int) -> list[str]:
    """The names of the threads of a process."""
    return [comm.read_text().strip() for comm in Path(f"/proc/{pid}/task").glob("*/comm")]


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.005)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the states of sockets are read from /proc")
def test_ctrl_c_ends_an_attempt_to_connect() -> None:
    with full_backlog() as service:
        before = service.connecting()
        with Program(INTERRUPTED.format(call="client.request('GET', '/never')"), service.environment()) as program:
            eventually(lambda: service.connecting() > before)
            assert latency(program) < AT_ONCE
            service.accept()
            assert program.finish() == ["200"]


class Rung(BaseException):
    """An exception of a signal handler. It is no `Exception`, because `logging` swallows those in some places."""


@contextmanager
def handler(handle: Callable[[], object]) -> Iterator[Callable[[Request], None]]:
    """Handles SIGUSR1. Yields a hook for a service that sends this signal to the main thread."""
    handled = threading.Event()

    def ring(request: Request) -> None:
        # An abandoned call may send its request again after the handler is gone. The signal would then kill this process.
        if not handled.is_set():
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda number, frame: handle())
    try:
        yield ring
    finally:
        handled.set()
        signal.signal(signal.SIGUSR1, before)


def rung() -> None:
    raise Rung


def test_what_a_signal_handler_raises_ends_a_blocked_call(service: Service) -> None:
    with handler(rung) as ring, Client(**service.settings()) as client:
        client.request("GET", "/before")
        service.stalled, service.on_request = lambda request: True, ring
        started = time.monotonic()
        with pytest.raises(Rung):
            client.request("GET", "/stalled")
        assert time.monotonic() - started < AT_ONCE
        service.resume()
        service.on_request = lambda request: None
        assert client.request("GET", "/after").status == 200


def test_a_signal_handler_runs_during_a_call_that_goes_on(service: Service) -> None:
    handled = threading.Event()

    def answer_once_handled(request: Request) -> None:
        if request.path == "/long":
            ring(request)
            assert handled.wait(PATIENCE)

    with handler(handled.set) as ring, Client(**service.settings()) as client:
        service.on_request = answer_once_handled
        assert client.request("GET", "/long").status == 200
    assert handled.is_set()


def test_a_signal_handler_may_make_a_call_itself(service: Service) -> None:
    answered = threading.Event()

    def call() -> None:
        assert client.request("GET", "/of-the-handler").status == 200
        answered.set()

    def answer_after_the_handler(request: Request) -> None:
        if request.path == "/long":
            ring(request)
            assert answered.wait(PATIENCE)

    with handler(call) as ring, Client(**service.settings()) as client:
        service.on_request = answer_after_the_handler
        assert client.request("GET", "/long", timeout=PATIENCE).status == 200
    assert service.asked("/long") == service.asked("/of-the-handler") == 1


def test_a_signal_does_not_disturb_the_calls_of_other_threads(service: Service) -> None:
    statuses: list[int] = []
    with Client(**service.settings()) as client:
        service.stalled = lambda request: request.path == "/stalled"
        go_on = threading.Event()
        service.on_request = lambda request: request.path == "/of-a-thread" and go_on.wait(PATIENCE)
        thread = threading.Thread(target=lambda: statuses.append(client.request("GET", "/of-a-thread").status))
        thread.start()
        service.wait_until_asked("/of-a-thread")
        with handler(rung) as ring:
            waiting = service.on_request
            service.on_request = lambda request: ring(request) if request.path == "/stalled" else waiting(request)
            with pytest.raises(Rung):
                client.request("GET", "/stalled")
        go_on.set()
        thread.join(PATIENCE)
    assert statuses == [200]
    assert service.asked("/of-a-thread") == 1


def test_an_interrupted_listing_says_that_it_was(service: Service) -> None:
    with handler(rung) as ring, Client(**service.settings()) as client:
        service.stalled = lambda request: request.path == "/api/devices"
        service.on_request = lambda request: service.stalled(request) and ring(request)
        pages = client.devices().pages()
        with pytest.raises(Rung):
            next(pages)
        with pytest.raises(RuntimeError, match="was interrupted.*list again"):
            next(pages)


@pytest.mark.parametrize("page", [0, 3], ids=["the first page", "a page of a thread"])
def test_an_interrupted_listing_asks_for_nothing_more(page: int, service: Service) -> None:
    go_on = threading.Event()

    def held(request: Request) -> bool:
        return request.path == "/api/devices" and request.page == page

    def asked() -> int:
        return sum(held(request) for request in service.requests)

    def interrupt(request: Request) -> None:
        if held(request) and asked() == 1:
            ring(request)
            assert go_on.wait(PATIENCE)

    service.pages = 50
    service.answers = lambda request: (503, b"") if held(request) else None
    with handler(rung) as ring, Client(**service.settings()) as client:
        service.on_request = interrupt
        with pytest.raises(Rung):
            client.devices(window=4).collect()
        go_on.set()
    # An interrupted call has ended once its connections are closed.
    service.wait_for(lambda: all(connection.closed_at is not None for connection in service.connections))
    assert asked() == 1
    assert service.asked("/api/devices") < service.pages


def test_an_interrupt_does_not_open_a_closed_client(service: Service) -> None:
    with handler(rung) as ring:
        client = Client(**service.settings())
        service.stalled = lambda request: request.path == "/stalled"

        def close_and_ring(request: Request) -> None:
            if service.stalled(request):
                client.close()
                ring(request)

        service.on_request = close_and_ring
        with pytest.raises(Rung):
            client.request("GET", "/stalled")
        with pytest.raises(RuntimeError, match="closed"):
            client.request("GET", "/after")


def test_an_interrupted_downlink_is_not_sent_later(service: Service) -> None:
    go_on = threading.Event()

    def answer_the_token_after_the_interrupt(request: Request) -> None:
        if service.asked("/token") == 1:
            ring(request)
            assert go_on.wait(PATIENCE)

    with handler(rung) as ring, Client(**service.settings()) as client:
        service.on_request = answer_the_token_after_the_interrupt
        with pytest.raises(Rung):
            client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
        go_on.set()
        # An interrupted call has ended once its connection is closed.
        service.wait_for(lambda: service.connections[0].closed_at is not None)
        assert service.asked("/downlinks") == 0
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1)
    assert service.asked("/downlinks") == 1
