"""Responses that differ from the documentation: the result is valid, or a typed error without secrets."""

from __future__ import annotations

import copy
import json
import pickle
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from behaviour.service import SECRET, TOKEN, Answer, Request, Service, plain
from kpn_things import Fleet, KpnThingsError, Response

from .caller import Caller, Work, either, told
from .test_downlinks import downlink
from .trial import Trial, share

LONGEST = 1_000
"""The maximum length of an error message, in characters."""

PAGE = {
    "content": [
        {
            "uuid": "one",
            "name": f"Côté {TOKEN}",
            "description": None,
            "metadata": {"floor": [3, -1.5e3, True], "": SECRET},
            "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
            "barcode": "0012",
            "eui": "0059AC0000181EB6",
        },
        {"uuid": "two"},
    ],
    "last": True, "totalPages": 1, "totalElements": 2, "sort": [{"direction": "ASC"}], "first": True,
    "numberOfElements": 2, "size": 20, "number": 0,
}
GRANT = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600, "scope": None}
RECEIPT = {"state": {"name": "Pending"}, "echo": [TOKEN, SECRET], "id": 7}
REFUSAL = {"error": "invalid_request", "error_description": f"{SECRET} {TOKEN}", "details": {"secret": SECRET}}

VALUES: list[Any] = [None, True, 0, -1, 1.5, 2**64, 1e300, "", "x", [], [[]], {}, {"a": 1}]
"""Values of every type, to replace a value of another type."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the paths of all values in plain data."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def put(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at this path."""
    if not path:
        return value
    changed = copy.copy(whole)
    changed[path[0]] = put(whole[path[0]], path[1:], value)
    return changed


def without(whole: Any, path: tuple[Any, ...]) -> Any:
    """A copy without the value at this path."""
    changed = copy.copy(whole)
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = without(whole[path[0]], path[1:])
    return changed


def bodies(valid: Any, random: Random, mutations: int) -> Iterator[tuple[str, bytes]]:
    """Yields bodies to send instead of the valid one, each with a name."""
    text = json.dumps(valid, ensure_ascii=False)
    data = text.encode()
    yield "as it should be", data
    yield "nothing", b""
    yield "blanks", b" \r\n\t"
    yield "HTML", f"<!DOCTYPE html><html><body><h1>Sign in</h1>{text} {'x' * 10_000}</body></html>".encode()
    yield "a byte order mark", b"\xef\xbb\xbf" + data
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
        yield encoding, data.decode().encode(encoding)
    for name, bad in [("lone", b"\xff"), ("overlong", b"\xc0\xaf"), ("cut", b"\xe2\x82"), ("half", b"\xed\xa0\x80")]:
        yield f"bad UTF-8, {name}", data.replace(b'": ', bad + b'": ', 1)
        yield f"bad UTF-8 in a value, {name}", data.replace(b": ", b': "' + bad + b'", "": ', 1)
    for name, escape in {"half a surrogate": "\\ud800", "two wrong halves": "\\udc00\\ud800", "NUL": "\\u0000"}.items():
        yield f"{name} in a name", text.replace('": ', f'{escape}": ', 1).encode()
        yield f"{name} in a value", text.replace('": ', f'": "{escape}", "": ', 1).encode()
    doubled = '{"name": "a", "name": 5, "uuid": "b", "uuid": "c", "number": 1, "number": 0, '
    yield "doubled keys", text.replace("{", doubled).encode()
    yield "every key twice", f"{text[:-1]}, {text[1:]}".encode()
    yield "two values", data + data
    yield "rubbish behind", data + b"\0"
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "-0", "01", "+1", ".5", "0x10", "1_000", "9" * 400):
        yield number, number.encode()
        yield f"{number} as a value", re.sub(r": (\d+|null)", f": {number}", text).encode()
    yield "100 levels", b'{"a":' * 100 + data + b"}" * 100
    for end in range(1, len(data)):
        yield f"cut at {end}", data[:end]
    for path in places(valid):
        if path:
            yield f"without {path}", json.dumps(without(valid, path)).encode()
        for value in VALUES:
            yield f"{value!r} in {path}", json.dumps(put(valid, path, value)).encode()
    for place in range(mutations):
        yield f"mutation {place}", mutated(data, random)


def mutated(data: bytes, random: Random) -> bytes:
    """A copy with some bytes changed, removed, doubled or inserted."""
    changed = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 4, 16])):
        start = random.randrange(len(changed) + 1)
        end = min(start + random.choice([0, 1, 2, 8]), len(changed))
        byte, twice = bytes([random.randrange(256)]), changed[start:end] * 2
        changed[start:end] = random.choice([b"", byte, twice, b'"', b"{", b"]", b",", b"\\u", b"1e9"])
    return bytes(changed)


