"""The clients of the Python package under load while everything goes wrong: as `benches/src/bin/soak` does it in Rust.

`cargo xtask soak` builds the package and runs it: `soak.py CLIENT REQUESTS CLIENTS SEED SERVICE`, where CLIENT is
`sync` or `async`, and SERVICE is the program that simulates the service.
"""

import asyncio
import collections
import gc
import json
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kpn_things import AsyncClient, Client, ConfigError, InputError, KpnThingsError

CALLERS = 16
"""Calls at a time."""

TIMEOUT, ATTEMPT = 5.0, 0.4
"""Seconds for a whole call, and for one attempt at it."""

LATE, HANGS = 2.0, 10.0
"""So many seconds later than its deadline a call is late, or hangs: this is a busy machine."""

GROWTH = 4.0
"""By so many MiB memory may have grown after the warm-up."""

CUSTOMER = "79658ca8-f1ba-4c25-b824-93813e9fba76"
"""The sub-customer that every simulator has."""

ENDED_NOT, DONE, NOT_SENT, UNKNOWN, FAILED = range(5)
SAID = ("nothing", "done", "not sent", "unknown", "failed")
KINDS = {"downlink": 45, "downlink for a customer": 5, "page": 45, "listing": 5}
DOWNLINKS = ("downlink", "downlink for a customer")


