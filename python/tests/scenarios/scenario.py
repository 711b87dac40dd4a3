"""A scenario as it is written. `README.md` in the corpus documents every field.

An unknown field is refused, because the classes accept no other arguments.
"""

from __future__ import annotations

import codecs
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[3] / "tests" / "scenarios"


@dataclass(frozen=True)
class Client:
    """The settings of the client."""

    customer: str | None = None
    security_context: str | None = None
    timeout_ms: int | None = None
    attempt_timeout_ms: int | None = None
    attempts: int | None = None
    base_delay_ms: int = 1
    max_delay_ms: int = 10_000
    max_retry_after_ms: int = 120_000
    max_body: int | None = None
    max_pages: int | None = None
    base_path: str = ""
    token_path: str | None = None


@dataclass(frozen=True)
class Reply:
    """A response, or a failure instead of one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None
    text: str = ""
    encoding: str | None = None
    fault: str | None = None
    hold: int = 0
    advance_ms: int = 0

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        match self.encoding:
            case None:
                return self.text.encode()
            case "gzip":
                return gzip.compress(self.text.encode())
            case "utf16":
                return codecs.BOM_UTF16_LE + self.text.encode("utf-16-le")
            case "latin1":
                return self.text.encode("latin-1")
            case unknown:
                raise ValueError(f"no such encoding: {unknown}")


@dataclass(frozen=True)
class Rule:
    """The replies to one kind of request."""

    on: str
    replies: list[Reply]
    headers: dict[str, str] = field(default_factory=dict)
    repeat: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Server:
    """The behaviour of the server."""

    rules: list[Rule]
    refuse: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """A call that the client makes."""

    do: str
    times: int = 1
    at_least_ms: int = 0
    ok: Any = None
    error: Any = None
    for_customer: str | None = None
    timeout_ms: int | None = None
    ms: int = 0
    calls: list[Call] = field(default_factory=list)
    after: int = 0
    search: str | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    page_size: int | None = None
    first_page: int | None = None
    window: int | None = None
    listing_deadline_ms: int | None = None
    rate: int | None = None
    not_after_ms: int | None = None
    strict: bool = False
    dev_eui: str | None = None
    payload: str | None = None
    senml: Any = None
    device: str | None = None
    port: int | None = None
    external_reference: str | None = None
    customer: str | None = None
    customers: list[str] = field(default_factory=list)
    method: str = "GET"
    path: str | None = None
    query: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    json: Any = None


@dataclass(frozen=True)
class Request:
    """An expected request, and how often it is expected."""

    request: str
    headers: dict[str, str | None] = field(default_factory=dict)
    json: Any = None
    times: int = 1


@dataclass(frozen=True)
class Unordered:
    """Expected requests in any order."""

    unordered: list[Request]


@dataclass(frozen=True)
class Scenario:
    """A behaviour: the server's replies, the client's calls, and the expected outcome."""

    name: str
    what: str
    requests: list[Request | Unordered]
    client: Client
    server: Server
    calls: list[Call]
    client_error: Any = None

    @classmethod
    def load(cls, name: str) -> Scenario:
        """Loads the scenario with this name."""
        return cls.parse(name, (CORPUS / f"{name}.json").read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, name: str, text: str) -> Scenario:
        """Parses a scenario."""
        fields = json.loads(text)
        parts = {
            "client": Client(**fields.get("client", {})),
            "server": _server(fields.get("server", {})),
            "calls": [_call(call) for call in fields.get("calls", [])],
            "requests": [_requests(item) for item in fields["requests"]],
        }
        return cls(name, **fields | parts)


def repeated(calls: Iterable[Call]) -> list[Call]:
    """Repeats each call `times` times."""
    return list(chain.from_iterable(repeat(call, call.times) for call in calls))


def _server(fields: dict[str, Any]) -> Server:
    return Server(**fields | {"rules": [_rule(rule) for rule in fields.get("rules", [])]})


def _rule(fields: dict[str, Any]) -> Rule:
    return Rule(**fields | {"replies": [Reply(**reply) for reply in fields["replies"]]})


def _call(fields: dict[str, Any]) -> Call:
    return Call(**fields | {"calls": [_call(call) for call in fields.get("calls", [])]})


def _requests(fields: dict[str, Any]) -> Request | Unordered:
    if "unordered" in fields:
        return Unordered(**fields | {"unordered": [Request(**request) for request in fields["unordered"]]})
    return Request(**fields)
