"""Only the exact bytes that KPN Things signed are accepted, and every refusal has its own class."""

from __future__ import annotations

import copy
import hashlib
import pickle
from email.message import Message as EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpn_things.errors import ConfigError, KpnThingsError
from kpn_things.uplink import (
    BodyTooLargeError,
    MissingTokenError,
    RepeatedTokenError,
    TokenFormatError,
    UplinkError,
    UplinkRefusedError,
    Verified,
    Verifier,
    WrongTokenError,
    sign,
)

# The published vector: https://docs.kpnthings.com/kpn-things/building-blocks/destinations/https-destination
SECRET = "MYKEY2"
BODY = b'[{"bn":"device-name","n":"humidity","vd":"aG9paG9pAA"}]'
TOKEN = "4d53c667486bb4679922b901dd733a936a07983f73275941abfb3068a0ba8748"
PLUG = "7e6c0000-1fe4-4d60-9b6d-8061f7414b24"


def email(*headers: tuple[str, str]) -> EmailMessage:
    """Headers as `http.server` has them."""
    message = EmailMessage()
    for name, value in headers:
        message[name] = value
    return message


@pytest.mark.parametrize(
    "headers",
    [
        TOKEN,
        TOKEN.encode(),
        {"Things-Message-Token": TOKEN},
        {"THINGS-MESSAGE-TOKEN": TOKEN.encode(), "Other": "x"},
        {"things-message-token": [TOKEN]},
        [(b"content-type", b"application/json"), (b"things-message-token", TOKEN.encode())],
        email(("Things-Message-Token", TOKEN)),
    ],
)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_published_vector_is_accepted(headers: Any, kind: Any) -> None:
    verified = Verifier({"active": SECRET, "retiring": "MYKEY1"}).verify(headers, kind(BODY))
    assert (verified.label, verified.token_digest.hex()) == ("active", TOKEN)


def test_a_token_is_made_as_kpn_makes_it() -> None:
    assert sign(SECRET, BODY) == sign(b"MYKEY2", bytearray(BODY)) == TOKEN


@pytest.mark.parametrize(
    ("headers", "kind", "reason"),
    [
        (None, MissingTokenError, "missing"),
        ({}, MissingTokenError, "missing"),
        ([("Things-Message-Token", TOKEN)] * 2, RepeatedTokenError, "twice"),
        ({"things-message-token": [TOKEN, TOKEN]}, RepeatedTokenError, "twice"),
        (email(("Things-Message-Token", TOKEN), ("things-message-token", TOKEN)), RepeatedTokenError, "twice"),
        (f"{TOKEN}, {TOKEN}", RepeatedTokenError, "twice"),
        (TOKEN.upper(), TokenFormatError, "not_hex"),
        ("é" * 32, TokenFormatError, "not_hex"),
        (TOKEN[:-1], TokenFormatError, "wrong_length"),
        ("", TokenFormatError, "wrong_length"),
        (TOKEN[::-1], WrongTokenError, "wrong"),
    ],
)
def test_a_refusal_has_a_class_a_reason_and_a_status(headers: Any, kind: type[UplinkRefusedError], reason: str) -> None:
    with pytest.raises(UplinkRefusedError) as caught:
        Verifier(SECRET).verify(headers, BODY)
    assert (type(caught.value), caught.value.reason, caught.value.status) == (kind, reason, 401)
    assert issubclass(kind, UplinkError) and issubclass(kind, KpnThingsError)
    for again in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert (type(again), again.reason, again.status, str(again)) == (kind, reason, 401, str(caught.value))


def test_a_body_above_the_limit_is_413() -> None:
    verifier = Verifier(SECRET, body_limit=len(BODY))
    assert verifier.body_limit == len(BODY)
    verifier.verify(TOKEN, BODY)
    with pytest.raises(BodyTooLargeError) as caught:
        verifier.verify(TOKEN, BODY + b" ")
    assert (caught.value.status, caught.value.reason) == (413, "too_large")


def test_a_plug_has_its_own_secrets_alone() -> None:
    verifier = Verifier(SECRET, plugs={PLUG: {"own": "MYKEY9"}})
    own = {"Things-Plug-UUID": PLUG.upper(), "Things-Message-Token": sign("MYKEY9", BODY)}
    assert verifier.verify(own, BODY).label == "own"
    with pytest.raises(WrongTokenError):
        verifier.verify({**own, "Things-Message-Token": TOKEN}, BODY)
    assert verifier.verify({**own, "Things-Plug-UUID": "another", "Things-Message-Token": TOKEN}, BODY).label == "secret-1"


def test_secrets_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets.txt"
    file.write_bytes(b"\xef\xbb\xbf# rotated every quarter\r\n\r\nactive=MYKEY3\r\nMYKEY2\r\n")
    verifier = Verifier(secret_file=file)
    assert verifier.labels == ["active", "secret-1"]
    assert verifier.verify(TOKEN, BODY).label == "secret-1"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"secrets": "a", "secret_file": "b"},
        {"secrets": ""},
        {"secrets": []},
        {"secrets": {}},
        {"secrets": {"Label with blanks": "SECRETS"}},
        {"secrets": ["SECRETS", "SECRETS"]},
        {"secret_file": "/does/not/exist"},
        {"secrets": "a", "body_limit": -1},
        {"secrets": "\udc80"},
    ],
)
def test_wrong_settings_are_errors_without_the_secret(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        Verifier(**arguments)
    assert "SECRETS" not in str(caught.value)


@pytest.mark.parametrize("body", [BODY.decode(), None, 7, [1, 2]])
def test_a_body_that_is_not_bytes_is_a_type_error(body: Any) -> None:
    with pytest.raises(TypeError, match="as they were received"):
        Verifier(SECRET).verify(TOKEN, body)


@pytest.mark.parametrize("headers", [7, ["a"], [("a",)], {7: "x"}, [("things-message-token", 7)]])
def test_wrong_headers_are_a_type_error(headers: Any) -> None:
    with pytest.raises(TypeError, match="pass the headers of the request"):
        Verifier(SECRET).verify(headers, BODY)


def test_nothing_shows_a_secret_or_a_token() -> None:
    verifier = Verifier({"active": SECRET})
    verified = verifier.verify(TOKEN, BODY)
    for shown in (repr(verifier), str(verifier), repr(verified)):
        assert SECRET not in shown and TOKEN[:8] not in shown and "active" in shown
    with pytest.raises(TypeError):
        pickle.dumps(verifier)
    again = pickle.loads(pickle.dumps(verified))
    assert isinstance(again, Verified) and again == verified and hash(again) == hash(verified)


@given(body=st.binary(max_size=300), secret=st.binary(min_size=1, max_size=40), token=st.text(max_size=70) | st.binary(max_size=70))
def test_no_other_token_is_accepted(body: bytes, secret: bytes, token: str | bytes) -> None:
    verifier = Verifier(secret)
    right = hashlib.sha256(body + secret).hexdigest()
    assert verifier.verify(right, body).token_digest.hex() == right
    if token not in (right, right.encode()):
        with pytest.raises(UplinkRefusedError):
            verifier.verify(token, body)


@given(body=st.binary(min_size=1, max_size=200), data=st.data())
def test_no_changed_bit_is_accepted(body: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(body) * 8 - 1))
    changed = bytearray(body)
    changed[place // 8] ^= 1 << place % 8
    with pytest.raises(WrongTokenError):
        Verifier(SECRET).verify(sign(SECRET, body), changed)
