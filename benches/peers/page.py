"""The page, made of what was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from clients import Peer

Result = Mapping[str, Any]
Cell = Callable[[Sequence[Result]], str]

HEAD = """\
# Comparison with other clients

What well-known Python clients do when the server fails, each with its default settings, compared with ours.

```console xtask
$ cargo xtask peers
```

This command installs the latest version of each in a virtual environment in `target`, takes five minutes, and writes this page.
Last run: {day}, {machine}.
{missing}
Everything runs on loopback. Each case has a client in a fresh process, and a separate server on a raw socket, which records what it
receives ([`benches/peers`](../benches/peers)). Clients are created and called as their documentation shows. Everything is at its
default except the address, fake credentials, and the read timeout in the "silent" case. A process that has not ended after
{limit:.0f} s counts as hanging. All of these clients have settings that change some of these results; the last table names them.

{clients}
"""

POSTS = """
## How often one call reaches the server

One call that makes the service do something: send a downlink, send a message, create a customer. The server reads the whole request,
which is counted, and then fails every time: it responds with this status, closes the connection, sends nothing (read timeout
{timeout:.0f} s), or breaks off in the middle of a 200. The client cannot know whether the service acted on the request. In the last
column the server refuses once, with a 429, and accepts the next request: there a retry is right.

{table}

![How often a failing call reaches the server, by client](pictures/posts.svg)

*no error*: the call returns as if nothing had happened.

*key*: the retries have the same `Idempotency-Key`, so the service can distinguish them from new requests. Stripe's own service also
sends a header that says whether to retry, which this server does not. KPN Things documents neither. So our client retries a
downlink only if the response, or the missing connection, proves that the service did not act on it. In all other cases the
exception says that the outcome is unknown, and the user checks before sending it again.
"""

REDIRECTS = """
## What another host receives after a redirect

The same call, but the server redirects it to another port: of `localhost`, which is another name than the one that was called, or of
`127.0.0.1`, which is the same name. A cell shows the request that arrives there, its size, and which of these it contains: the body,
the header `Authorization`, and a custom header (boto3: the session token; stripe: the account; ours:
`KPN-Things-Security-Context`).

{table}
"""

TOKENS = """
## Token requests of 64 callers

64 threads or tasks call one client at the same time. *No token yet*: the client is new. *Token expired*: it has made a call before,
and its token, which is valid for two seconds, has expired. The identity service takes 100 ms to issue a token. {token_runs} runs of each;
where they differ, the lowest and the highest number. The other clients use a key and request no tokens.

{table}

authlib's clients request their first token by a separate call, so they start with one that expired long ago. Where callers do not wait
for each other, every caller before the first response requests a token, and their number varies with the machine.
"""

MEMORY = """
## A response of 300 MB

The growth of the peak memory (`VmHWM`) in MB when a client reads this response after a small one: JSON with one long string, as 300 MB,
and compressed (`Content-Encoding: gzip`) to {compressed} KB. HTTP clients only read the bytes, the others also parse them. If the call
raised an exception, its name is shown.

{table}

Ours, boto3 and obstore do not decompress. Ours limits every response to 16 MiB, which is a setting.
"""

PROCESSES = """
## Ctrl-C and fork

*SIGINT*: seconds from the signal, while a GET waits for its response, to the end of the process, including the interpreter; the median
of {interrupts}. A busy machine adds to it: the load average was {load} when the run began. *Fork*: the outcome of a GET in a child, after
one in the parent. A child that has not ended after 10 s counts as hanging.

{table}

An aiohttp session belongs to one event loop, and the child has a different one.
"""

OPTIONS = """
## Settings

