"""Measures the speed targets of the Python package: ours and its peers, alternating in one run, as medians of ratios.

`cargo xtask bench --python` builds the package and runs it. An argument that names a target, such as S6, runs that alone.
"""

import asyncio
import gc
import hashlib
import hmac
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import by_hand
import orjson

from kpn_things import AsyncClient, Client, Page, uplink

FLEET = 100_000
DOWNLINKS = 2_000
ROUNDS = 3
PEERS = ("requests", "httpx", "urllib3", "aiohttp", "msgspec", "orjson", "pydantic")


class Simulator:
    """The simulator in a process of its own."""

    def __init__(self, devices, *options):
        self.command = [sys.executable, "-m", "kpn_things", "sim", "--devices", str(devices), *options]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        environment = {}
        for line in self.process.stdout:
            name, _, value = line.removeprefix("export ").strip().partition("=")
            environment[name] = value.strip("'\"")
            if "KPN_THINGS_BASE_URL" in environment:
                return environment
        raise RuntimeError("the simulator did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Report:
    """Rows of what was measured, beside what is aimed at."""

    def __init__(self):
        self.rows = []
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PEERS)
        print(f"machine: {os.cpu_count()} x {cpu()}, {platform.system()}; Python {platform.python_version()}; {versions}")

    def row(self, name, work, value, unit="", target=None, detail=""):
        verdict = "" if target is None else f"<= {target}{unit}: {'met' if value <= target else 'MISSED'}"
        row = (name, work, f"{value:.3g}{unit}{detail}", verdict)
        print(" | ".join(row), flush=True)
        self.rows.append(row)

    def print(self):
        print("\n| # | work | measured | target |\n|---|---|---|---|")
        for row in self.rows:
            print(f"| {' | '.join(row)} |")
        missed = sum("MISSED" in row[3] for row in self.rows)
        print(f"\n{missed} of {sum(bool(row[3]) for row in self.rows)} missed")


def cpu():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def seconds(work, *arguments):
    gc.collect()
    start = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - start, result


def ratios(base, others, rounds=ROUNDS, check=lambda result: None):
    """The medians of the ratios of the others' times to the base's, each round side by side."""
    found = {name: [] for name in others}
    for _ in range(rounds):
        time_of_base, result = seconds(base)
        check(result)
        for name, work in others.items():
            taken, result = seconds(work)
            check(result)
            found[name].append(taken / time_of_base)
    return {name: statistics.median(values) for name, values in found.items()}


