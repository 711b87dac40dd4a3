"""The verdict reports every kind of difference. A runner that notices none proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .caller import BlockingCaller
from .driver import run
from .outcome import Outcome
from .scenario import Call, Scenario
from .script import Script
from .test_format import EXAMPLE
from .verdict import Verdict


def verdict_on(call: Call, outcome: Outcome) -> None:
    scenario = Scenario.parse("a call", '{"what": "", "requests": []}')
    verdict = Verdict(scenario)
    verdict.call(call, outcome)
    verdict.end(Script(scenario.server, "", ""))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda it: it["calls"][1]["ok"].update(attempts=3), "request.attempts: expected 3, found 2"),
        (lambda it: it["calls"].pop(), "not asked for: 2 of 3 replies to GET /api/things"),
        (lambda it: it["calls"].append(it["calls"][0]), "not in the script: GET /api/things"),
        (lambda it: it["requests"].pop(), "not expected: GET /api/things"),
        (lambda it: it["requests"].append({"request": "GET /more"}), "expected GET /more: nothing came"),
        (lambda it: it["requests"][0].update(json={}), "its body is"),
        (lambda it: it["requests"][0].update(headers={"Accept": None}), "Accept is 'application/json' and not None"),
        (lambda it: it.update(client_error={"kind": "config"}), "client: an error was expected"),
        (lambda it: it.update(client={"customer": "../"}), "client: failed"),
    ],
)
def test_what_differs_from_the_example_is_told(change: Callable[[Any], object], difference: str) -> None:
    example = json.loads(EXAMPLE)
    change(example)
    with pytest.raises(AssertionError) as told:
        run(Scenario.parse("the example, changed", json.dumps(example)), BlockingCaller)
    assert difference in str(told.value)


@pytest.mark.parametrize("found", [True, 1.0, "1", None])
def test_numbers_are_compared_with_their_type(found: object) -> None:
    verdict_on(Call("request", ok={"status": 1}), Outcome({"status": 1}))
    with pytest.raises(AssertionError, match="expected 1, found"):
        verdict_on(Call("request", ok={"status": 1}), Outcome({"status": found}))


def test_a_placeholder_stands_for_a_uuid_of_version_7_and_nothing_else() -> None:
    call = Call("send_downlink", ok={"external_reference": "a {uuid7}"})
    uuid = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    verdict_on(call, Outcome({"external_reference": f"a {uuid}"}))
    for other in [uuid, f"a {uuid}0", f"a {uuid.upper()}", "a 017f22e2-79b0-4cc3-98c4-dc0c0c07398f"]:
        with pytest.raises(AssertionError, match="external_reference: expected"):
            verdict_on(call, Outcome({"external_reference": other}))


def test_lists_must_have_the_same_length() -> None:
    with pytest.raises(AssertionError, match="devices.names: expected"):
        verdict_on(Call("devices", ok={"names": ["a"]}), Outcome({"names": ["a", "b"]}))


def test_an_error_must_be_expected_and_a_success_too() -> None:
    with pytest.raises(AssertionError, match="failed"):
        verdict_on(Call("request", ok={}), Outcome({"kind": "input"}, failed=True))
    with pytest.raises(AssertionError, match="an error was expected"):
        verdict_on(Call("request", error={}), Outcome({}))
    with pytest.raises(AssertionError, match="expected either"):
        verdict_on(Call("request"), Outcome({}))


def test_a_message_must_have_all_of_its_parts() -> None:
    came = Outcome({"text": "one and two", "leaks": False}, failed=True)
    verdict_on(Call("request", error={"contains": ["one", "two"]}), came)
    with pytest.raises(AssertionError, match="'three' is not in"):
        verdict_on(Call("request", error={"contains": ["one", "three"]}), came)


def test_an_error_that_shows_a_secret_is_never_right() -> None:
    with pytest.raises(AssertionError, match="shows a secret"):
        verdict_on(Call("request", error={}), Outcome({"text": "", "leaks": True}, failed=True))


def test_a_call_must_not_be_faster_than_it_says() -> None:
    with pytest.raises(AssertionError, match="took 9 ms"):
        verdict_on(Call("request", at_least_ms=10, ok={}), Outcome({}, took_ms=9))