Calls = dict[str, tuple[Any, int, Callable[[int], Work]]]

CALLS: Calls = {
    "listing": (PAGE, 200, lambda number: lambda client: client.devices(search=str(number), window=1).collect()),
    "downlink": (RECEIPT, 201, downlink),
    "context switch": (RECEIPT, 200, lambda number: lambda client: client.context_switch(str(number))),
    "raw call": (PAGE, 200, lambda number: lambda client: client.request("GET", f"/case/{number}")),
    "refusal": (REFUSAL, 400, lambda number: lambda client: client.request("GET", f"/case/{number}")),
    "refused downlink": (REFUSAL, 403, downlink),
}
"""The valid body, its status, and a call whose request names its case."""

CASE = re.compile(r"search=(\d+)|externalReference=(\d+)|clients/(\d+)/|/case/(\d+)|/token/(\d+)")


def case(request: Request) -> int | None:
    """The number of the case that a request belongs to."""
    found = CASE.search(request.target)
    return int(next(filter(None, found.groups()))) if found else None


def judge(result: Any) -> str | None:
    """Describes what is wrong with a result, if anything."""
    if isinstance(result, KpnThingsError):
        # This compares bytes, because `repr` would hide some characters and escape others.
        body = result.body if isinstance(result.body, bytes) else json.dumps(result.body, ensure_ascii=False).encode()
        rest = {name: value for name, value in result.__dict__.items() if name != "body"}
        shown = f"{result}{result!r}{rest}{body.decode(errors='replace')}"
        if len(str(result)) > LONGEST:
            return f"{len(str(result))} characters are too long for an error: {str(result)[:200]}"
        if SECRET in shown or TOKEN in shown:
            return f"it shows a secret: {shown[:500]}"
        return None if pickle.loads(pickle.dumps(result)).args == result.args else "its pickle differs"
    if isinstance(result, BaseException):
        return f"it is not an exception of this package: {told(result)}"
    try:
        read(result)
    except BaseException as error:
        return f"it cannot be read: {error!r}"
    return None


def read(result: Any) -> None:
    """Reads every part of a result, because many parts are only parsed on access."""
    repr(result)
    if isinstance(result, Response):
        repr((result.text, result.to_dict()))
        try:
            result.json()
        except ValueError:
            return
    for device in result if isinstance(result, Fleet) else ():
        fields = [getattr(device, name) for name in dir(device) if not name.startswith("_")]
        repr((fields, device.to_dict(), hash(device)))
    if hasattr(result, "__match_args__"):
        assert pickle.loads(pickle.dumps(result)) == result


@either
def test_r17_answer_of_any_bytes_is_read_or_a_typed_error(caller: type[Caller]) -> None:
    with Trial("R17", caller.name) as trial:
        random = trial.random()
        for name, (valid, status, call) in CALLS.items():
            cases = list(bodies(valid, random, share(200, 20_000)))

            def answer(request: Request) -> Answer:
                number = case(request)
                return None if number is None else (status, cases[number][1])

            with Service(answers=answer) as service, caller(service.environment()) as client:
                results = client.each(map(call, range(len(cases))), 8)
            for (what, _), result in zip(cases, results, strict=True):
                wrong = judge(result)
                trial.holds(wrong is None, lambda: f"{name}, {what}: {wrong}")
            assert status >= 400 or not isinstance(results[0], BaseException), told(results[0])


@either
def test_r17_token_answer_of_any_bytes_is_read_or_a_typed_error(caller: type[Caller]) -> None:
    with Trial("R17", caller.name) as trial:
        # The 400 repeats no token, because a client cannot recognize a token that it never received.
        for status, valid in ((200, GRANT), (400, {"error": "invalid_client", "error_description": SECRET})):
            cases = list(bodies(valid, trial.random(), share(100, 20_000)))

            def answer(request: Request) -> Answer:
                return [plain(status, cases[case(request) or 0][1])] if "/token/" in request.path else None

            with Service(answers=answer) as service:
                environment = service.environment()
                del environment["KPN_THINGS_GRIP_BASE_URL"]
                for number, (what, _) in enumerate(cases):
                    token_url = f"{service.url}/token/{number}"
                    with caller(environment, token_url=token_url) as client:
                        result = client.call(lambda client: client.request("GET", "/devices"))
                    wrong = judge(result)
                    trial.holds(wrong is None, lambda: f"token, {status}, {what}: {wrong}")
                    assert number or isinstance(result, Response) == (status == 200), told(result)