@contextmanager
def on_cpus(most):
    """Runs this process, and the simulator that it starts, on so many CPUs: a comparison on one is stable."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:most])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def whole(devices):
    assert len(devices) == FLEET


def listed(environment, window):
    with Client.from_env(environment) as client:
        return list(client.devices(page_size=20, window=window))


def listed_async(environment, window):
    async def run():
        async with AsyncClient.from_env(environment) as client:
            return [device async for device in client.devices(page_size=20, window=window)]

    return asyncio.run(run())


def listing_in_turn(report):
    """S4."""
    with on_cpus(1), Simulator(FLEET) as environment:
        account = by_hand.Account(environment)
        measured = ratios(
            lambda: by_hand.with_requests(account),
            {
                "ours": lambda: listed(environment, 1),
                "ours async": lambda: listed_async(environment, 1),
                "http.client + msgspec": lambda: by_hand.with_http_client_and_msgspec(account),
                "urllib3 + orjson": lambda: by_hand.with_urllib3_and_orjson(account),
                "httpx": lambda: by_hand.with_httpx(account),
                "requests + pydantic": lambda: by_hand.with_requests_and_pydantic(account),
            },
            check=whole,
        )
    targets = {"ours": 0.11, "ours async": 0.20}
    for name, ratio in measured.items():
        report.row("S4", f"list 100,000, pages of 20, one CPU: {name} / requests", ratio, target=targets.get(name))


def listing_at_once(report):
    """S5."""
    with on_cpus(2), Simulator(FLEET) as environment:
        account = by_hand.Account(environment)
        measured = ratios(
            lambda: by_hand.with_requests(account),
            {
                "ours": lambda: listed(environment, 16),
                "ours async": lambda: listed_async(environment, 16),
                "aiohttp": lambda: by_hand.with_aiohttp(account, 16),
                "httpx async": lambda: by_hand.with_httpx_async(account, 16),
            },
            check=whole,
        )
    targets = {"ours": 0.06, "ours async": 0.07}
    for name, ratio in measured.items():
        report.row("S5", f"list 100,000, 16 at once, two CPUs: {name} / requests", ratio, target=targets.get(name))


def decoding(report):
    """S6."""
    body = page(1_000)

    def check(names):
        assert len(names) == 1_000

    with on_cpus(1), Simulator(1_000) as environment:
        account = by_hand.Account(environment)
        fetch = by_hand.page_with_http_client(account, 1_000)
        client = Client.from_env(environment)
        listing = {
            "ours": lambda: [device.name for device in next(client.devices(page_size=1_000, window=1).pages())],
            "http.client + json": lambda: [device["name"] for device in json.loads(fetch())["content"]],
        }
        base = lambda: [device.name for device in by_hand.read_page(fetch()).content]
        for name, ratio in ratios(base, listing, rounds=301, check=check).items():
            target = 0.80 if name == "ours" else None
            work = f"a page of 1,000 and each name, one CPU: {name} / http.client + msgspec"
            report.row("S6", work, ratio, target=target)

        decoders = {
            "ours": lambda: [device.name for device in Page.from_json(body).devices],
            "orjson": lambda: [device["name"] for device in orjson.loads(body)["content"]],
            "json": lambda: [device["name"] for device in json.loads(body)["content"]],
            "pydantic": lambda: [device.name for device in by_hand.PageModel.model_validate_json(body).content],
        }
        base = lambda: [device.name for device in by_hand.read_page(body).content]
        for name, ratio in ratios(base, decoders, rounds=101, check=check).items():
            report.row("S6", f"the same without HTTP: {name} / msgspec", ratio)


def page(devices):
    """A page of the documented shape."""
    device = {
        "description": "Level 2, row 14",
        "metadata": None,
        "deviceSpecificationUUID": "d2723e99-1fe4-4d60-9b6d-8061f7414b24",
        "barcode": None,
    }
    content = [
        {"uuid": f"5b9c3d6e-7a41-4f7e-9c55-{number:012x}", "name": f"Parking sensor {number:05}", **device}
        for number in range(devices)
    ]
    envelope = {"last": True, "totalPages": 1, "totalElements": devices, "sort": [], "first": True, "size": devices}
    return json.dumps({"content": content, **envelope, "number": 0}, separators=(",", ":")).encode()


def send(client, number):
    return client.send_downlink("0059AC0000181EB6", b"\x01\x02", port=1, external_reference=f"valve-{number}")


def sent(environment):
    with Client.from_env(environment) as client:
        for number in range(DOWNLINKS):
            send(client, number)


def sent_async(environment, at_once):
    async def run():
        async with AsyncClient.from_env(environment) as client:
            numbers = iter(range(DOWNLINKS))

            async def work():
                for number in numbers:
                    await send(client, number)

            await asyncio.gather(*(work() for _ in range(at_once)))

    asyncio.run(run())


def sent_by_threads(environment, at_once):
    with Client.from_env(environment) as client, ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda number: send(client, number), range(DOWNLINKS)))


def downlinks_in_turn(report):
    """S7."""
    with on_cpus(1), Simulator(20) as environment:
        account = by_hand.Account(environment)
        others = {
            "ours": lambda: sent(environment),
            "ours async": lambda: sent_async(environment, 1),
            "urllib3": lambda: by_hand.send_with_urllib3(account, DOWNLINKS),
        }
        measured = ratios(lambda: by_hand.send_with_requests(account, DOWNLINKS), others, rounds=5)
    targets = {"ours": 0.13, "ours async": 0.22}
    for name, ratio in measured.items():
        report.row("S7", f"2,000 downlinks one by one, one CPU: {name} / requests", ratio, target=targets.get(name))


def downlinks_at_once(report):
    """S8."""
    with on_cpus(2), Simulator(20) as environment:
        account = by_hand.Account(environment)
        others = {
            "ours in threads": lambda: sent_by_threads(environment, 16),
            "ours async": lambda: sent_async(environment, 16),
        }
        measured = ratios(lambda: by_hand.send_with_aiohttp(account, DOWNLINKS, 16), others, rounds=9)
    for name, ratio in measured.items():
        report.row("S8", f"2,000 downlinks, 16 at once, two CPUs: {name} / aiohttp", ratio, target=0.35)


def sent_as_a_run(environment, ledger):
    rows = [
        {"dev_eui": "0059AC0000181EB6", "payload": b"\x01\x02", "port": 1, "reference": f"valve-{number}"}
        for number in range(DOWNLINKS)
    ]
    with Client.from_env(environment) as client:
        sent = list(client.send_downlinks(rows, window=16, ledger=ledger))
    assert sum(one.outcome == "accepted" for one in sent) == DOWNLINKS


def sent_as_an_async_run(environment, ledger):
    async def run():
        rows = [
            {"dev_eui": "0059AC0000181EB6", "payload": b"\x01\x02", "port": 1, "reference": f"valve-{number}"}
            for number in range(DOWNLINKS)
        ]
        async with AsyncClient.from_env(environment) as client:
            sent = [one async for one in client.send_downlinks(rows, window=16, ledger=ledger)]
        assert sum(one.outcome == "accepted" for one in sent) == DOWNLINKS

    asyncio.run(run())


def runs(report):
    """S20. Each run is a job in the same ledger, on the disk of this folder."""
    for latency, target, rounds in ((0, 0.80, 9), (20, 1.05, 3)):
        options = ["--fault", f"downlinks=latency:{latency}ms"] if latency else []
        with on_cpus(2), Simulator(20, *options) as environment, tempfile.TemporaryDirectory(dir=".") as folder:
            account = by_hand.Account(environment)
            ledger = str(Path(folder, "ledger.db"))
            others = {
                "ours": lambda: sent_as_a_run(environment, ledger),
                "ours async": lambda: sent_as_an_async_run(environment, ledger),
                "ours without a ledger": lambda: sent_as_a_run(environment, None),
            }
            measured = ratios(lambda: by_hand.send_with_aiohttp(account, DOWNLINKS, 16), others, rounds=rounds)
        for name, ratio in measured.items():
            work = f"2,000 downlinks with a ledger, 16 at once, {latency} ms: {name} / aiohttp without one"
            report.row("S20", work, ratio, target=None if "without" in name else target)


def memory(report):
    """S10 and S11, each in a process of its own."""
    for name in ("ours", "msgspec", "requests"):
        held = child(f"held_{name}")
        report.row("S10", f"memory held by a device of 100,000: {name}", held, " bytes", 250 if name == "ours" else None)
    for fleet in (10_000, FLEET):
        with Simulator(fleet) as environment:
            peak = child("streamed", environment) / 1e6
        report.row("S11", f"peak of streaming {fleet:,} devices over start-up", peak, " MB", 4 + 16 * fleet / 1e6)


def start_up(report):
    """S12: the import and one client made, over an empty interpreter."""
    make = "import kpn_things; kpn_things.Client(tenant_id='t', key_id='k', key_secret='s')"
    programs = {"empty": "pass", "ours": make, "requests": "import requests; requests.Session()",
                "httpx": "import httpx; httpx.Client()", "msgspec": "import msgspec"}
    taken = {name: [] for name in programs}
    for _ in range(21):
        for name, program in programs.items():
            taken[name].append(seconds(lambda: subprocess.run([sys.executable, "-c", program], check=True))[0])
    empty = statistics.median(taken.pop("empty"))
    for name, times in taken.items():
        over = (statistics.median(times) - empty) * 1e3
        report.row("S12", f"import and one client, over an empty interpreter: {name}", over, " ms",
                   12 if name == "ours" else None)


def size(report):
    """S13."""
    wheels = list(Path(sys.prefix, "wheels").glob("*.whl"))
    for wheel in wheels:
        report.row("S13", "the wheel, stripped", wheel.stat().st_size / 1e6, " MB", 6)


def child(what, environment=None):
    command = [sys.executable, __file__, "--child", what]
    result = subprocess.run(command, env={**os.environ, **(environment or {})}, check=True, capture_output=True, text=True)
    return float(result.stdout)


def resident(field="VmRSS"):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def held(read):
    """Bytes a device: what the process grows by when it holds 100 pages of 1,000 devices."""
    bodies = [page(1_000) for _ in range(2)]
    read(bodies[0])
    gc.collect()
    before = resident()
    kept = [read(bodies[number % 2]) for number in range(100)]
    gc.collect()
    return (resident() - before) / sum(len(devices) for devices in kept)


CHILDREN = {
    "held_ours": lambda: held(lambda body: Page.from_json(body).devices),
    "held_msgspec": lambda: held(lambda body: by_hand.read_page(body).content),
    "held_requests": lambda: held(lambda body: json.loads(body)["content"]),
}


def streamed():
    client = Client.from_env()
    start = resident("VmHWM")
    for device in client.devices():
        device.name
    return resident("VmHWM") - start


CHILDREN["streamed"] = streamed

def uplink_parsing(report):
    """S27. Resolves a pack of 1,000 records, and reads name, time and value of each."""
    records = [{"n": f"m{number % 20}", "t": number * 10, "u": "Cel", "v": 20.5 + number / 8} for number in range(1_000)]
    records[0] |= {"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "bt": 1.76573996026e9}
    body = json.dumps(records).encode()

    def ours():
        return [(one.full_name, one.time, one.value) for one in uplink.parse(body, 0.0).measurements]

    def by_loop():
        name, time, found = "", 0.0, []
        for record in json.loads(body):
            name, time = record.get("bn", name), record.get("bt", time)
            found.append((name + record.get("n", ""), time + record.get("t", 0.0), record["v"]))
        return found

    assert ours() == by_loop()
    compare(report, "S27", "resolve 1,000 records, / json.loads and a loop", ours, by_loop, 100, 0.60)


def token_check(report):
    """S28. Checks the token of 837 bytes."""
    secret, body = b"0123456789abcdefghijABCDEFGHIJ", b"x" * 837
    token, verifier = uplink.sign(secret, body), uplink.Verifier(secret)

    def by_hashlib():
        if not hmac.compare_digest(hashlib.sha256(body + secret).hexdigest(), token):
            raise ValueError

    compare(report, "S28", "token of 837 bytes, / hashlib and compare_digest", lambda: verifier.verify(token, body), by_hashlib, 20_000, 1.00)


def compare(report, name, work, ours, theirs, times, target):
    """Alternates two functions, and reports the median of the ratios."""

    def taken(work):
        start = time.perf_counter()
        for _ in range(times):
            work()
        return time.perf_counter() - start

    ratios = [taken(ours) / taken(theirs) for _ in range(11)]
    report.row(name, work, statistics.median(ratios), target=target)


PARTS = {
    ("S4",): listing_in_turn,
    ("S5",): listing_at_once,
    ("S6",): decoding,
    ("S7",): downlinks_in_turn,
    ("S8",): downlinks_at_once,
    ("S20",): runs,
    ("S27",): uplink_parsing,
    ("S28",): token_check,
    ("S10", "S11"): memory,
    ("S12",): start_up,
    ("S13",): size,
}


def main(arguments):
    if arguments[:1] == ["--child"]:
        print(CHILDREN[arguments[1]]())
        return
    report = Report()
    for names, measure in PARTS.items():
        if not arguments or set(names) & {argument.upper() for argument in arguments}:
            measure(report)
    report.print()


if __name__ == "__main__":
    main(sys.argv[1:])
