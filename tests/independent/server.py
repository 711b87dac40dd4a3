"""A server for KPN Things written from the service's documentation alone; it shares no code with the SDK.

It plays GRIP (the access token) and the beta API (devices, downlinks, sub-customers) on 127.0.0.1, and is strict:
every request that departs from the documentation is listed as a violation, also where it is answered normally.
Mistyped credentials, and tokens it does not know, are refused but are no violation: a client cannot know better.

Environment: SERVER_TENANT_ID, SERVER_KEY_ID, SERVER_KEY_SECRET, SERVER_APPLICATION_ID. Options: see --help.
Prints {"port": N} when it listens; when standard input ends, prints what it saw as one line of JSON and exits 0.
"""
import argparse
import json
import os
import re
import secrets
import sys
import threading
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

JSON = "application/json"
DEVICE_V1 = "application/vnd.kpnthings.device.v1.response+json"
ACTUATOR_V1 = "application/vnd.kpnthings.actuator.v1.response+json"
DEVICES, DOWNLINKS, LOGIN = "/api/devices", "/api/actuator/downlinks", "/login"
SWITCH = re.compile(r"/api/v1/lifecycle/clients/([^/]+)/context-switch")
TOKEN_LIFETIME = 3600  # seconds
NAMES = ("Pump & valve", "CO2+humidity", "Café meter", "Tank 50% full", "R&D é+% 100%25 a=b", "door sensor")
ANY_TEXT = r"(?s:.*)"
DEVICE_QUERY = {"currentPage": r"[0-9]{1,9}", "pageSize": r"[1-9][0-9]{0,8}", "search": ANY_TEXT,
                "sortBy": "name|uuid|description|deviceSpecificationUUID|barcode", "sortOrder": "ASC|DESC"}
DOWNLINK_QUERY = {"port": r"[1-9][0-9]?|1[0-9]{2}|2[01][0-9]|22[0-3]", "externalReference": ANY_TEXT}
SENML_NAME = re.compile(r"urn:[A-Za-z0-9\-:./_]+")
BASE_NAMES = {"urn:dev:DEVEUI:": r"[0-9A-F]{16}:", "urn:dev:IMEI:": r"[0-9]+:",
              "urn:dev:DVNUUID:": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}:"}
SENML_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("bn", "bu", "n", "u", "vs", "vd"), (str,)), "vb": (bool,),
    **dict.fromkeys(("bt", "bv", "bs", "bver", "v", "s", "t", "ut"), (int, float))}


class Reply(NamedTuple):
    status: int
    body: Any = ""  # text, or what becomes JSON
    content_type: str = JSON
    location: str = ""


