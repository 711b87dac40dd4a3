"""Consumers read what a receiver stored, in order and at least once."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas
import polars
import pytest

from kpn_things._native import Messages
from kpn_things.uplink import Inbox, InboxError, Message, UplinkParseError

RECEIVED = datetime(2025, 12, 14, 19, 19, 20, 500000, tzinfo=timezone.utc)
TOKEN = [("things-message-token", b"0123abcd")]


def body(number: int) -> bytes:
    return b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1765739960,"n":"count","v":%d}]' % number


def fill(path: Path, count: int) -> Inbox:
    """An inbox with this many messages."""
    receiver = Messages(str(path))
    for number in range(1, count + 1):
        assert receiver.append(RECEIVED, "active", TOKEN, body(number)) == number
    return Inbox(path)


def test_messages_are_read_as_they_were_received(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 2)
    first, second = inbox
    assert (first.id, first.received, first.source, first.label) == (1, RECEIVED, "http", "active")
    assert (first.headers, first.body, len(inbox)) == (tuple(TOKEN), body(1), 2)
    assert [one.value for one in second.uplink.measurements] == [2]
    assert list(inbox.messages(after=1)) == [second]


def test_a_duplicate_is_stored_once(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 1)
    assert Messages(inbox.name).append(RECEIVED, None, [], body(1)) is None
    assert len(inbox) == 1


def test_a_consumer_continues_where_it_was(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 5)
    for message in inbox.consume("one"):
        if message.id == 3:
            break
    assert inbox.cursor("one") == 2
    assert [message.id for message in inbox.consume("one")] == [3, 4, 5]
    assert list(inbox.consume("one")) == [] and inbox.cursor("one") == 5
    assert [message.id for message in inbox.consume("two")] == [1, 2, 3, 4, 5]


def test_a_message_whose_work_fails_is_returned_again(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 2)
    with pytest.raises(ZeroDivisionError):
        for _ in inbox.consume("one"):
            raise ZeroDivisionError
    assert next(inbox.consume("one")).id == 1


def test_a_cursor_moves_by_hand_but_not_back(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 3)
    inbox.advance("one", 2)
    inbox.advance("one", 1)
    assert inbox.cursor("one") == 2 and [message.id for message in inbox.consume("one")] == [3]
    with pytest.raises(InboxError, match="no message 9 yet"):
        inbox.advance("one", 9)


def test_following_returns_what_is_stored_meanwhile(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 1)
    following = inbox.follow("one", every=0)
    assert next(following).id == 1
    Messages(inbox.name).append(RECEIVED, None, [], body(2))
    assert next(following).id == 2
    following.close()
    assert inbox.cursor("one") == 1


def test_a_message_that_is_not_senml_is_an_item_with_its_error(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 1)
    Messages(inbox.name).append(RECEIVED, None, [], b"no SenML")
    wrong = list(inbox)[1]
    with pytest.raises(UplinkParseError):
        _ = wrong.uplink
    rows = inbox.rows()
    assert [row["value"] for row in rows] == [1.0, None]
    assert rows[0]["error"] is None and "JSON" in rows[1]["error"]


def test_rows_make_a_data_frame_in_one_line(tmp_path: Path) -> None:
    rows = fill(tmp_path / "uplinks.db", 3).rows()
    frame = pandas.DataFrame(rows)
    assert frame["value"].sum() == 6 and set(frame["device"]) == {"0059AC0000181EB6"}
    assert polars.DataFrame(rows)["message"].to_list() == [1, 2, 3]


def test_rows_have_what_a_codec_decodes_and_where_it_fails() -> None:
    def codec(port: int, payload: bytes) -> list[dict[str, Any]]:
        if port != 2:
            raise LookupError(f"no codec for port {port}")
        return [{"n": "level", "u": "m", "v": payload[0]}]

    def message(port: int) -> Message:
        body = b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payload","vs":"07"},{"n":"port","v":%d}]' % port
        return Message(port, datetime.now(timezone.utc), "http", None, (), body)

    rows = message(2).rows(codec)
    assert [(row["name"], row["value"], row["error"]) for row in rows[2:]] == [("level", 7.0, None)]
    rows = message(3).rows(codec)
    assert [(row["device"], row["name"], row["error"]) for row in rows[2:]] == [
        ("0059AC0000181EB6", None, "the codec failed: LookupError: no codec for port 3")
    ]
    assert len(message(3).rows()) == 2


def test_an_inbox_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InboxError):
        list(Inbox(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()


def test_nothing_shows_a_password_a_token_or_a_body(tmp_path: Path) -> None:
    inbox = fill(tmp_path / "uplinks.db", 1)
    (message,) = inbox
    again = pickle.loads(pickle.dumps(message))
    assert again == message and hash(again) == hash(message)
    assert "0123abcd" not in repr(message) and "count" not in repr(message)
    assert [one.id for one in pickle.loads(pickle.dumps(inbox))] == [1]
    database = Inbox("postgres://user:secret@host/database")
    assert "secret" not in repr(database) and b"secret" not in pickle.dumps(database)