{table}
"""

SETTINGS = {
    "kpn_things": "`max_attempts` of reads and tokens, `max_body`, `timeout`, `attempt_timeout`; "
    "no setting retries a downlink that may have arrived, or follows a redirect",
    "requests": "`allow_redirects=False`; `stream=True`; `HTTPAdapter(max_retries=)`, 0 by default",
    "urllib3": "`redirect=False`; `preload_content=False`; `retries=Retry(...)`, which by default does not include POST",
    "httpx": "`follow_redirects=True`; `client.stream`; `HTTPTransport(retries=)`, for connections only, 0 by default",
    "aiohttp": "`allow_redirects=False`; `response.content` is a stream",
    "boto3": '`Config(retries={"total_max_attempts": 1})`',
    "openai": "`max_retries=0`; `http_client=DefaultHttpxClient(follow_redirects=False)`; `with_streaming_response`",
    "stripe": "`max_network_retries=`, by default 0 for a `StripeClient` and 2 for the module; `http_client=`",
    "azure-core": "`RetryPolicy.no_retries()`; `RedirectPolicy.no_redirects()`; `stream=True`",
    "azure-identity": "a token requested before the threads start, or asyncio",
    "google-auth": "credentials refreshed before the threads start, or a lock",
    "authlib": "a token requested before the threads start, or asyncio, or a lock",
    "obstore": '`client_options={"timeout": ...}`, `retry_config=`; `multiprocessing` with `spawn`',
}


def render(
    results: Sequence[Result],
    peers: Sequence[Peer],
    versions: Mapping[str, str],
    missing: Sequence[str],
    facts: Mapping[str, object],
) -> str:
    """The whole page; `facts` are the numbers that its text names."""

    def table(columns: Mapping[str, tuple[str, str, Cell]]) -> str:
        """Peers as rows, and columns of a group, a case, and what a cell says of the results."""
        rows = []
        for peer in peers:
            cells = []
            for group, case, cell in columns.values():
                key = (peer.name, group, case)
                found = [result for result in results if (result["peer"], result["group"], result["case"]) == key]
                crashed = any(result.get("outcome") == "crashed" for result in found)
                cells.append("" if not found else "crashed" if crashed else cell(found))
            if any(cells):
                rows.append([peer.name, *cells])
        return markdown(["client", *columns], rows)

    def version(peer: Peer) -> str:
        first, *others = peer.packages
        return ", ".join([versions[first], *(f"{other} {versions[other]}" for other in others)])

    faults = {"none": "no fault", "429 once": "429, then 200"}
    cases = dict.fromkeys(result["case"] for result in results if result["group"] == "posts")
    places = [f"{status} {host}" for host in ("localhost", "127.0.0.1") for status in (302, 307, 308)]
    names = {peer.name for peer in peers}
    parts = {
        HEAD: markdown(["client", "version", "called"], [[peer.name, version(peer), peer.calls] for peer in peers]),
        POSTS: table({faults.get(case, case): ("posts", case, arrivals) for case in cases}),
        REDIRECTS: table({place: ("redirects", place, elsewhere) for place in places}),
        TOKENS: table(
            {"no token yet": ("tokens", "cold", token_requests), "token expired": ("tokens", "ended", token_requests)}
        ),
        MEMORY: table({"compressed": ("memory", "gzip", growth), "uncompressed": ("memory", "plain", growth)}),
        PROCESSES: table({"SIGINT": ("interrupt", "get", seconds), "fork": ("fork", "get", child)}),
        OPTIONS: markdown(["client", "settings"], [[name, text] for name, text in SETTINGS.items() if name in names]),
    }
    words = {
        **facts,
        "day": datetime.now(timezone.utc).date(),
        "machine": machine(),
        "missing": f"Left out, since not installed: {', '.join(missing)}.\n" if missing else "",
    }
    return "".join(text.format(**words, table=part, clients=part) for text, part in parts.items())


def arrivals(results: Sequence[Result]) -> str:
    result = results[0]
    text = str(result["posts"])
    if result["key"] and result["posts"] > 1:
        text += ", key"
    if result["case"] in ("none", "429 once"):
        text += ", delivered" if result["outcome"] == "ok" else ", error"
    elif result["outcome"] == "ok":
        text += ", no error"
    return text + hanging(result)


def elsewhere(results: Sequence[Result]) -> str:
    result = results[0]
    if not result["methods"]:
        return "nothing" + hanging(result)
    parts = [f"{' '.join(result['methods'])}, {result['bytes']} B"]
    parts += [name for name in ("body", "authorization", "custom") if result[name]]
    names = {"authorization": "Authorization", "custom": "custom header"}
    return ", ".join(names.get(part, part) for part in parts) + hanging(result)


def token_requests(results: Sequence[Result]) -> str:
    counts = sorted({result["requests"] for result in results})
    text = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    unanswered = sum(64 - result.get("answered", 64) for result in results)
    return text + (f", {unanswered} callers got an error" if unanswered else "") + hanging(*results)


def growth(results: Sequence[Result]) -> str:
    result = results[0]
    text = f"{result['megabytes']}" if "megabytes" in result else ""
    return text + ("" if result["outcome"] == "ok" else f", `{result['outcome']}`") + hanging(result)


def seconds(results: Sequence[Result]) -> str:
    result = results[0]
    return f"more than {result['seconds']:.0f}" if result["outcome"] == "hangs" else f"{result['seconds']:.2f}"


def child(results: Sequence[Result]) -> str:
    return str(results[0].get("child", "")) + hanging(results[0])


def hanging(*results: Result) -> str:
    return ", hangs" if any(result.get("outcome") == "hangs" for result in results) else ""


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return (f"{os.cpu_count()} x {names[0] if names else platform.machine()}, {platform.system()}, "
            f"Python {platform.python_version()}")
