"""The clients send exactly the bytes that KPN's documentation of the beta API shows.

Request lines, headers and bodies are copied from its examples. The service is Python's own HTTP server.
"""

from __future__ import annotations

from .either import Either, result
from .service import Service

DOWNLINK = b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"payloadHex","vs":"0102"}]'
CUSTOMER = "79658ca8-f1ba-4c25-b824-93813e9fba76"


def test_token_request(service: Service, client: Either) -> None:
    result(client.request("GET", "/devices"))
    request = next(request for request in service.received if request.path.endswith("/token"))
    assert request.line == "POST /v2/rjsfm52t/oidc/idp/c1/token HTTP/1.1"
    assert request.header("Content-Type") == ["application/json"]
    assert request.header("Authorization") == []
    assert request.body == (
        b'{"grant_type":"client_credentials","audience":"4dc82561-f65f-523g-dek9-6c79ec314f02",'
        b'"client_id":"the-key-id","client_secret":"the-key-secret"}'
    )


def test_listing(service: Service, client: Either) -> None:
    listing = client.devices(page_size=20, search="My", sort_by="name", descending=False)
    fleet = result(listing.collect())
    request = service.received[-1]
    query = "currentPage=0&pageSize=20&search=My&sortBy=name&sortOrder=ASC"
    assert request.line == f"GET /api/devices?{query} HTTP/1.1"
    assert request.header("Accept") == ["application/vnd.kpnthings.device.v1.response+json"]
    assert request.header("Authorization") == ["Bearer the-token"]
    assert request.header("Content-Type") == []
    assert request.body == b""
    assert [device.to_dict() for device in fleet] == [
        {
            "uuid": "xxxxxx",
            "name": "My first own device",
            "description": "",
            "metadata": None,
            "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
            "barcode": None,
        }
    ]
    assert fleet.total_elements == 2


def test_listing_without_parameters(service: Service, client: Either) -> None:
    result(client.devices().collect())
    assert service.received[-1].line == "GET /api/devices?currentPage=0&pageSize=100&sortBy=uuid HTTP/1.1"


def test_downlink(service: Service, client: Either) -> None:
    result(client.send_downlink("0059ac0000181eb6", b"\x01\x02", port=1, external_reference="valve-42"))
    request = service.received[-1]
    assert request.line == "POST /api/actuator/downlinks?port=1&externalReference=valve-42 HTTP/1.1"
    assert request.header("Accept") == ["application/vnd.kpnthings.actuator.v1.response+json"]
    assert request.header("Content-Type") == ["application/json"]
    assert request.header("Content-Length") == [str(len(DOWNLINK))]
    assert request.header("Authorization") == ["Bearer the-token"]
    assert request.body == DOWNLINK


def test_downlink_of_ones_own_records(service: Service, client: Either) -> None:
    records = [{"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "n": "payloadHex", "vs": "0102"}]
    result(client.send_senml(records, external_reference=""))
    request = service.received[-1]
    assert request.line == "POST /api/actuator/downlinks HTTP/1.1"
    assert request.body == DOWNLINK


def test_numbers_of_records_keep_their_digits(service: Service, client: Either) -> None:
    result(client.send_senml([{"n": "iccid", "v": 89314404000123456789}, {"n": "a", "v": 1.0}], device="0059ac0000181eb6"))
    assert service.received[-1].body == (
        b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"iccid","v":89314404000123456789},{"n":"a","v":1.0}]'
    )


def test_context_switch(service: Service, client: Either) -> None:
    result(client.context_switch(CUSTOMER))
    request = service.received[-1]
    assert request.line == f"GET /api/v1/lifecycle/clients/{CUSTOMER}/context-switch HTTP/1.1"
    assert request.header("Accept") == ["application/json"]
    assert request.header("Content-Type") == ["application/json"]
    assert request.body == b""


def test_calls_for_a_sub_customer(service: Service, client: Either) -> None:
    customer = client.for_customer(CUSTOMER)
    result(customer.devices().collect())
    result(customer.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1))
    switch, listing, downlink = service.received[-3:]
    assert switch.line == f"GET /api/v1/lifecycle/clients/{CUSTOMER}/context-switch HTTP/1.1"
    assert listing.header("x-client-id") == [CUSTOMER]
    assert downlink.header("x-client-id") == [CUSTOMER]
    result(client.devices().collect())
    assert service.received[-1].header("x-client-id") == []
