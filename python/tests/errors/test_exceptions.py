"""Exceptions: what each failure raises, the fields of the exception, and how it is copied and pickled."""

from __future__ import annotations

import copy
import pickle
import socket
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from kpn_things import (
    AuthError,
    BadRequestError,
    Client,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    DecodeError,
    DownlinkOutcomeUnknown,
    ForbiddenError,
    Headers,
    InputError,
    KpnThingsError,
    ListingError,
    NotFoundError,
    Page,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TooDeepError,
    TooLargeError,
    TooManyPagesError,
    TransportError,
    UnexpectedStatusError,
)
from kpn_things.errors import _CLASSES, _from_core
from kpn_things.testing import Simulator

DEV_EUI = "0059AC0000181EB6"

FIELDS: dict[str, Any] = {
    "hint": "try again later",
    "method": "POST",
    "url": "https://api.kpnthings.com/api/actuator/downlinks",
    "status": 503,
    "headers": Headers({"X-Request-Id": "b-42"}),
    "body": {"errors": [{"code": 7}]},
    "retry_after": 1.5,
    "attempts": 2,
    "elapsed": 0.25,
    "stage": "call",
    "gave_up_because": "attempts_exhausted",
    "is_retryable": False,
    "reference": "b-42",
    "outcome": "not_sent",
    "external_reference": "valve 42",
}

KINDS = pytest.mark.parametrize("kind", _CLASSES)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=1) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with simulator.client(max_attempts=1) as client:
        yield client


def send(client: Client) -> KpnThingsError:
    """The exception of a downlink that fails."""
    with pytest.raises(KpnThingsError) as caught:
        client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference="valve-42")
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "builtin"),
    [
        ("status:302", AuthError, PermissionError),
        ("status:400", BadRequestError, KpnThingsError),
        ("status:401", AuthError, PermissionError),
        ("status:403", ForbiddenError, PermissionError),
        ("status:404", NotFoundError, KpnThingsError),
        ("status:418", UnexpectedStatusError, KpnThingsError),
        ("status:429", RateLimitedError, KpnThingsError),
        ("status:500", ServerError, KpnThingsError),
        ("status:599", ServerError, KpnThingsError),
        ("drop-after", ConnectionLostError, ConnectionError),
        ("truncate:1", ConnectionLostError, ConnectionError),
    ],
)
def test_each_failure_has_its_class_and_a_builtin_one(
    fault: str, kind: type[KpnThingsError], builtin: type[Exception], simulator: Simulator, client: Client
) -> None:
    simulator.add_fault(f"devices={fault}")
    with pytest.raises(builtin) as caught:
        client.devices().collect()
    assert type(caught.value) is kind


def test_no_connection_is_a_connection_error_that_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with Client(tenant_id="t", key_id="k", key_secret="s", grip_base_url=url, base_url=url, max_attempts=1) as client:
        error = send(client)
    assert type(error) is ConnectError
    assert isinstance(error, ConnectionError)
    assert (error.stage, error.outcome, error.status) == ("token", "not_sent", None)


