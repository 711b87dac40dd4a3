"""Reads what a receiver stored."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from .._arguments import count, number, path_text, text
from .._native import Messages, Uplink
from ._errors import UplinkError, UplinkParseError
from ._parse import Codec, parse

AT_ONCE = 500
"""The number of messages that are read from an inbox at a time."""


class Message:
    """A message of an inbox, as it was received. Its `repr` shows neither the body nor the values of headers."""

    __module__ = "kpn_things.uplink"

    id: int
    """The place in the inbox, from 1."""

    received: datetime
    """When it was received, in UTC."""

    source: Literal["http", "mqtt"]
    """How it arrived."""

    label: str | None
    """The label of the secret that verified it."""

    headers: tuple[tuple[str, bytes], ...]
    """The headers that the receiver kept. The message token can be among them."""

    body: bytes
    """The body, byte for byte."""

    def __init__(
        self,
        id: int,
        received: datetime,
        source: Literal["http", "mqtt"],
        label: str | None,
        headers: tuple[tuple[str, bytes], ...],
        body: bytes,
    ) -> None:
        self.id = id
        self.received = received
        self.source = source
        self.label = label
        self.headers = headers
        self.body = body

    @cached_property
    def uplink(self) -> Uplink:
        """The message, read with the time at which it was received.

        Raises:
            UplinkParseError: The body is not SenML. A receiver stores it all the same, so that it is not lost.
        """
        return parse(self.body, self.received)

    def rows(self, codec: Codec | None = None) -> list[dict[str, Any]]:
        """Returns the measurements as rows for a data frame. A message that is not SenML is one row with its `error`.

        Args:
            codec: Decodes payloads, see `Uplink.decode`. The decoded measurements follow those of the message. If the codec raises an
                exception, that is one more row with its `error`.
        """
        own = {"message": self.id, "received": self.received}
        try:
            rows = [{**own, **row, "error": None} for row in self.uplink.rows()]
        except UplinkParseError as error:
            return [{**own, **_NO_ROW, "error": str(error)}]
        if codec is None:
            return rows
        try:
            decoded = self.uplink.decode(codec)
        except Exception as error:
            text = str(error) if isinstance(error, UplinkError) else f"the codec failed: {type(error).__name__}: {error}"
            return [*rows, {**own, **_NO_ROW, "device": self.uplink.device, "error": text}]
        return rows + [{**own, **row, "error": None} for row in (decoded.rows() if decoded else [])]

    def _values(self) -> tuple[Any, ...]:
        return self.id, self.received, self.source, self.label, self.headers, self.body

    def __repr__(self) -> str:
        received = self.received.isoformat()
        return f"<Message {self.id} received at {received} by {self.source}: {len(self.body)} bytes>"

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, Message) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()


_NO_ROW: dict[str, Any] = dict.fromkeys(("device", "name", "time", "unit", "value", "text", "flag", "data"))


class Inbox:
    """The inbox of a receiver: a SQLite file, or a PostgreSQL database that several receivers share.

        for message in Inbox("uplinks.db").consume("my-program"):
            print(message.uplink.device, message.uplink.measurements)

    The receiver can run meanwhile. Each method opens the inbox for as long as it takes, so it can be shared by threads and
    processes.

    Args:
        name: The path of a SQLite file. Or the URL of a PostgreSQL database, such as `postgres://user@host/database`. Its
            password is read from `PGPASSWORD` or `~/.pgpass`.
    """

    __module__ = "kpn_things.uplink"
    __slots__ = ("_messages", "_place", "name")

    name: str
    """The path, or the URL without its password."""

    def __init__(self, name: str | os.PathLike[str]) -> None:
        self._place = path_text("inbox", name)
        self._messages = Messages(self._place)
        self.name = self._messages.name

    def messages(self, after: int = 0) -> Iterator[Message]:
        """Returns the messages that are stored now and whose ids are above `after`, in the order in which they were stored.

        Raises:
            InboxError: The inbox cannot be read.
        """
        after = count("after", after) or 0
        _, last = self._messages.counts()
        while after < last and (batch := self._messages.read(after, AT_ONCE)):
            for fields in batch:
                if fields[0] > last:
                    return
                yield Message(*fields)
            after = batch[-1][0]

    def __iter__(self) -> Iterator[Message]:
        return self.messages()

    def __len__(self) -> int:
        return self._messages.counts()[0]

    def __bool__(self) -> bool:
        return True

    def consume(self, consumer: str) -> Generator[Message, None, None]:
        """Returns the messages that a consumer is not done with, each at least once.

        A message is done when the loop requests the next one. If the loop ends by `break` or an exception, the last message
        is returned again the next time. After a crash, up to 500 messages are.

        Args:
            consumer: The name of the consumer, 1 to 128 characters. Each has a cursor of its own.

        Raises:
            InboxError: The inbox cannot be used.
        """
        consumer = text("consumer", consumer)
        done = recorded = self._messages.cursor(consumer)
        while batch := self._messages.read(done, AT_ONCE):
            try:
                for fields in batch:
                    yield Message(*fields)
                    done = fields[0]
            finally:
                if done > recorded:
                    self._messages.advance(consumer, done)
                    recorded = done

    def follow(self, consumer: str, *, every: float = 1.0) -> Generator[Message, None, None]:
        """Returns messages like `consume`, and waits for the next ones. It does not end.

        Args:
            consumer: The name of the consumer.
            every: The seconds between two looks into the inbox while it has nothing new.

        Raises:
            InboxError: The inbox cannot be used.
        """
        every = number("every", every)
        while True:
            yield from self.consume(consumer)
            time.sleep(every)

    def cursor(self, consumer: str) -> int:
        """Returns the id of the last message that a consumer is done with, and 0 if there is none.

        Raises:
            InboxError: The name is not valid, or the inbox cannot be read.
        """
        return self._messages.cursor(text("consumer", consumer))

    def advance(self, consumer: str, id: int) -> None:
        """Records that a consumer is done with all messages up to this one. A cursor never moves back.

        Raises:
            InboxError: The inbox has no such message yet, or it cannot be used.
        """
        self._messages.advance(text("consumer", consumer), count("id", id) or 0)

    def rows(self, after: int = 0, *, codec: Codec | None = None) -> list[dict[str, Any]]:
        """Returns the measurements of all messages as rows: `pandas.DataFrame(inbox.rows())`.

        A row has `message` and `received` of its message, `device`, `name`, `time` (nanoseconds since 1970), `unit`, and the
        value as `value` (a number), `text`, `flag` or `data`. A message that is not SenML is one row with its `error`.

        Args:
            after: The id of the last message to leave out.
            codec: Decodes the payloads of LoRa devices, see `Message.rows`.

        Raises:
            InboxError: The inbox cannot be read.
        """
        return [row for message in self.messages(after) for row in message.rows(codec)]

    def __repr__(self) -> str:
        return f"Inbox({self.name!r})"

    def __reduce__(self) -> tuple[type[Inbox], tuple[str]]:
        return Inbox, (self.name,)
