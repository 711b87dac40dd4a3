"""What people write without a library, with each HTTP client and each JSON reader that is common."""

import asyncio
import http.client
import json
from urllib.parse import urlencode, urlsplit

import aiohttp
import httpx
import msgspec
import orjson
import pydantic
import requests
import urllib3

DEVICES = "application/vnd.kpnthings.device.v1.response+json"
DOWNLINKS = "application/vnd.kpnthings.actuator.v1.response+json"
RECORDS = [{"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "n": "payloadHex", "vs": "0102"}]


class Account:
    """The simulator, and the key it takes."""

    def __init__(self, environment):
        self.url = environment["KPN_THINGS_BASE_URL"]
        self.token_url = f"{self.url}/v2/{environment['KPN_THINGS_TENANT_ID']}/oidc/idp/c1/token"
        self.key = {
            "grant_type": "client_credentials",
            "audience": environment["KPN_THINGS_APPLICATION_ID"],
            "client_id": environment["KPN_THINGS_KEY_ID"],
            "client_secret": environment["KPN_THINGS_KEY_SECRET"],
        }

    def headers(self, accept):
        """With a token that is there already."""
        token = requests.post(self.token_url, json=self.key, timeout=30).json()["access_token"]
        return {"Authorization": f"Bearer {token}", "Accept": accept}


class Device(msgspec.Struct):
    uuid: str
    name: str
    description: str | None = None
    metadata: object = None
    specification: str | None = msgspec.field(default=None, name="deviceSpecificationUUID")
    barcode: str | None = None


class Page(msgspec.Struct):
    content: list[Device]
    last: bool


class DeviceModel(pydantic.BaseModel):
    uuid: str
    name: str
    description: str | None = None
    metadata: object = None
    specification: str | None = pydantic.Field(default=None, alias="deviceSpecificationUUID")
    barcode: str | None = None


class PageModel(pydantic.BaseModel):
    content: list[DeviceModel]
    last: bool


read_page = msgspec.json.Decoder(Page).decode


def with_requests(account):
    """Dicts, which is what most people have."""
    session = requests.Session()
    session.headers.update(account.headers(DEVICES))
    devices, number, last = [], 0, False
    while not last:
        page = session.get(f"{account.url}/api/devices", params={"currentPage": number}).json()
        devices += page["content"]
        number, last = number + 1, page["last"]
    return devices


def page_with_http_client(account, size):
    """A function that requests the first page, on one connection."""
    connection = http.client.HTTPConnection(urlsplit(account.url).netloc)
    headers = account.headers(DEVICES)

    def fetch():
        connection.request("GET", f"/api/devices?currentPage=0&pageSize={size}", headers=headers)
        return connection.getresponse().read()

    return fetch


def with_requests_and_pydantic(account):
    session = requests.Session()
    session.headers.update(account.headers(DEVICES))
    devices, number, last = [], 0, False
    while not last:
        answer = session.get(f"{account.url}/api/devices", params={"currentPage": number})
        page = PageModel.model_validate_json(answer.content)
        devices += page.content
        number, last = number + 1, page.last
    return devices


def with_httpx(account):
    devices, number, last = [], 0, False
    with httpx.Client(headers=account.headers(DEVICES)) as client:
        while not last:
            page = client.get(f"{account.url}/api/devices", params={"currentPage": number}).json()
            devices += page["content"]
            number, last = number + 1, page["last"]
    return devices


def with_urllib3_and_orjson(account):
    pool = urllib3.PoolManager()
    headers = account.headers(DEVICES)
    devices, number, last = [], 0, False
    while not last:
        answer = pool.request("GET", f"{account.url}/api/devices", fields={"currentPage": str(number)}, headers=headers)
        page = orjson.loads(answer.data)
        devices += page["content"]
        number, last = number + 1, page["last"]
    return devices


def with_http_client_and_msgspec(account):
    connection = http.client.HTTPConnection(urlsplit(account.url).netloc)
    headers = account.headers(DEVICES)
    devices, number, last = [], 0, False
    while not last:
        connection.request("GET", f"/api/devices?{urlencode({'currentPage': number})}", headers=headers)
        page = read_page(connection.getresponse().read())
        devices += page.content
        number, last = number + 1, page.last
    return devices


def with_aiohttp(account, window):
    """Page 0 tells how many there are; the rest go side by side."""

    async def run():
        async with aiohttp.ClientSession(headers=account.headers(DEVICES)) as session:
            limit = asyncio.Semaphore(window)

            async def page(number):
                async with limit, session.get(f"{account.url}/api/devices", params={"currentPage": number}) as answer:
                    return json.loads(await answer.read())

            first = await page(0)
            rest = await asyncio.gather(*(page(number) for number in range(1, first["totalPages"])))
            return [device for one in (first, *rest) for device in one["content"]]

    return asyncio.run(run())


def with_httpx_async(account, window):
    async def run():
        async with httpx.AsyncClient(headers=account.headers(DEVICES)) as client:
            limit = asyncio.Semaphore(window)

            async def page(number):
                async with limit:
                    return (await client.get(f"{account.url}/api/devices", params={"currentPage": number})).json()

            first = await page(0)
            rest = await asyncio.gather(*(page(number) for number in range(1, first["totalPages"])))
            return [device for one in (first, *rest) for device in one["content"]]

    return asyncio.run(run())


def send_with_requests(account, downlinks):
    session = requests.Session()
    session.headers.update(account.headers(DOWNLINKS))
    for number in range(downlinks):
        params = {"port": 1, "externalReference": f"valve-{number}"}
        answer = session.post(f"{account.url}/api/actuator/downlinks", params=params, json=RECORDS)
        answer.raise_for_status()


def send_with_urllib3(account, downlinks):
    pool = urllib3.PoolManager()
    headers = {**account.headers(DOWNLINKS), "Content-Type": "application/json"}
    for number in range(downlinks):
        query = urlencode({"port": 1, "externalReference": f"valve-{number}"})
        url = f"{account.url}/api/actuator/downlinks?{query}"
        answer = pool.request("POST", url, body=json.dumps(RECORDS), headers=headers)
        assert answer.status == 201


def send_with_aiohttp(account, downlinks, at_once):
    async def run():
        async with aiohttp.ClientSession(headers=account.headers(DOWNLINKS)) as session:
            limit = asyncio.Semaphore(at_once)

            async def send(number):
                params = {"port": 1, "externalReference": f"valve-{number}"}
                url = f"{account.url}/api/actuator/downlinks"
                async with limit, session.post(url, params=params, json=RECORDS) as answer:
                    answer.raise_for_status()
                    await answer.read()

            await asyncio.gather(*(send(number) for number in range(downlinks)))

    asyncio.run(run())