class Request:
    """A request, and what is wrong with it as far as it has been looked at."""

    def __init__(self, method: str, target: str, headers: Message, body: bytes) -> None:
        self.method, self.headers, self.body = method, headers, body
        self.path, self.raw_query = urlsplit(target)[2:4]
        self.problems: list[str] = []

    def expect(self, name: str, value: str) -> None:
        """The header must be there once, with exactly this value."""
        found = self.headers.get_all(name, [])
        if found != [value]:
            self.problems.append(f"{name} is {', '.join(found) or 'missing'}, not {value}")

    def query(self, documented: dict[str, str]) -> dict[str, str]:
        """The query, of which each parameter must be documented, well formed and given once."""
        values: dict[str, str] = {}
        if not self.raw_query.isascii() or re.search(r"%(?![0-9A-Fa-f]{2})", self.raw_query):
            self.problems.append("query is not percent-encoded")
        for name, value in parse_qsl(self.raw_query, keep_blank_values=True):
            if name not in documented:
                self.problems.append(f"query parameter {name} is not documented")
            elif name in values or "\ufffd" in value or not re.fullmatch(documented[name], value):
                self.problems.append(f"query parameter {name} is badly formed or given twice: {value!r}")
            values[name] = value
        return values

    def json(self) -> Any:
        """The body, which must be JSON in UTF-8; None where it is not."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=int)  # int refuses NaN and Infinity
        except (ValueError, RecursionError):
            self.problems.append("body is not JSON")
            return None


def make_device(i: int) -> dict[str, Any]:
    device = {"uuid": f"{i:08x}-0000-4000-8000-00000000beef" if i else "xxxxxx",
              "name": NAMES[i] if i < len(NAMES) else f"Sensor {i:04d}",
              "description": f"Device number {i}" if i else "",
              "metadata": (None, {"floor": i, "tags": ["a", "b"]}, "text", [1.5, None])[i % 4],
              "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
              "barcode": f"BC{i:06d}" if i % 2 else None}
    return device | {"eui": f"0059AC00{i:08X}"} if i % 3 == 1 else device  # eui: a field that is not documented


def senml_problems(pack: Any, has_port: bool) -> list[str]:
    """What is wrong with the body of a downlink."""
    if not isinstance(pack, list) or not pack or not all(isinstance(record, dict) for record in pack):
        return ["body is not a SenML array of records"]
    problems, base = [], ""
    for record in pack:
        if any(label in record and type(record[label]) not in types for label, types in SENML_TYPES.items()):
            problems.append(f"a SenML value has the wrong type: {record}")
            continue
        base = record.get("bn", base)
        name = base + record.get("n", "")
        if not SENML_NAME.fullmatch(name):
            problems.append(f"not a SenML name that starts with the URN of a device: {name!r}")
        for prefix, rest in BASE_NAMES.items():
            if name.lower().startswith(prefix.lower()) and not re.match(prefix + rest, name):
                fault = "lower-case" if re.match(prefix + rest, name, re.IGNORECASE) else "malformed"
                problems.append(f"{fault} {prefix} {name}")
        if sum(label in record for label in ("v", "vs", "vb", "vd")) > 1:
            problems.append(f"record with more than one value: {record}")
        if name.endswith(":payloadHex"):
            if not re.fullmatch(r"([0-9A-Fa-f]{2}){0,242}", record.get("vs", "none")):
                problems.append("payloadHex is not a string of hex in vs, at most 242 bytes")
            if not has_port:
                problems.append("payloadHex without the query parameter port")
    return problems


class Service:
    """What the server knows; `handle` is called by one thread at a time."""

    def __init__(self, tenant: str, key: str, secret: str, application: str, devices: int, page_size_cap: int) -> None:
        self.token_paths = (f"/v2/{tenant}/oidc/idp/c1/token", "/api/v3/idp/oidc/token")
        self.token_body = {"grant_type": "client_credentials", "audience": application,
                           "client_id": key, "client_secret": secret}
        self.devices, self.page_size_cap = [make_device(i) for i in range(devices)], page_size_cap
        self.origin = ""
        self.tokens: dict[str, float] = {}
        self.switched_tokens: set[str] = set()
        self.report: dict[str, Any] = {
            "token_requests": 0, "device_requests": 0, "downlinks": [], "switches": [], "violations": []}
        self.lock = threading.Lock()

    def handle(self, request: Request) -> Reply:
        path, switch = request.path, SWITCH.fullmatch(request.path)
        if path == LOGIN:
            request.problems.append("a redirect was followed")
            reply = Reply(200, "<!doctype html><title>Log in</title>", "text/html")
        elif path not in (*self.token_paths, DEVICES, DOWNLINKS) and not switch:
            request.problems.append("path is not documented")
            reply = Reply(404)
        elif request.method != ("GET" if path == DEVICES or switch else "POST"):
            request.problems.append("method is not documented")
            reply = Reply(405)
        elif switch:
            reply = self.switch(request, unquote(switch[1]))
        elif path == DEVICES:
            reply = self.list_devices(request)
        else:
            reply = self.send_downlink(request) if path == DOWNLINKS else self.issue_token(request)
        self.report["violations"] += [f"{request.method} {path}: {problem}" for problem in request.problems]
        return reply

    def issue_token(self, request: Request) -> Reply:
        self.report["token_requests"] += 1
        request.expect("Content-Type", JSON)
        request.query({})
        if "Authorization" in request.headers:
            request.problems.append("Authorization at the token endpoint")
        body = request.json()
        body = body if isinstance(body, dict) else {}
        for name in sorted(body.keys() ^ self.token_body.keys()):
            request.problems.append(f"token body {'with undocumented' if name in body else 'without'} {name}")
        wrong = [name for name, value in self.token_body.items() if body.get(name, value) != value]
        request.problems += [f"wrong {name}" for name in wrong if name in ("grant_type", "audience")]
        if request.problems:
            return Reply(400, {"error": "invalid_request", "error_description": "; ".join(request.problems)})
        if wrong:
            return Reply(401, {"error": "invalid_client", "error_description": "unknown API key"})
        token = ".".join(secrets.token_urlsafe(24) for _ in range(3))  # looks like a JWT; must never be parsed
        self.tokens[token] = time.monotonic() + TOKEN_LIFETIME
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": str(TOKEN_LIFETIME)})

    def failure(self, request: Request, switching: bool = False) -> Reply | None:
        """302 for a bad token, 403 for a sub-customer not switched to, 400 for any other problem, or None."""
        scheme, _, token = ", ".join(request.headers.get_all("Authorization", [])).partition(" ")
        if scheme != "Bearer" or not token:
            request.problems.append("Authorization is missing or not a Bearer token")
        clients = request.headers.get_all("x-client-id", [])
        denied = len(clients) > 1 or any(client not in self.report["switches"] for client in clients)
        if denied:
            request.problems.append(f"x-client-id {', '.join(clients)} without a context switch before it")
        if scheme != "Bearer" or self.tokens.get(token, 0.0) <= time.monotonic():
            return Reply(302, location=f"{self.origin}{LOGIN}?error=token")
        if denied or request.problems:
            return Reply(403 if denied else 400, "; ".join(request.problems), "text/plain")
        if switching:
            self.switched_tokens.add(token)
        elif token in self.switched_tokens and not clients and "KPN-Things-Security-Context" not in request.headers:
            request.problems.append("no x-client-id although this token did a context switch")  # answered all the same
        return None

    def switch(self, request: Request, client: str) -> Reply:
        request.expect("Accept", JSON)
        request.expect("Content-Type", JSON)
        request.query({})
        if failure := self.failure(request, switching=True):
            return failure
        self.report["switches"].append(client)
        return Reply(204)  # what the body holds is unknown: none will do

    def list_devices(self, request: Request) -> Reply:
        self.report["device_requests"] += 1
        request.expect("Accept", DEVICE_V1)
        query = request.query(DEVICE_QUERY)
        if request.body:
            request.problems.append("GET with a body")
        if failure := self.failure(request):
            return failure
        number, size = int(query.get("currentPage", 0)), min(int(query.get("pageSize", 20)), self.page_size_cap)
        key, order = query.get("sortBy", "name"), query.get("sortOrder", "ASC")
        found = [device for device in self.devices if query.get("search", "") in device["name"]]
        found.sort(key=lambda device: device[key] or "", reverse=order == "DESC")
        content, pages = found[number * size:(number + 1) * size], -(-len(found) // size)
        sort = [{"direction": order, "property": key, "ignoreCase": False, "nullHandling": "NATIVE",
                 "ascending": order == "ASC", "descending": order == "DESC"}]
        return Reply(200, {
            "content": content, "last": number + 1 >= pages, "totalPages": pages, "totalElements": len(found),
            "sort": ({"sorted": True, "unsorted": False, "empty": False}, None, sort)[number % 3],
            "first": number == 0, "numberOfElements": len(content), "size": size, "number": number}, DEVICE_V1)

    def send_downlink(self, request: Request) -> Reply:
        request.expect("Accept", ACTUATOR_V1)
        request.expect("Content-Type", JSON)
        query, pack = request.query(DOWNLINK_QUERY), request.json()
        request.problems += senml_problems(pack, "port" in query)
        if failure := self.failure(request):
            return failure
        self.report["downlinks"].append({
            "port": int(query["port"]) if "port" in query else None, "body": pack,
            "externalReference": query.get("externalReference"), "client": request.headers["x-client-id"]})
        return Reply(201, {"sequence": len(self.report["downlinks"]), "state": "Pending"}, ACTUATOR_V1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service: Service

    def respond(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(411)  # which closes the connection
            return
        request = Request(self.command, self.path, self.headers, self.rfile.read(int(length)))
        with self.service.lock:
            reply = self.service.handle(request)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, ensure_ascii=False)
        payload = text.encode("utf-8", "backslashreplace")
        self.send_response(reply.status)
        if reply.location:
            self.send_header("Location", reply.location)
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload if self.command != "HEAD" else b"")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = respond

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the report says it all."""


def main() -> None:
    parser = argparse.ArgumentParser(description="A strict server for KPN Things, for tests.")
    parser.add_argument("--port", type=int, default=0, help="port to listen at (default 0: any free one)")
    parser.add_argument("--devices", type=int, default=45, help="number of devices (default 45)")
    parser.add_argument("--page-size-cap", type=int, default=20, help="largest page given (default 20)")
    options = parser.parse_args()
    if options.devices < 0 or options.page_size_cap < 1:
        parser.error("--devices must be 0 or more, --page-size-cap 1 or more")
    service = Handler.service = Service(
        os.environ["SERVER_TENANT_ID"], os.environ["SERVER_KEY_ID"], os.environ["SERVER_KEY_SECRET"],
        os.environ["SERVER_APPLICATION_ID"], options.devices, options.page_size_cap)
    with ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        server.daemon_threads = True
        service.origin = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(json.dumps({"port": server.server_port}), flush=True)
        sys.stdin.buffer.read()
        server.shutdown()
        with service.lock:
            print(json.dumps(service.report), flush=True)


if __name__ == "__main__":
    main()
