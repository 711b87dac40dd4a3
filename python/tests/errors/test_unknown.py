"""A downlink with an unknown outcome raises `DownlinkOutcomeUnknown`, which no generic retry catches."""

from __future__ import annotations

import asyncio
import copy
import pickle
import traceback
from collections.abc import Callable, Iterator

import pytest
import tenacity

from kpn_things import (
    ApiError,
    Client,
    ConnectionLostError,
    ConnectError,
    DeadlineError,
    DownlinkOutcomeUnknown,
    KpnThingsError,
    RateLimitedError,
    ServerError,
    TooLargeError,
)
from kpn_things.testing import Simulator

DEV_EUI = "0059AC0000181EB6"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(devices=1) as simulator:
        yield simulator


@pytest.fixture
def client(simulator: Simulator) -> Iterator[Client]:
    with simulator.client(max_attempts=1, timeout=0.3, max_body=10_000) as client:
        yield client


def send(client: Client) -> None:
    client.send_downlink(DEV_EUI, b"\x01", port=1, external_reference="valve-42")


def unknown(client: Client) -> DownlinkOutcomeUnknown:
    """The exception of a downlink with an unknown outcome."""
    with pytest.raises(DownlinkOutcomeUnknown) as caught:
        send(client)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("drop-after", ConnectionLostError),
        ("truncate:1", ConnectionLostError),
        ("status:500", ServerError),
        ("status:599", ServerError),
        ("stall", DeadlineError),
        ("status:201,body:" + "x" * 20_000, TooLargeError),
    ],
)
def test_its_cause_is_the_failure(
    fault: str, kind: type[KpnThingsError], simulator: Simulator, client: Client
) -> None:
    simulator.add_fault(f"downlinks={fault}")
    error = unknown(client)
    assert type(error.__cause__) is kind
    assert vars(error.__cause__) == {name: value for name, value in vars(error).items() if name != "__notes__"}
    assert (error.outcome, error.external_reference, error.is_retryable) == ("unknown", "valve-42", False)
    assert not isinstance(error, (ConnectionError, TimeoutError, OSError, ValueError, ApiError))


def test_it_has_every_attribute_of_the_failure(simulator: Simulator, client: Client) -> None:
    simulator.add_fault('downlinks=status:500,body:{"errors":[7]}')
    error = unknown(client)
    assert (error.status, error.body, error.attempts, error.stage) == (500, {"errors": [7]}, 1, "call")
    assert (error.method, error.url) == ("POST", f"{simulator.url}/api/actuator/downlinks")
    assert str(error).startswith(f"POST {error.url}: 500")


def test_a_downlink_that_was_not_sent_keeps_its_class(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("downlinks=status:429")
    with pytest.raises(RateLimitedError) as refused:
        send(client)
    simulator.stop()
    with pytest.raises(ConnectError) as unconnected:
        send(client)
    assert (refused.value.outcome, unconnected.value.outcome) == ("not_sent", "not_sent")


def test_a_read_keeps_its_class(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("devices=drop-after")
    with pytest.raises(ConnectionLostError):
        client.devices().collect()


def test_the_asyncio_client_raises_it_as_well(simulator: Simulator) -> None:
    async def main() -> None:
        async with simulator.async_client(max_attempts=1) as client:
            await client.send_downlink(DEV_EUI, b"\x01", port=1)

    simulator.add_fault("downlinks=drop-after")
    with pytest.raises(DownlinkOutcomeUnknown) as caught:
        asyncio.run(main())
    assert isinstance(caught.value.__cause__, ConnectionLostError)


def test_a_generic_retry_does_not_send_it_twice(simulator: Simulator, client: Client) -> None:
    retries = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((ConnectionError, TimeoutError)),
        stop=tenacity.stop_after_attempt(3),
        reraise=True,
    )
    failures = iter([ConnectError("no connection")])

    def program() -> None:
        for failure in failures:
            raise failure
        send(client)

    simulator.add_fault("downlinks@1=drop-after")
    with pytest.raises(DownlinkOutcomeUnknown):
        retries(program)
    assert retries.statistics["attempt_number"] == 2
    assert len(simulator.downlinks) == 1


def test_a_traceback_shows_failure_and_outcome_once(simulator: Simulator, client: Client) -> None:
    simulator.add_fault("downlinks=drop-after")
    error = unknown(client)
    shown = "".join(traceback.format_exception(error))
    assert shown.index("ConnectionLostError: ") < shown.index("DownlinkOutcomeUnknown: POST")
    assert shown.count(error.url or "") == 1
    assert str(error.__cause__) in str(error) != str(error.__cause__)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_keep_the_cause(
    again: Callable[[KpnThingsError], KpnThingsError], simulator: Simulator, client: Client
) -> None:
    simulator.add_fault("downlinks=status:500")
    error = unknown(client)
    cause, copied = error.__cause__, again(error).__cause__
    assert isinstance(copied, ServerError)
    assert isinstance(cause, ServerError)
    assert (copied.args, vars(copied)) == (cause.args, vars(cause))


def test_a_cause_that_a_user_gave_it_is_not_pickled() -> None:
    error = DownlinkOutcomeUnknown("what happened")
    error.__cause__ = ValueError("of the user")
    again, parts = error.__reduce__()  # not through `pickle`, because other libraries register reducers of their own
    copied = again(*parts)
    assert (str(copied), copied.__cause__) == ("what happened", None)
