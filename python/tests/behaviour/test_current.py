"""The listings of the current API, with either client."""

from __future__ import annotations

import asyncio
import datetime
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from kpn_things import (
    BadRequestError,
    InputError,
    Item,
    ListedDownlink,
    ListingError,
    Project,
)
from kpn_things.testing import Simulator

Lists = Callable[..., list[Any]]
DEVICE = "0059AC0000181EB6"


@pytest.fixture(params=["sync", "async"])
def lists(request: pytest.FixtureRequest) -> Lists:
    """Lists a resource with either client."""

    def read(simulator: Simulator, resource: str, **options: Any) -> list[Any]:
        with simulator.client() as client:
            return list(getattr(client.current(), resource)(**options))

    async def read_async(simulator: Simulator, resource: str, options: dict[str, Any]) -> list[Any]:
        async with simulator.async_client() as client:
            return [item async for item in getattr(client.current(), resource)(**options)]

    if request.param == "sync":
        return read
    return lambda simulator, resource, **options: asyncio.run(read_async(simulator, resource, options))


@pytest.mark.parametrize("link", ["url", "path", "query", "cursor", "port-9"])
def test_all_items_are_listed_whatever_the_link_looks_like(lists: Lists, link: str) -> None:
    with Simulator(devices=23, quirks=[f"next-link:{link}", "empty-items:1"]) as simulator:
        items = lists(simulator, "devices", limit=5, sort="name")
        names = [item["name"] for item in items]
        assert names == sorted(names)
        assert len({item.id for item in items}) == 23
        pages = [request for request in simulator.requests if request.target.startswith("/devices?")]
        assert len(pages) == 6
        assert all("limit=5" in page.target and "sort=name" in page.target for page in pages)


def test_every_resource_is_listed(lists: Lists) -> None:
    with Simulator(devices=30) as simulator:
        with simulator.client() as client:
            client.send_downlink(DEVICE, b"\x01", port=1, external_reference="valve-1")
        counts = {
            resource: len(lists(simulator, resource))
            for resource in (
                "devices",
                "device_groups",
                "projects",
                "downlinks",
                "lora_downlinks",
                "mqtt_downlinks",
            )
        }
        assert counts == {
            "devices": 30,
            "device_groups": 4,
            "projects": 3,
            "downlinks": 1,
            "lora_downlinks": 1,
            "mqtt_downlinks": 0,
        }
        bindings = ("lora_bindings", "http_bindings", "mqtt_bindings")
        assert sum(len(lists(simulator, resource)) for resource in bindings) == 30


def test_filters_are_sent_as_documented(lists: Lists) -> None:
    with Simulator(devices=3) as simulator:
        lists(
            simulator,
            "devices",
            q="a b",
            barcode="1",
            device_specification_id=["s-1", "s-2"],
            project_id="p-1",
            created_since=datetime.datetime(2026, 1, 31, 9, 30, tzinfo=datetime.timezone.utc),
            modified_before=datetime.date(2026, 2, 1),
            sort=["createdAt", "-name"],
            client_id=None,
        )
        expected = (
            "/devices?createdSince=2026-01-31T09%3A30%3A00%2B00%3A00&modifiedBefore=2026-02-01&q=a%20b&projectId=p-1"
            "&barcode=1&deviceSpecificationId=s-1&deviceSpecificationId=s-2&sort=createdAt%2C-name"
        )
        assert simulator.requests[-1].target == expected


def test_what_cannot_be_right_is_not_sent(lists: Lists) -> None:
    with Simulator(devices=3) as simulator:
        refused: list[tuple[str, dict[str, Any], str]] = [
            ("projects", {"barcode": "1"}, "barcode is not a filter of /projects"),
            ("devices", {"created_since": datetime.datetime(2026, 1, 31)}, "names no time zone"),
            ("devices", {"created_before": "yesterday"}, "expected a date"),
            ("devices", {"limit": 0}, "limit is 0"),
            ("devices", {"sort": ""}, "sort is"),
            ("devices", {"cursor": ""}, "cursor is empty"),
        ]
        for resource, options, why in refused:
            with pytest.raises(InputError, match=why):
                lists(simulator, resource, **options)
        wrong: list[dict[str, Any]] = [
            {"nothing": 1},
            {"q": 1},
            {"limit": "5"},
            {"sort": 5},
            {"device_specification_id": [1]},
        ]
        for options in wrong:
            with pytest.raises(TypeError):
                lists(simulator, "devices", **options)
        assert simulator.requests == ()


