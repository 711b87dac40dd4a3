"""Uplinks that the simulator posts to a user's endpoint, and packs that a user's device posts to it."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest

from kpn_things.testing import PostedUplink, ReceivedPack, Simulator

DEV_EUI = "0059AC0000181EB6"
SECRET = "MYKEY2"
UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


class Receiver:
    """An endpoint that responds with the given statuses in turn, and with 204 after that."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.posts: Queue[tuple[Message, bytes]] = Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.put((self.headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def next(self) -> tuple[Message, bytes]:
        # Only so that a failing test does not hang.
        return self.posts.get(timeout=20)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


@pytest.fixture
def simulator(receiver: Receiver) -> Iterator[Simulator]:
    with Simulator(uplink_to=receiver.url, uplink_secret=SECRET, uplink_pause=0) as simulator:
        yield simulator


def sign(secret: str, body: bytes) -> str:
    return hashlib.sha256(body + secret.encode()).hexdigest()


def records(body: bytes) -> dict[str, object]:
    """The names and values of a pack."""
    values = ("v", "vs", "vb", "vd")
    return {
        record["n"]: next(record[field] for field in values if field in record)
        for record in json.loads(body)
        if "n" in record
    }


def test_an_uplink_is_signed_and_delivered(simulator: Simulator, receiver: Receiver) -> None:
    posted = simulator.post_uplink(DEV_EUI, b"\x01\x02", port=1, time=1765739960.26)
    headers, body = receiver.next()
    assert body == posted.body
    assert body == (
        b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","bt":1.76573996026E9},'
        b'{"n":"payload","vs":"0102"},{"n":"port","v":1.0}]'
    )
    assert headers["Things-Message-Token"] == sign(SECRET, body)
    assert headers["Content-Type"] == "application/json"
    assert len(headers["Things-Plug-UUID"]) == 36
    assert (posted.number, posted.outcome, posted.statuses) == (1, "delivered", (204,))
    assert simulator.uplinks == (posted,)


def test_an_uplink_has_every_documented_form(simulator: Simulator, receiver: Receiver) -> None:
    simulator.post_uplink(
        "490154203237518",
        measurements={"temperature": (21.5, "Cel"), "open": True, "state": "ok", "data": b"hoi"},
        location={"latitude": 52.1, "longitude": 5.1, "time": 1585650750, "time_as_text": True},
        radio=True,
        shape="first-measurement",
        numbers="text",
    )
    body = receiver.next()[1]
    first = json.loads(body)[0]
    assert (first["bn"], first["n"]) == ("urn:dev:IMEI:490154203237518:", "FCntUp")
    values = records(body)
    assert (values["temperature"], values["open"], values["state"], values["data"]) == ("21.5", True, "ok", "aG9p")
    assert (values["locTime"], values["latitude"]) == ("1585650750000", 52.1)
    posted = simulator.post_uplink_body("anything")
    assert (posted.body, receiver.next()[1], posted.device) == (b"anything", b"anything", None)


def test_a_message_is_retried_and_then_discarded(simulator: Simulator, receiver: Receiver) -> None:
    receiver.statuses = [503, 500, 204, 503, 503, 503]
    assert simulator.post_uplink(DEV_EUI, b"\x01").statuses == (503, 500, 204)
    posted = simulator.post_uplink(DEV_EUI, b"\x01")
    assert (posted.outcome, posted.statuses) == ("discarded", (503, 503, 503))


def test_faults_forge_posts(simulator: Simulator, receiver: Receiver) -> None:
    simulator.add_fault("uplink@1=wrong-secret")
    simulator.add_fault("uplink@2=duplicate")
    receiver.statuses = [401]
    posted = simulator.post_uplink(DEV_EUI, b"\x01", port=1)
    assert [attempt.faults for attempt in posted.attempts] == [("wrong-secret",), ("duplicate",), ()]
    assert [attempt.duplicate for attempt in posted.attempts] == [False, False, True]
    posts = [receiver.next() for _ in range(3)]
    signed = [headers["Things-Message-Token"] == sign(SECRET, body) for headers, body in posts]
    assert signed == [False, True, True]


