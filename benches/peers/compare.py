"""Our client beside its peers under faults; `cargo xtask peers` installs them all and runs it.

Each case runs in a process of its own, against a server of its own, within a limit of time. What was measured goes to
`RESULTS` as JSON lines, and the page is made of those. Arguments are names of peers: then only they run, and the
tables are printed instead.
"""

from __future__ import annotations

import functools
import gzip
import importlib.metadata
import json
import os
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import page
from clients import CUSTOM, PEERS, Peer
from server import Answer, Cut, Drop, Large, Request, Server, Silence

LIMIT = 120.0
"""Seconds after which a call is taken to hang."""

READ_TIMEOUT = 2.0
"""Seconds, where the server never answers."""

AT_ONCE = 3
"""Cases run side by side, where they measure neither time nor memory."""

LETTERS = 300_000_000
"""Bytes of an answer that is too large."""

TOKEN_RUNS = 3
INTERRUPTS = 5

INTERRUPT_LIMIT = 10.0
"""Seconds after which a process is taken not to heed the signal."""

RESULTS = Path(sys.prefix, "results.jsonl")
PAGE = Path(__file__).parents[2] / "docs/peers.md"

# One answer for all: an empty page of devices, an object with an id.
PLAIN = Answer(body=b'{"content":[],"last":true,"totalPages":1,"totalElements":0,"size":20,"number":0,"id":"1"}')
TOKEN = {"access_token": "made-up-token", "token_type": "Bearer", "expires_in": 3600}

# What is answered one after the other, and the last again and again.
FAULTS: dict[str, tuple[Answer, ...]] = {
    "none": (PLAIN,),
    "500": (Answer(500),),
    "502": (Answer(502),),
    "503": (Answer(503),),
    "504": (Answer(504),),
    "dropped": (Drop(),),
    "silent": (Silence(),),
    "cut short": (Cut(body=PLAIN.body),),
    "429 once": (Answer(429), PLAIN),
}

Result = dict[str, Any]


def main(names: list[str]) -> None:
    versions, missing = installed()
    chosen = [peer for peer in PEERS if not set(peer.packages) & missing and (not names or peer.name in names)]
    results: list[Result] = []
    load = round(os.getloadavg()[0])
    with RESULTS.open("w") as lines:
        for result in measure(chosen):
            print(json.dumps(result), file=lines, flush=True)
            print(f"peers: {' '.join(f'{key}={value}' for key, value in result.items())}", flush=True)
            results.append(result)
    facts = {"load": load, "limit": LIMIT, "timeout": READ_TIMEOUT, "token_runs": TOKEN_RUNS,
             "interrupts": INTERRUPTS, "compressed": len(bomb()) // 1_000}
    text = page.render(results, chosen, versions, sorted(missing), facts)
    if names:
        print(text)
    else:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)
        print(f"peers: {PAGE} is written, from {RESULTS}")


def installed() -> tuple[dict[str, str], set[str]]:
    """The versions of the packages that are there, and the names of those that are not."""
    versions, missing = {}, set()
    for package in sorted({package for peer in PEERS for package in peer.packages}):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            print(f"peers: {package} is not installed and is left out")
            missing.add(package)
    return versions, missing


