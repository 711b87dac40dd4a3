"""Downlinks are sent at most once, and their outcomes are reported correctly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from behaviour.service import CERTIFICATE, Service, full_backlog
from kpn_things import ConnectError, KpnThingsError, Receipt
from kpn_things.testing import Simulator

from .caller import Caller, Work, either, told
from .trial import Trial, share

DEV_EUI = "0059AC0000181EB6"


def downlink(reference: object) -> Work:
    """Sends a downlink with this reference."""
    return lambda client: client.send_downlink(DEV_EUI, b"\x01\x02", port=1, external_reference=str(reference))


def accepted(simulator: Simulator) -> Counter[str]:
    """The number of times that each downlink was accepted, by reference."""
    return Counter(str(downlink.external_reference) for downlink in simulator.downlinks)


def one_of(faults: Sequence[str], share: float = 100.0) -> Iterable[str]:
    """Rules that apply these faults with equal chances, `share` percent in total.

    The percentage of each rule is relative, because a rule only applies if the previous ones did not match.
    """
    each = share / len(faults)
    for place, fault in enumerate(faults):
        yield f"downlinks@{100 * each / (100 - each * place)}%={fault}"


MAY_HAVE_ARRIVED = [
    "drop-after",
    "stall-after",
    "status-after:500",
    "status-after:502",
    "status-after:503",
    "status-after:504",
    "status-after:408",
    "truncate:1",
]


@either
def test_r1_downlink_that_may_have_arrived_is_never_repeated(caller: type[Caller]) -> None:
    with Trial("R1", caller.name) as trial:
        cases = share(2_000, 250_000)
        seed = trial.random().getrandbits(64)
        with Simulator(seed=seed, faults=one_of(MAY_HAVE_ARRIVED)) as simulator:
            with caller(simulator.environment(), attempt_timeout=0.5) as client:
                results = client.each(map(downlink, range(cases)))
            times, calls = accepted(simulator), simulator.calls("downlinks")
        # On a slow machine, an attempt may end before its request arrives.
        assert len(times) > cases * 9 / 10, f"only {len(times)} arrived"
        for case, result in enumerate(results):
            arrived, unknown = times[str(case)], getattr(result, "outcome", None) == "unknown"
            trial.holds(
                ((arrived == 1 and unknown) or (arrived == 0 and (unknown or not_sent(result))))
                and getattr(result, "external_reference", None) == str(case),
                lambda: f"downlink {case} was accepted {arrived} times, result: {told(result)}",
            )
        trial.holds(calls <= cases, lambda: f"{calls} requests for {cases} downlinks")


REFUSED = ["status:302", "status:401", "status:429", "status:503,Retry-After:0"]


@either
def test_r2_downlink_that_was_refused_is_not_sent_and_may_be_repeated(caller: type[Caller]) -> None:
    with Trial("R2", caller.name) as trial:
        cases = range(share(1_000, 20_000))
        seed = trial.random().getrandbits(64)
        with Simulator(seed=seed, faults=one_of(REFUSED, 70)) as simulator:
            with caller(simulator.environment()) as client:
                first = dict(zip(cases, client.each(map(downlink, cases)), strict=True))
                before = accepted(simulator)
                simulator.clear_faults()
                again = [case for case in cases if not_sent(first[case])]
                second = dict(zip(again, client.each(map(downlink, again)), strict=True))
                after = accepted(simulator)
        assert len(again) > len(cases) / 10, f"only {len(again)} were refused"
        for case in cases:
            name, results = str(case), [first[case]] + [second[case] for _ in range(case in second)]
            sent = isinstance(first[case], Receipt)
            trial.holds(
                (sent or (not_sent(first[case]) and first[case].external_reference == name))
                and before[name] == sent
                and after[name] == 1
                and isinstance(results[-1], Receipt),
                lambda: f"downlink {case} was accepted {before[name]} times, {after[name]} in the end; "
                f"result: {', '.join(map(told, results))}",
            )


def not_sent(result: Any) -> bool:
    """Whether the error reports that the downlink was not sent."""
    return isinstance(result, KpnThingsError) and result.outcome == "not_sent"


@contextmanager
def unreachable(kind: str) -> Iterator[str]:
    """Yields a base URL that no client can connect to."""
    if kind == "closed port":
        yield "http://127.0.0.1:1"
    elif kind == "unknown name":
        # The label exceeds the maximum length, so no name server is queried.
        yield f"https://{'a' * 64}.invalid"
    elif kind == "full backlog":
        with full_backlog() as service:
            yield service.url
    else:
        with Service() as service:
            yield f"https://127.0.0.1:{service.port}"


@either
@pytest.mark.parametrize("kind", ["closed port", "unknown name", "full backlog", "no TLS"])
def test_r2_downlink_without_a_connection_is_not_sent(kind: str, caller: type[Caller]) -> None:
    with Trial("R2", caller.name) as trial, Simulator(seed=trial.seed) as simulator, unreachable(kind) as url:
        environment = {**simulator.environment(), "KPN_THINGS_BASE_URL": url}
        with caller(environment, connect_timeout=0.1, ca_bundle=CERTIFICATE) as client:
            for case, result in enumerate(client.each(map(downlink, range(share(20, 1_000))))):
                trial.holds(
                    not_sent(result) and isinstance(result, ConnectError),
                    lambda: f"downlink {case}, {kind}: {told(result)}",
                )

CUSTOMER = "79658ca8-f1ba-4c25-b824-93813e9fba76"


def send(dev_eui: Any = DEV_EUI, payload: Any = b"\x01", port: Any = 1, **given: Any) -> Work:
    return lambda client: client.send_downlink(dev_eui, payload, port=port, **given)


def send_senml(records: Any, **given: Any) -> Work:
    return lambda client: client.send_senml(records, **given)


def request(method: Any = "GET", path: Any = "/devices", **given: Any) -> Work:
    return lambda client: client.request(method, path, **given)


def switch(customer: Any) -> Work:
    return lambda client: client.context_switch(customer)


def for_customer(customer: Any) -> Work:
    return lambda client: client.for_customer(customer).request("GET", "/devices")


def listing(**given: Any) -> Work:
    return lambda client: client.devices(**given).collect()


RECORD = {"n": "setpoint", "v": 21.5}

BAD_INPUT: dict[str, Work] = {
    **{
        f"DevEUI {dev_eui!r}": send(dev_eui)
        for dev_eui in [
            "", "0059AC0000181EB", "0059AC0000181EB67", "0059AC0000181EBG", "0059AC0000181EB6\n", " 0059AC0000181EB6",
            "0059AC0000181EB\0", "00-59-AC-00-00-18-1E-B", "00-59:AC-00-00-18-1E-B6", "0x0059AC0000181E",
            "\uff10\uff10" + DEV_EUI[2:], "\u0660" * 16, "../0059AC0000181E", None, b"0059AC0000181EB6", 5,
        ]
    },
    **{
        f"FPort {port!r}": send(port=port)
        for port in [0, 224, 225, 255, 256, 257, -1, 2**16, 2**32, 2**64, True, 1.0, "1", None]
    },
    **{
        f"payload of {name}": send(payload=payload)
        for name, payload in {
            "no bytes": b"", "243 bytes": bytes(243), "100,000 bytes": bytes(100_000), "text": "0102",
            "odd hex": "010", "numbers": [1, 2], "nothing": None,
        }.items()
    },
    **{
        f"reference {reference!r}": send(external_reference=reference)
        for reference in [" ", "\ud800", 5, b"valve"]
    },
    **{
        f"timeout {timeout!r}": send(timeout=timeout)
        for timeout in [0, -1, float("nan"), "5"]
    },
    "no records": send_senml([]),
    "a record that is none": send_senml([5], device=DEV_EUI),
    "a value that is NaN": send_senml([{"n": "setpoint", "v": float("nan")}], device=DEV_EUI),
    "a value that JSON cannot hold": send_senml([{"n": "setpoint", "vs": b"x"}], device=DEV_EUI),
    "records without a device": send_senml([RECORD]),
    "records of two devices": send_senml([RECORD, {"bn": "urn:dev:DEVEUI:0000000000000001:", **RECORD}], device=DEV_EUI),
    **{
        f"payloadHex of {name}": send_senml([{"n": "payloadHex", label: value}], device=DEV_EUI)
        for name, label, value in [
            ("0x", "vs", "0x0102"), ("an odd number", "vs", "102"), ("base64", "vs", "AQI="),
            ("300 bytes", "vs", "00" * 300), ("a number", "v", 102), ("nothing", "u", "x"),
        ]
    },
    "records for an unknown kind of device": send_senml([RECORD], device="0059"),
    "records with FPort 0": send_senml([RECORD], device=DEV_EUI, port=0),
    "records with FPort 224": send_senml([RECORD], device=DEV_EUI, port=224),
    **{
        f"customer {customer!r}, {name}": act(customer)
        for customer in ["", ".", "..", "a/b", "../devices", "a\r\nx: y", "a\0b", "a\nb", None, 5]
        for name, act in {"switched to": switch, "acted for": for_customer}.items()
    },
    **{
        f"path {path!r}": request(path=path)
        for path in ["C:/x", "ftp://127.0.0.1/", "/../x", "/devices/..", "/a/../../x", "/%2e%2e/x", "/a\r\nb", "/a\0b",
                     "http://127.0.0.1:1/", "https://127.0.0.1:1/", "/a#b", "/\ud800", None]
    },
    **{
        f"method {method!r}": request(method=method)
        for method in ["", "GET /", "GET\r\n", "G\0T", "G\u00c9T", None]
    },
    **{
        f"header {name!r}: {value!r}": request(headers={name: value})
        for name, value in [("x-note", "a\r\nb: c"), ("x-note", "a\nb"), ("x-note", "a\0b"), ("x note", "a"), ("", "a"),
                            ("x-note:", "a"), ("x\r\ny", "a"), ("x-note", b"a"), ("x-note", ["a"])]
    },
    "a body that is NaN": request("POST", json=float("nan")),
    "two bodies": request("POST", json={}, content=b""),
    "a body that is text": request("POST", content="text"),
    "parameters in a text": request(params="a=b"),
    "a parameter that is a list of lists": request(params={"a": [[1]]}),
    **{
        f"listing with {name} {value!r}": listing(**{name: value})
        for name, value in [("page_size", 0), ("page_size", -1), ("page_size", 2**32), ("page_size", True),
                            ("page_size", "20"), ("window", -1), ("window", 2**32), ("window", 1.0),
                            ("timeout", 0), ("timeout", -1), ("timeout", float("nan")), ("search", 5)]
    },
}


@either
def test_r27_bad_input_costs_no_request(caller: type[Caller]) -> None:
    with Trial("R27", caller.name) as trial, Service() as service, caller(service.environment()) as client:
        for name, work in BAD_INPUT.items():
            before = len(service.requests)
            result = client.call(work)
            requests = len(service.requests) - before
            trial.holds(
                not requests and isinstance(result, (ValueError, TypeError)),
                lambda: f"{name}: {requests} requests, result: {told(result)}",
            )