def test_a_device_answers_a_downlink(simulator: Simulator, receiver: Receiver) -> None:
    with simulator.client() as client:
        client.send_downlink(DEV_EUI, b"\xca\xfe", port=7)
    assert records(receiver.next()[1]) == {"payload": "cafe", "port": 7.0}
    assert simulator.wait_for_uplinks(1)
    assert not simulator.wait_for_uplinks(2, timeout=0)
    with Simulator(uplink_to=receiver.url, uplink_secret=SECRET, uplink_answers=False) as silent, silent.client() as client:
        client.send_downlink(DEV_EUI, b"\xca\xfe", port=7)
        assert silent.uplinks == ()


def test_devices_post_at_a_rate(receiver: Receiver) -> None:
    with Simulator(uplink_to=receiver.url, uplink_secret=SECRET, uplink_rate="200/s") as simulator:
        assert simulator.wait_for_uplinks(3)
    headers, body = receiver.next()
    assert headers["Things-Message-Token"] == sign(SECRET, body)


def test_the_destination_can_be_set_later(receiver: Receiver) -> None:
    with Simulator() as simulator:
        with pytest.raises(ValueError, match="no destination"):
            simulator.post_uplink(DEV_EUI, b"\x01")
        simulator.post_uplinks_to(receiver.url, SECRET, plug_uuid="p", headers={"X-Mine": "7"}, pause=0)
        assert simulator.post_uplink(DEV_EUI, b"\x01").outcome == "delivered"
        headers = receiver.next()[0]
        assert (headers["Things-Plug-UUID"], headers["X-Mine"]) == ("p", "7")
        simulator.post_uplinks_to(None)
        with pytest.raises(ValueError, match="no destination"):
            simulator.post_uplink(DEV_EUI, b"\x01")


def test_what_is_wrong_is_explained_without_the_secret(simulator: Simulator) -> None:
    with pytest.raises(ValueError, match="use a DevEUI, an IMEI") as raised:
        simulator.post_uplink("0059", b"\x01")
    with pytest.raises(ValueError, match="it needs a payload"):
        simulator.post_uplink(DEV_EUI)
    with pytest.raises(ValueError, match="unknown field `lat`"):
        simulator.post_uplink(DEV_EUI, location={"lat": 1})
    with pytest.raises(ValueError, match="begins with https://") as raised:
        Simulator(uplink_to="localhost", uplink_secret="s3cret")
    assert "s3cret" not in str(raised.value)
    with pytest.raises(ValueError, match="uplink_to and uplink_secret"):
        Simulator(uplink_to="http://localhost/")
    with pytest.raises(ValueError, match="30 to 100 letters and digits") as raised:
        Simulator(own_devices={UUID: "s3cret"})
    assert "s3cret" not in str(raised.value)
    with pytest.raises(ValueError, match="5/s"):
        Simulator(uplink_rate="often")


def test_a_device_of_ones_own_posts_packs(simulator: Simulator, receiver: Receiver) -> None:
    [(uuid, secret)] = simulator.own_devices.items()
    body = json.dumps([{"bn": f"urn:dev:DVNUUID:{uuid}:", "n": "temperature", "v": 21.5}]).encode()

    def post(token: str) -> bytes:
        request = urllib.request.Request(f"{simulator.url}/ingestion/ip/senml/v1", body)
        request.add_header("Things-Message-Token", token)
        with urllib.request.urlopen(request) as response:
            content: bytes = response.read()
            return content

    assert simulator.set_downlink_in_response(uuid, b"\x00\xff")
    assert not simulator.set_downlink_in_response(UUID, b"\x01")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        post(sign("wrong", body))
    assert [post(sign(secret, body)) for _ in range(2)] == [b"\x00\xff", b""]
    first, second = simulator.packs
    assert first == ReceivedPack(uuid, tuple(json.loads(body)), body, b"\x00\xff")
    assert (second.downlink, simulator.calls("ingestion")) == (None, 3)
    assert "21.5" not in repr(first)
    assert receiver.next()[1] == body


def test_the_repr_of_an_uplink_does_not_show_its_body(simulator: Simulator) -> None:
    posted = simulator.post_uplink(DEV_EUI, b"\xc0\xff\xee")
    assert isinstance(posted, PostedUplink)
    assert "c0ffee" not in repr(posted)


def test_devices_of_ones_own_are_chosen() -> None:
    secret = "0123456789abcdefghijABCDEFGHIJ"
    with Simulator(own_devices={UUID: secret}) as simulator:
        assert simulator.own_devices == {UUID: secret}
