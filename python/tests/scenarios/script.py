"""The server's side of a scenario: it matches requests with replies, and records the requests."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace

from .scenario import Reply, Rule, Server

PATIENCE = 10.0
"""Maximum seconds to wait for requests."""


@dataclass
class Seen:
    """A request as the server received it. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    scripted: bool = False

    def __str__(self) -> str:
        lines = [f"{self.method} {self.target}", *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.body:
            lines.append(self.body.decode(errors="replace"))
        if not self.scripted:
            lines.append("(not in the script)")
        return "\n      ".join(lines)


class Script:
    """A script for a server at `origin`. Its replies can refer to another server at `elsewhere`."""

    def __init__(self, server: Server, origin: str, elsewhere: str) -> None:
        self._parts = [_Part(rule) for rule in server.rules]
        self._places = {"{origin}": origin, "{elsewhere}": elsewhere}
        self._seen: list[Seen] = []
        self._changed = threading.Condition()

    def receive(self, request: Seen) -> Reply:
        """Records a request and returns its reply: the next reply of the first matching rule that has one left.

        If the reply has JSON, its text is that JSON.
        """
        with self._changed:
            replies = (part.next_reply() for part in self._parts if part.fits(request))
            reply = next((reply for reply in replies if reply), None)
            request.scripted = reply is not None
            self._seen.append(request)
            self._changed.notify_all()
        return self._filled(reply or Reply(status=421))

    @property
    def seen(self) -> list[Seen]:
        """The requests so far."""
        with self._changed:
            return list(self._seen)

    def wait_for(self, requests: int) -> bool:
        """Blocks until this number of requests was received. Returns whether they arrived in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._seen) >= requests, PATIENCE)

    def unused(self) -> list[str]:
        """The rules with unused replies."""
        with self._changed:
            return [str(part) for part in self._parts if part.left and not part.rule.optional]

    def _filled(self, reply: Reply) -> Reply:
        headers = {name: self._placed(value) for name, value in reply.headers.items()}
        text = self._placed(reply.text)
        if reply.json is not None:
            text = json.dumps(reply.json, separators=(",", ":"), ensure_ascii=False)
            if "content-type" not in map(str.lower, headers):
                headers["content-type"] = "application/json"
        return replace(reply, headers=headers, text=text)

    def _placed(self, text: str) -> str:
        for place, origin in self._places.items():
            text = text.replace(place, origin)
        return text


class _Part:
    """A rule, and the number of its replies that were used."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._given = 0

    @property
    def left(self) -> int:
        return max(0, len(self.rule.replies) - self._given)

    def next_reply(self) -> Reply | None:
        if not self.left and not self.rule.repeat:
            return None
        self._given += 1
        return self.rule.replies[min(self._given, len(self.rule.replies)) - 1]

    def fits(self, request: Seen) -> bool:
        """Whether the method and path match the rule, and all its query parameters and headers are present."""
        path, _, query = request.target.partition("?")
        wanted_path, _, wanted_query = self.rule.on.partition("?")
        parameters = query.split("&")
        return (
            wanted_path == f"{request.method} {path}"
            and all(wanted in parameters for wanted in wanted_query.split("&") if wanted)
            and all(request.headers.get(name.lower()) == value for name, value in self.rule.headers.items())
        )

    def __str__(self) -> str:
        return f"{self.left} of {len(self.rule.replies)} replies to {self.rule.on}"