def test_a_loop_of_links_ends_in_an_error(lists: Lists) -> None:
    with Simulator(devices=5, quirks=["next-loop"]) as simulator:
        with pytest.raises(ListingError, match="links to a page that was requested before"):
            lists(simulator, "devices", limit=2)


def test_an_error_shows_the_reason_of_the_service(lists: Lists) -> None:
    with Simulator(devices=1, quirks=["current-errors:gateway"]) as simulator:
        with pytest.raises(BadRequestError, match="there is no field none") as raised:
            lists(simulator, "devices", sort="none")
        assert raised.value.reference == "sim-1"


def test_a_downlink_shows_its_state(lists: Lists) -> None:
    with Simulator(devices=1, quirks=["downlink-progress:reads-1"]) as simulator:
        with simulator.client() as client:
            client.send_downlink(DEVICE, b"\x01", port=1)
        states = []
        for _ in range(3):
            [downlink] = lists(simulator, "downlinks", q=f"urn:dev:DEVEUI:{DEVICE}:")
            states.append((downlink.state, downlink.state_field))
        assert states == [("Pending", "status"), ("Executing", "status"), (None, None)]


def test_a_project_has_its_documented_fields(lists: Lists) -> None:
    with Simulator(devices=1) as simulator:
        project = lists(simulator, "projects", q="water")[0]
    assert isinstance(project, Project)
    assert (project.name, project.description, project.definition_type) == ("Water", "", "DEFAULT")
    assert project.created_by is not None and project.created_by.startswith("principal/")
    assert (project.client_id, project.created_at) == (project["clientId"], project["createdAt"])
    assert None not in (project.id, project.modified_at, project.modified_by)


def test_an_item_is_a_mapping_that_keeps_its_text() -> None:
    json = '{"id":"d-1","iccid":89314404000123456789,"n":1.50,"message":"0102"}'
    item = ListedDownlink(json)
    assert (item.json, item["iccid"], item.id, item.state) == (json, 89314404000123456789, "d-1", None)
    assert dict(item) == item.to_dict() == {"id": "d-1", "iccid": 89314404000123456789, "n": 1.5, "message": "0102"}
    assert repr(item) == "<ListedDownlink 'd-1'>"
    same = ListedDownlink('{"message": "0102", "n":1.5, "iccid":89314404000123456789,"id":"d-1"}')
    assert (item == same, hash(item) == hash(same), item == Item(json)) == (True, True, False)
    assert pickle.loads(pickle.dumps(item)) == item
    assert (Item("7").id, len(Item("7"))) == (None, 0)
    assert Project('{"name":7}').name is None
    assert ListedDownlink('{"a":{"state":"EXECUTING"}}').state == "Executing"


def test_a_listing_that_has_not_begun_sends_nothing() -> None:
    with Simulator(devices=1) as simulator, simulator.client() as client:
        devices = client.current().devices()
        assert repr(devices) == "<Items: not listed yet; iterate over it>"
        with pytest.raises(TypeError, match="neither true nor false"):
            bool(devices)
        assert simulator.requests == ()
        assert len(list(devices)) == len(list(devices)) == 1


def test_the_end_of_an_endpoint_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with Simulator(devices=3, quirks=["sunset"]) as simulator, simulator.client() as client:
        with caplog.at_level(logging.WARNING, "kpn_things"):
            for _ in range(2):
                list(client.current().devices(limit=1))
                client.request("GET", "/projects")
        ends = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        of = "the service announces the end of GET {}: Sunset: Wed, 31 Dec 2031 23:59:59 GMT"
        assert ends[1:] == [of.format(f"{simulator.url}{path}") for path in ("/devices", "/projects")]
        assert ends[0].startswith("the service announces the end of POST ")


def test_the_end_of_an_endpoint_is_logged_by_the_async_client(caplog: pytest.LogCaptureFixture) -> None:
    async def read(simulator: Simulator) -> None:
        async with simulator.async_client() as client:
            assert len([item async for item in client.current().devices(limit=1)]) == 3
            await client.request("GET", "/projects")

    with Simulator(devices=3, quirks=["deprecation"]) as simulator:
        with caplog.at_level(logging.WARNING, "kpn_things"):
            asyncio.run(read(simulator))
    assert len([record for record in caplog.records if "announces the end" in record.getMessage()]) == 3
