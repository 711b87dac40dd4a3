"""Excessive responses raise a typed error, and use little memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import chain, repeat
from pathlib import Path

import pytest

from behaviour.program import Program
from behaviour.service import Answer, Request, Service, plain

from .caller import Caller, either
from .trial import Trial

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")

MIB = 1 << 20
GROWTH = 32 * MIB
"""Bytes that a process may grow by."""

PROGRAM = """
import asyncio
import json
import os
import re
from pathlib import Path
from kpn_things import AsyncClient, Client

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

def made(call):
    async def main():
        return await call

    return asyncio.run(main()) if asyncio.iscoroutine(call) else call

def tell(url, work, read):
    "Makes a call, and tells the classes of what comes of it."
    client = {client}.from_env({{**os.environ, "KPN_THINGS_BASE_URL": url}}, token_url=f"{{url}}/token", timeout=2)
    made(client.request("GET", "/small"))
    try:
        result = made(work(client))
        if read:
            result.json()
    except BaseException as error:
        assert len(str(error)) < 1_000, len(str(error))
        result = error.__cause__ or error
    return [kind.__name__ for kind in type(result).__mro__]

tell(os.environ["KPN_THINGS_BASE_URL"] + "/warm/0", lambda client: client.devices().collect(), False)
before = peak()
for number, (work, read) in enumerate([{works}]):
    told = tell(os.environ["KPN_THINGS_BASE_URL"] + f"/case/{{number}}", work, read)
    print(json.dumps([told, peak() - before]))