def test_no_time_left_is_a_timeout_error(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("devices=stall")
    with pytest.raises(TimeoutError) as caught:
        client.devices(timeout=0.05).collect()
    assert type(caught.value) is DeadlineError
    assert isinstance(caught.value, RequestTimeoutError)
    assert isinstance(caught.value, TransportError)


def test_an_answer_beyond_the_bound_is_too_large(simulator: Simulator) -> None:
    with simulator.client(max_body=1000) as client, pytest.raises(TooLargeError):
        client.devices(page_size=100).collect()
        simulator.add_device("x" * 1000)
        client.devices(page_size=100).collect()


def test_more_pages_than_the_bound_are_too_many(simulator: Simulator) -> None:
    simulator.add_device("two")
    simulator.add_device("three")
    with simulator.client(max_pages=2) as client, pytest.raises(TooManyPagesError) as caught:
        client.devices(page_size=1).collect()
    assert isinstance(caught.value, ListingError)


def test_json_of_any_depth_is_no_crash(simulator: Simulator, client: Client) -> None:
    deep = '{"x":' + "[" * 100_000
    simulator.add_fault(f"devices=status:200,body:{deep}")
    with pytest.raises(TooDeepError) as caught:
        client.devices().collect()
    assert isinstance(caught.value, DecodeError)
    with pytest.raises(TooDeepError):
        Page.from_json(deep)


def test_a_downlink_that_failed_is_named(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("downlinks=drop-after")
    with pytest.raises(DownlinkOutcomeUnknown) as caught:
        client.send_downlink("0059AC0000181EB6", b"\x01", port=1, external_reference="valve 42")
    assert caught.value.external_reference == "valve 42"
    assert 'downlink "valve 42" may have arrived and was not retried' in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).external_reference == "valve 42"


def test_an_answer_that_is_no_page_is_a_value_error(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("devices=status:200,body:<html>")
    with pytest.raises(ValueError) as caught:
        client.devices().collect()
    assert type(caught.value) is DecodeError
    assert caught.value.status == 200
    assert "<html>" in str(caught.value)


def test_arguments_and_settings_that_cannot_be_right_are_value_errors(client: Client) -> None:
    with pytest.raises(ValueError) as caught:
        client.send_downlink("0059", b"\x01", port=1)
    assert type(caught.value) is InputError
    with pytest.raises(ValueError) as settings:
        Client()
    assert type(settings.value) is ConfigError


def test_an_exception_tells_everything_about_the_failure(simulator: Simulator, client: Client) -> None:
    simulator.add_fault(r'downlinks=status:503,Retry-After:100000,body:{"errors":[7]}')
    error = send(client)
    assert error.method == "POST"
    assert error.url == f"{simulator.url}/api/actuator/downlinks"
    assert error.status == 503
    assert error.body == {"errors": [7]}
    assert error.retry_after == 100_000.0
    assert error.attempts == 1
    assert error.elapsed > 0
    assert error.stage == "call"
    assert error.gave_up_because == "retry_after_too_long"
    assert error.is_retryable
    assert error.outcome == "not_sent"
    assert str(error).startswith(f"POST {simulator.url}/api/actuator/downlinks: 503")


def test_a_refused_token_is_told_apart_from_a_refused_call(simulator: Simulator, client: Client) -> None:
    simulator.add_fault('token=status:401,body:{"error":"invalid_client"}')
    error = send(client)
    assert (error.stage, error.body) == ("token", {"error": "invalid_client"})


def test_a_failed_read_has_no_outcome(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("devices=status:500")
    with pytest.raises(ServerError) as caught:
        client.devices().collect()
    assert caught.value.outcome is None


def test_no_exception_shows_secret_token_or_payload(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("downlinks=status:500")
    with pytest.raises(KpnThingsError) as caught:
        client.send_downlink(DEV_EUI, b"\xc0\xff\xee", port=1)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + str(pickle.dumps(error))
    secret = simulator.environment()["KPN_THINGS_KEY_SECRET"]
    assert secret not in shown
    assert "Bearer" not in shown
    assert "c0ffee" not in shown


def test_an_exception_of_ones_own_making_has_every_attribute() -> None:
    error = NotFoundError("no such device")
    assert {name: getattr(error, name) for name in FIELDS} == {
        "hint": None,
        "method": None,
        "url": None,
        "status": None,
        "headers": {},
        "body": None,
        "retry_after": None,
        "attempts": 0,
        "elapsed": 0.0,
        "stage": "prepare",
        "gave_up_because": None,
        "is_retryable": False,
        "reference": None,
        "outcome": None,
        "external_reference": None,
    }
    error.status = 404
    assert NotFoundError.status is None
    assert str(error) == "no such device"
    assert repr(error) == "NotFoundError('no such device')"


def test_every_attribute_is_one_that_the_core_sets() -> None:
    attributes = {name for name in vars(KpnThingsError) if not name.startswith("_")}
    assert attributes == set(FIELDS)
    with pytest.raises(KpnThingsError) as caught:
        Client()
    assert {name for name in vars(caught.value) if not name.startswith("_")} == attributes


def equal(one: BaseException, other: BaseException) -> bool:
    return type(one) is type(other) and one.args == other.args and vars(one) == vars(other)


@KINDS
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_exception_can_be_pickled_with_its_attributes(kind: str, protocol: int) -> None:
    error = _from_core(kind, "what happened", "it broke", FIELDS)
    again = pickle.loads(pickle.dumps(error, protocol))
    assert equal(again, error)
    assert str(again).startswith("what happened")
    assert again.outcome == "not_sent"


@KINDS
def test_every_exception_can_be_copied_and_copied_deeply(kind: str) -> None:
    error = _from_core(kind, "what happened", "it broke", FIELDS)
    shallow, deep = copy.copy(error), copy.deepcopy(error)
    assert equal(shallow, error)
    assert equal(deep, error)
    deep.body["errors"].clear()
    assert error.body == {"errors": [{"code": 7}]}


if sys.version_info >= (3, 11):

    @KINDS
    def test_notes_go_with_an_exception_and_are_not_doubled(kind: str) -> None:
        error = _from_core(kind, "what happened", "it broke", {**FIELDS, "body": None})
        error.add_note("during the night")
        for again in pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error):
            assert again.__notes__ == ["hint: try again later", "during the night"]
        deep = copy.deepcopy(error)
        deep.add_note("of the copy alone")
        assert len(error.__notes__) == 2


def test_what_a_user_sets_on_an_exception_goes_with_it() -> None:
    error = ServerError("what happened")
    error.device = "valve-42"  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(error)).device == "valve-42"


class Mine(ServerError):
    """A user's own exception."""


def test_an_exception_of_ones_own_class_can_be_pickled() -> None:
    error = Mine("what happened")
    error.status = 503
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is Mine
    assert (str(again), again.status) == ("what happened", 503)


def test_a_client_without_its_secret_can_be_unpickled_and_its_calls_say_what_to_set(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.delenv("KPN_THINGS_KEY_SECRET", raising=False)
    locked = pickle.loads(pickle.dumps(client))
    with pytest.raises(ConfigError, match="set KPN_THINGS_KEY_SECRET in this process"):
        locked.send_downlink("0059AC0000181EB6", b"\x01", port=1)