class Service:
    """The simulator in a process of its own."""

    def __init__(self, program, seed):
        command = [program, "service", str(seed)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.settings = json.loads(self.process.stdout.readline())

    def ask(self, what):
        print(what, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class Load:
    """What the calls are, which are under way, and what they came to."""

    def __init__(self, client, requests, seed):
        self.client = client
        self.warm_up = min(max(requests // 10, 1_000), 20_000)
        self.requests, self.seed = requests, seed
        names, weights = zip(*KINDS.items())
        self.names = names
        chance = random.Random(seed)
        self.kinds = bytes(chance.choices(range(len(names)), weights, k=self.warm_up + requests))
        self.outcomes = bytearray(self.warm_up + requests)
        self.under_way = [None] * CALLERS
        self.failures = collections.Counter()
        self.slowest = 0.0
        self.strange = 0
        self.begun = time.monotonic()
        self.ended = False

    def kind(self, call):
        return self.names[self.kinds[call]]

    def begin(self, caller, call):
        self.under_way[caller] = (call, time.monotonic())

    def end(self, caller, error=None):
        call, since = self.under_way[caller]
        self.under_way[caller] = None
        self.slowest = max(self.slowest, time.monotonic() - since)
        if error is None:
            self.outcomes[call] = DONE
            return
        if not isinstance(error, KpnThingsError) or isinstance(error, (ConfigError, InputError)):
            self.strange += 1
        self.failures[type(error).__name__] += 1
        outcome = getattr(error, "outcome", None)
        self.outcomes[call] = {"not_sent": NOT_SENT, "unknown": UNKNOWN}.get(outcome, FAILED)

    def watch(self):
        """Looks at the calls under way, and ends the process where one hangs."""
        while not self.ended:
            for call, since in filter(None, list(self.under_way)):
                if (waited := time.monotonic() - since) > TIMEOUT + HANGS:
                    hang = f"call {call} ({self.kind(call)}) hangs: after {waited:.0f} s, its deadline was {TIMEOUT:.0f} s"
                    self.report([hang], "not to the end", call)
                    os._exit(1)
            time.sleep(0.2)

    def account(self, accepted):
        """Compares what the client says of each downlink with what the service has."""
        times = collections.Counter(int(reference) for reference in accepted)
        for call, outcome in enumerate(self.outcomes):
            if outcome == DONE and self.kind(call) in DOWNLINKS:
                holds = times[call] == 1
            else:
                holds = times[call] <= (outcome == UNKNOWN)
            if not holds:
                yield f"call {call} ({self.kind(call)}): the client says {SAID[outcome]}, the service has it {times[call]} times"

    def say(self, text):
        print(f"soak: {self.client}: {text}", flush=True)

    def report(self, violations, measured, cases):
        """A line for people, and one for the fault matrix."""
        for violation in violations[:10]:
            self.say(f"VIOLATION: {violation}")
        self.say(f"{cases} requests, seed {self.seed}: {measured}; {len(violations)} violations")
        if path := os.environ.get("THINGS_FAULTS_REPORT"):
            line = {"row": "R28", "client": self.client, "cases": cases, "violated": len(violations),
                    "violations": violations[:10], "measured": measured}
            with Path(path).open("a") as file:
                file.write(json.dumps(line) + "\n")


class Sync:
    """Calls by as many threads."""

    name = "python sync"

    def __init__(self, settings):
        self.settings = settings
        self.client = self.make()
        self.pool = ThreadPoolExecutor(CALLERS)

    def make(self):
        return Client.from_env(self.settings, timeout=TIMEOUT, attempt_timeout=ATTEMPT)

    def calls(self, load, numbers):
        def caller(place):
            while (call := next(numbers, None)) is not None:
                load.begin(place, call)
                try:
                    self.call(load.kind(call), call)
                except Exception as error:
                    load.end(place, error)
                else:
                    load.end(place)

        list(self.pool.map(caller, range(CALLERS)))

    def call(self, kind, call):
        downlink = ("0059AC0000181EB6", call.to_bytes(8, "big"))
        if kind == "downlink":
            self.client.send_downlink(*downlink, port=1, external_reference=str(call))
        elif kind == "downlink for a customer":
            self.client.for_customer(CUSTOMER).send_downlink(*downlink, port=1, external_reference=str(call))
        elif kind == "page":
            next(self.client.devices(window=1, timeout=TIMEOUT).pages())
        else:
            self.client.devices(timeout=TIMEOUT).collect()

    def made_and_dropped(self, clients):
        for _ in range(clients):
            try:
                self.make().send_downlink("0059AC0000181EB6", b"\x01", port=1, external_reference="")
            except KpnThingsError:
                pass

    def close(self):
        self.client.close()
        self.pool.shutdown()


class Async:
    """Calls by as many tasks."""

    name = "python async"

    def __init__(self, settings):
        self.settings = settings
        self.runner = asyncio.new_event_loop()
        self.client = self.make()

    def make(self):
        return AsyncClient.from_env(self.settings, timeout=TIMEOUT, attempt_timeout=ATTEMPT)

    def calls(self, load, numbers):
        async def caller(place):
            while (call := next(numbers, None)) is not None:
                load.begin(place, call)
                try:
                    await self.call(load.kind(call), call)
                except Exception as error:
                    load.end(place, error)
                else:
                    load.end(place)

        async def main():
            await asyncio.gather(*(caller(place) for place in range(CALLERS)))

        self.runner.run_until_complete(main())

    async def call(self, kind, call):
        downlink = ("0059AC0000181EB6", call.to_bytes(8, "big"))
        if kind == "downlink":
            await self.client.send_downlink(*downlink, port=1, external_reference=str(call))
        elif kind == "downlink for a customer":
            await self.client.for_customer(CUSTOMER).send_downlink(*downlink, port=1, external_reference=str(call))
        elif kind == "page":
            await anext(aiter(self.client.devices(window=1, timeout=TIMEOUT).pages()))
        else:
            await self.client.devices(timeout=TIMEOUT).collect()

    def made_and_dropped(self, clients):
        async def main():
            for _ in range(clients):
                try:
                    await self.make().send_downlink("0059AC0000181EB6", b"\x01", port=1, external_reference="")
                except KpnThingsError:
                    pass

        self.runner.run_until_complete(main())

    def close(self):
        self.runner.run_until_complete(self.client.aclose())
        self.runner.close()


def memory():
    """Resident memory in MiB."""
    gc.collect()
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def descriptors_down_to(expected):
    """Those that are open once no more than expected are, or after some seconds: some close in the background."""
    patience = time.monotonic() + 10
    while descriptors() > expected and time.monotonic() < patience:
        time.sleep(0.01)
    return descriptors()


def main(kind, requests, clients, seed, program):
    kind = {"sync": Sync, "async": Async}[kind]
    with Service(program, seed) as service:
        # What the package opens once for the process, such as its runtime, is there from here on.
        before = kind(service.settings)
        before.made_and_dropped(1)
        before.close()
        del before
        gc.collect()
        time.sleep(0.5)
        open_before = descriptors()
        caller = kind(service.settings)
        load = Load(kind.name, requests, seed)
        threading.Thread(target=load.watch, daemon=True).start()
        position = 0

        def up_to(end):
            nonlocal position
            # An iterator over numbers hands out each once, whichever thread asks.
            caller.calls(load, iter(range(position, end)))
            position = end

        up_to(load.warm_up)
        caller.made_and_dropped(min(clients, 100))
        warm = memory()
        load.say(f"warm after {load.warm_up} calls: {warm:.1f} MiB, {descriptors()} descriptors")
        for part in range(1, 11):
            up_to(load.warm_up + requests * part // 10)
            taken = time.monotonic() - load.begun
            load.say(f"{requests * part // 10} calls in {taken:.0f} s: memory {memory() - warm:+.1f} MiB, {descriptors()} descriptors")
        caller.made_and_dropped(clients)
        growth = memory() - warm
        load.ended = True
        asked = service.ask("requests")
        accepted = service.ask("downlinks")
        caller.close()
        del caller
        gc.collect()
        left = descriptors_down_to(open_before) - open_before
    load.say(f"failures: {dict(load.failures)}")
    violations = list(load.account(accepted))
    lost, done, not_sent, unknown, failed = map(load.outcomes.count, range(5))
    if growth >= GROWTH:
        violations.append(f"memory grew by {growth:.1f} MiB")
    if left:
        violations.append(f"{left} descriptors are left open")
    if lost:
        violations.append(f"{lost} calls never ended")
    if load.slowest > TIMEOUT + LATE:
        violations.append(f"a call took {load.slowest:.1f} s, its deadline was {TIMEOUT:.0f} s")
    if load.strange:
        violations.append(f"{load.strange} calls failed as if they were wrong")
    measured = (
        f"memory {growth:+.1f} MiB, descriptors {left:+d}, no call over {load.slowest:.1f}s; {asked} requests came in; "
        f"{done} calls done, {failed} reads failed, {not_sent} downlinks not sent, {unknown} unknown; "
        f"{clients} clients made and dropped"
    )
    load.report(violations, measured, requests)
    return bool(violations)


if __name__ == "__main__":
    client, requests, clients, seed, program = sys.argv[1:]
    sys.exit(main(client, int(requests), int(clients), int(seed), program))
