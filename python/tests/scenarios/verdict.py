"""Compares the outcomes and requests of a scenario with the expected ones."""

from __future__ import annotations

import json
import re
from typing import Any

from .outcome import Outcome
from .scenario import Call, Request, Scenario, Unordered
from .script import Script, Seen

_UUID7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


class Verdict:
    """Collects the differences, and reports all of them at the end."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._differences: list[str] = []

    def client(self, error: Outcome | None) -> None:
        """Compares the error from creating the client."""
        expected = self._scenario.client_error
        if error and expected:
            self._failure("client", expected, error.fields)
        elif error:
            self._add(f"client: failed: {_text(error.fields)}")
        elif expected:
            self._add("client: an error was expected")

    def call(self, call: Call, outcome: Outcome) -> None:
        """Compares the outcome of a call."""
        if outcome.took_ms < call.at_least_ms:
            self._add(f"{call.do}: took {outcome.took_ms} ms, less than {call.at_least_ms}")
        if (call.ok is None) == (call.error is None):
            self._add(f'{call.do}: expected either "ok" or "error"')
        elif outcome.failed and call.error is not None:
            self._failure(call.do, call.error, outcome.fields)
        elif outcome.failed:
            self._add(f"{call.do}: failed: {_text(outcome.fields)}")
        elif call.error is not None:
            self._add(f"{call.do}: an error was expected, but the call returned: {_text(outcome.fields)}")
        else:
            self._compare(call.do, call.ok, outcome.fields)

    def end(self, script: Script) -> None:
        """Compares the requests, and fails if anything differs."""
        seen = script.seen
        for request in seen:
            if not request.scripted:
                self._add(f"not in the script: {_asked(request)}")
        self._requests(seen)
        for unused in script.unused():
            self._add(f"not asked for: {unused}")
        if self._differences:
            differences = "\n  ".join(self._differences)
            requests = "\n".join(f"  {place}. {request}" for place, request in enumerate(seen, 1))
            raise AssertionError(
                f"{self._scenario.name}\n  {self._scenario.what}\n\nwhat differed:\n  {differences}\n\n"
                f"{len(seen)} requests seen:\n{requests}"
            )

    def _add(self, difference: str) -> None:
        self._differences.append(difference)

    def _failure(self, at: str, expected: dict[str, Any], fields: dict[str, Any]) -> None:
        if fields["leaks"] is not False:
            self._add(f"{at}: the error shows a secret: {_text(fields)}")
        parts = expected.get("contains", [])
        for part in [parts] if isinstance(parts, str) else parts:
            if part not in fields["text"]:
                self._add(f"{at}: {part!r} is not in {fields['text']!r}")
        self._compare(at, {name: value for name, value in expected.items() if name != "contains"}, fields)

    def _compare(self, at: str, expected: Any, found: Any) -> None:
        """Compares all expected fields. Additional fields are ignored, but a list must have the same length."""
        match expected, found:
            case dict(), dict():
                for name, value in expected.items():
                    self._compare(f"{at}.{name}", value, found.get(name))
            case list(), list() if len(expected) == len(found):
                for place, (one, other) in enumerate(zip(expected, found, strict=True)):
                    self._compare(f"{at}[{place}]", one, other)
            case str(), str() if _fits(expected, found):
                pass
            case _ if _text(expected) != _text(found):
                self._add(f"{at}: expected {_text(expected)}, found {_text(found)}")

    def _requests(self, seen: list[Seen]) -> None:
        left = list(seen)
        for item in self._scenario.requests:
            self._take(item.unordered if isinstance(item, Unordered) else [item], left)
        for request in left:
            self._add(f"not expected: {_asked(request)}")

    def _take(self, items: list[Request], left: list[Seen]) -> None:
        """Removes the expected requests from the start of the list. They may be in any order."""
        expected = [item for item in items for _ in range(item.times)]
        block = left[: len(expected)]
        del left[: len(expected)]
        for item in expected:
            found = next((request for request in block if _mismatch(item, request) is None), None)
            if found:
                block.remove(found)
            else:
                why = _mismatch(item, block[0]) if block else "nothing came"
                self._add(f"expected {item.request}: {why}")
        for request in block:
            self._add(f"not expected here: {_asked(request)}")


def _mismatch(expected: Request, request: Seen) -> str | None:
    """Describes how a request differs from the expected one."""
    if not _fits(expected.request, _asked(request)):
        return f"{_asked(request)} came"
    for name, value in expected.headers.items():
        found = request.headers.get(name.lower())
        if found != value:
            return f"{name} is {found!r} and not {value!r}"
    if expected.json is None:
        return None
    try:
        body = json.loads(request.body)
    except ValueError:
        return f"its body is not JSON: {request.body!r}"
    return None if _text(body) == _text(expected.json) else f"its body is {_text(body)} and not {_text(expected.json)}"


def _fits(expected: str, found: str) -> bool:
    """Whether a text matches the expected one, where `{uuid7}` stands for any UUID of version 7."""
    before, placeholder, after = expected.partition("{uuid7}")
    uuid = _UUID7 if placeholder else ""
    return re.fullmatch(re.escape(before) + uuid + re.escape(after), found) is not None


def _asked(request: Seen) -> str:
    return f"{request.method} {request.target}"


def _text(value: Any) -> str:
    """JSON that is the same for equal values, and different for 1, 1.0 and true."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