"""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@cache
def bomb() -> Iterable[bytes]:
    """A page of 300 MB, compressed."""
    packed = gzip.compress(b'{"content":[{"uuid":"' + bytes(300_000_000) + b'"}]}', 1)
    return [plain(200, packed, "Content-Encoding: gzip")]


def measured_gigabyte() -> Iterable[bytes]:
    return chain([HEAD + b"Content-Length: 1073741824\r\n\r\n"], repeat(b" " * MIB, 1024))


def chunked_gigabyte() -> Iterable[bytes]:
    return chain([HEAD + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"100000\r\n" + b" " * MIB + b"\r\n", 1024))


def endless_gigabyte() -> Iterable[bytes]:
    return chain([HEAD + b"Connection: close\r\n\r\n"], repeat(b" " * MIB, 1024))


def long_header() -> Iterable[bytes]:
    return chain([HEAD + b"X-Long: "], repeat(b"a" * MIB, 10), [b"\r\nContent-Length: 2\r\n\r\n{}"])


def many_headers() -> Iterable[bytes]:
    return chain([HEAD], repeat(b"X-Many: a\r\n" * 10_000, 100), [b"Content-Length: 2\r\n\r\n{}"])


def long_reason() -> Iterable[bytes]:
    return chain([b"HTTP/1.1 200 "], repeat(b"a" * MIB, 10), [b"\r\nContent-Length: 2\r\n\r\n{}"])


def hints() -> Iterable[bytes]:
    """Informational responses, and no final response."""
    return chain(repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1_000, 100), [b"\0"])


def long_extension() -> Iterable[bytes]:
    return chain([HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a="], repeat(b"a" * MIB, 100))


def trailers() -> Iterable[bytes]:
    return chain([HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"], repeat(b"X-Many: a\r\n" * 10_000, 100))


DEEP = b"[" * 100_000 + b"]" * 100_000
"""JSON 100,000 levels deep."""

NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def body(data: bytes, status: int = 200) -> Callable[[], Iterable[bytes]]:
    return lambda: [plain(status, data)]


DEVICES = "client.devices().collect()"
DOWNLINK = "client.send_downlink('0059AC0000181EB6', b'x', port=1)"
REQUEST = "client.request('GET', '/big')"
BIG = "/big"


@dataclass(frozen=True)
class Case:
    name: str
    path: str
    """The path that gets the excessive response."""
    answer: Callable[[], Iterable[bytes]]
    call: str
    expected: str
    """The class of the expected error or one of its base classes, or the expected result."""
    read: bool = False
    """Whether the result is read as JSON."""

    def __str__(self) -> str:
        return f"{self.name}, {self.path}"


def cases() -> Iterable[Case]:
    places = [("/api/devices", DEVICES), ("/api/actuator/downlinks", DOWNLINK), (BIG, REQUEST), ("/token", REQUEST)]
    for path, call in places:
        is_read = path in ("/api/devices", "/token")
        result = "Receipt" if call == DOWNLINK else "Response"
        yield Case("a compressed bomb", path, bomb, call, "TooLargeError")
        for name, data in {"lists 100,000 deep": DEEP, "objects 100,000 deep": NESTED}.items():
            yield Case(name, path, body(data), call, "DecodeError" if is_read else result)
        yield Case("an error 100,000 deep", path, body(DEEP, 400), call, "ApiError")
        yield Case("1 GB", path, measured_gigabyte, call, "TooLargeError")
    yield Case("1 GB in chunks", BIG, chunked_gigabyte, REQUEST, "TooLargeError")
    yield Case("1 GB of no known length", BIG, endless_gigabyte, REQUEST, "TooLargeError")
    yield Case("a header of 10 MB", BIG, long_header, REQUEST, "HeadTooLargeError")
    yield Case("a million headers", BIG, many_headers, REQUEST, "HeadTooLargeError")
    yield Case("a reason of 10 MB", BIG, long_reason, REQUEST, "KpnThingsError")
    yield Case("100,000 interim answers", BIG, hints, REQUEST, "KpnThingsError")
    yield Case("a chunk's extension of 100 MB", BIG, long_extension, REQUEST, "KpnThingsError")
    yield Case("a million trailers", BIG, trailers, REQUEST, "KpnThingsError")
    device = b'{"content":[{"uuid":"a","metadata":%s}],"last":true}'
    yield Case("a field 100,000 deep", "/api/devices", body(NESTED), DEVICES, "TooDeepError")
    yield Case("metadata 100,000 deep", "/api/devices", body(device % DEEP), DEVICES, "TooDeepError")
    yield Case("JSON 100,000 deep, read", BIG, body(DEEP), REQUEST, "TooDeepError", read=True)


CASES = list(cases())


@either
def test_r16_answer_without_bounds_is_an_error_and_costs_little_memory(caller: type[Caller]) -> None:
    with Trial("R16", caller.name) as trial:
        grown = 0
        for case, (told, growth) in zip(CASES, play(caller), strict=True):
            # The baseline is the peak of the process before this case. Earlier cases have raised it.
            trial.holds(
                case.expected in told and growth <= max(GROWTH, grown),
                lambda: f"{case}: {growth / MIB:.1f} MiB more, result: {told[0]} instead of {case.expected}",
            )
            grown = growth
        trial.measured(f"{grown / MIB:.1f} MiB more")


def play(caller: type[Caller]) -> list[tuple[list[str], int]]:
    """Plays all cases in a separate process. Returns the result of each, and the growth of that process by then."""

    def answer(request: Request) -> Answer:
        _, kind, number, path = request.path.split("/", 3)
        answer, case = (200, service.body(Request(request.method, f"/{path}", b""))), CASES[int(number)]
        if kind == "warm" or (path == "token" and service.asked(request.path) == 1):
            return answer
        if case.path == "/token" and f"/{path}" == BIG:
            # The refused token makes the client fetch a new one.
            return 401, b""
        return case.answer() if f"/{path}" == case.path else answer

    bomb()  # building it takes longer than sending it
    works = ", ".join(f"(lambda client: {case.call}, {case.read})" for case in CASES)
    source = PROGRAM.format(client=caller.kind.__name__, works=works)
    with Service(answers=answer) as service:
        environment = service.environment()
        del environment["KPN_THINGS_GRIP_BASE_URL"]
        with Program(source, environment) as program:
            return [tuple(json.loads(line)) for line in program.finish(120)]