def measure(peers: list[Peer]) -> Iterator[Result]:
    def of(group: str) -> list[Peer]:
        return [peer for peer in peers if group in peer.groups]

    patient: list[Callable[[], Result]] = []
    for peer in of("posts"):
        patient += [functools.partial(posts, peer, fault) for fault in FAULTS]
        for host in ("127.0.0.1", "localhost"):
            patient += [functools.partial(redirected, peer, status, host) for status in (302, 307, 308)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(lambda case: case(), patient)
    for peer in of("tokens"):
        yield from (tokens(peer, action) for action in ("cold", "ended") for _ in range(TOKEN_RUNS))
    for peer in of("memory"):
        yield memory(peer, "gzip", Answer(body=bomb(), headers={"Content-Encoding": "gzip"}))
        yield memory(peer, "plain", Large(letters=LETTERS))
    for peer in of("processes"):
        yield interrupted(peer)
        yield forked(peer)


def posts(peer: Peer, fault: str) -> Result:
    """How often one call's request reaches a server that fails in this way."""
    answers = iter(FAULTS[fault])
    with Server(with_tokens(lambda request: next(answers, FAULTS[fault][-1]))) as server:
        result = run(peer, "post", server.url, READ_TIMEOUT if fault == "silent" else None)
    sent = [request for request in server.requests if request.method == "POST" and not for_token(request)]
    keys = {value for request in sent for name, value in request.headers.items() if "idempotency" in name}
    return {"group": "posts", "case": fault, "peer": peer.name, "posts": len(sent), "key": len(keys) == 1, **result}


def redirected(peer: Peer, status: int, host: str) -> Result:
    """What arrives at another port, and by another name of the host, when a POST is answered by a redirect to there."""
    with Server(with_tokens(lambda request: PLAIN)) as elsewhere:
        away = Answer(status, headers={"Location": f"http://{host}:{elsewhere.port}/elsewhere"})
        with Server(with_tokens(lambda request: away)) as server:
            result = run(peer, "post", server.url)
    seen = elsewhere.requests
    return {
        "group": "redirects", "case": f"{status} {host}", "peer": peer.name, "bytes": sum(item.size for item in seen),
        "methods": [item.method for item in seen], "body": any(item.body for item in seen),
        "authorization": any("authorization" in item.headers for item in seen),
        "custom": any(CUSTOM in item.headers.values() for item in seen), **result,
    }


def tokens(peer: Peer, action: str) -> Result:
    """Token requests of callers who come at once, where a token takes a tenth of a second."""
    lives = iter((2,)) if action == "ended" else iter(())

    def answer(request: Request) -> Answer:
        if for_token(request):
            body = json.dumps({**TOKEN, "expires_in": next(lives, 3600)}).encode()
            return Answer(body=body, after=0.1)
        if "openid-configuration" in request.path:
            return Answer(body=json.dumps(openid(server.url)).encode())
        return PLAIN

    with Server(answer, certificate() if peer.tls else None) as server:
        result = run(peer, action, server.url)
    requests = sum(map(for_token, server.requests)) - (action == "ended")
    return {"group": "tokens", "case": action, "peer": peer.name, "requests": requests, **result}


def memory(peer: Peer, case: str, large: Answer) -> Result:
    """How far memory grows by an answer of 300 MB, after a small one."""
    answers = iter((PLAIN,))
    with Server(with_tokens(lambda request: next(answers, large))) as server:
        return {"group": "memory", "case": case, "peer": peer.name, **run(peer, "peak", server.url)}


@functools.cache
def bomb() -> bytes:
    return gzip.compress(b'{"id":"' + b"a" * LETTERS + b'"}')


def interrupted(peer: Peer) -> Result:
    """Seconds from SIGINT, while an answer is waited for, to the end of the process; the median of several."""
    result: Result = {"group": "interrupt", "case": "get", "peer": peer.name}
    taken = []
    for _ in range(INTERRUPTS):
        with Server(with_tokens(lambda request: Silence())) as server, Process(peer, "get", server.url) as process:
            while all(map(for_token, server.requests)):
                if process.poll() is not None:
                    return {**result, "outcome": "crashed"}
                time.sleep(0.01)
            time.sleep(0.2)  # the client is about to wait
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            try:
                process.wait(INTERRUPT_LIMIT)
            except subprocess.TimeoutExpired:
                return {**result, "outcome": "hangs", "seconds": INTERRUPT_LIMIT}
            taken.append(time.monotonic() - start)
    return {**result, "outcome": "ok", "seconds": round(statistics.median(taken), 2)}


def forked(peer: Peer) -> Result:
    with Server(with_tokens(lambda request: PLAIN)) as server:
        return {"group": "fork", "case": "get", "peer": peer.name, **run(peer, "fork", server.url)}


def with_tokens(answer: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """The same, but a token for who asks for one."""
    return lambda request: Answer(body=json.dumps(TOKEN).encode()) if for_token(request) else answer(request)


def for_token(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/token")


def openid(url: str) -> Result:
    return {"issuer": f"{url}/tenant/v2.0", "authorization_endpoint": f"{url}/tenant/authorize",
            "token_endpoint": f"{url}/tenant/token"}


def run(peer: Peer, action: str, url: str, timeout: float | None = None) -> Result:
    """What a process says of its call, or that it hangs or crashed."""
    start = time.monotonic()
    with Process(peer, action, url, timeout) as process:
        try:
            said, trouble = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            return {"outcome": "hangs", "seconds": LIMIT}
    if process.returncode or not said:
        print(f"peers: {peer.name}, {action}: {trouble}", file=sys.stderr)
        return {"outcome": "crashed"}
    result: Result = json.loads(said)
    return {**result, "seconds": round(time.monotonic() - start, 2)}


class Process(subprocess.Popen[str]):
    """A call in a process of its own, without settings of this machine's; it is gone after `with`."""

    def __init__(self, peer: Peer, action: str, url: str, timeout: float | None = None) -> None:
        self.home = tempfile.TemporaryDirectory()
        environment = {"HOME": self.home.name, "PATH": os.defpath}
        command = [sys.executable, str(Path(__file__).with_name("call.py")), peer.name, action, url]
        super().__init__(command + ([str(timeout)] if timeout else []), env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __exit__(self, *error: Any) -> None:
        if self.poll() is None:
            self.kill()
        super().__exit__(*error)
        self.home.cleanup()


@functools.cache
def certificate() -> ssl.SSLContext:
    """Of the server, for peers that take tokens by https alone; they are told not to check it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now,
                                      now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write(pem + signed.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context


if __name__ == "__main__":
    main(sys.argv[1:])
