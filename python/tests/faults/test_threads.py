"""One client for many threads: each call gets the response to its own request."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

from kpn_things import Fleet, NotFoundError, Receipt
from kpn_things.testing import Simulator

from .caller import Caller, either, told
from .test_downlinks import DEV_EUI
from .trial import Trial, share

THREADS = 64
FLEET = 100


@either
def test_r23_64_threads_on_one_client_do_not_disturb_each_other(caller: type[Caller]) -> None:
    with Trial("R23", caller.name) as trial, Simulator(devices=FLEET, seed=trial.seed) as simulator:
        (customer,) = simulator.customers
        calls = share(10, 1_000)
        begin = threading.Barrier(THREADS)

        def work(thread: int) -> list[tuple[str, bool, str]]:
            """Makes calls of random kinds, and judges their results."""
            random = Random(trial.seed * THREADS + thread)
            begin.wait()
            return [one(client, thread * calls + number, random) for number in range(calls)]

        def one(client: Caller, number: int, random: Random) -> tuple[str, bool, str]:
            kind = random.choice(["downlink", "listing", "customer", "unknown path"])
            if kind == "downlink":
                came = client.call(lambda client: client.send_downlink(
                    DEV_EUI, number.to_bytes(4, "big"), port=1, external_reference=str(number)
                ))
                right = isinstance(came, Receipt) and came.external_reference == str(number)
            elif kind == "listing":
                size, window = random.randint(10, 60), random.randint(1, 8)
                came = client.call(lambda client: client.devices(page_size=size, window=window).collect())
                right = isinstance(came, Fleet) and [device.uuid for device in came] == fleet
            elif kind == "customer":
                came = client.call(lambda client: client.for_customer(customer).devices().collect())
                right = isinstance(came, Fleet) and len(came) == 3
            else:
                came = client.call(lambda client: client.request("GET", f"/nowhere/{number}"))
                right = isinstance(came, NotFoundError) and str(came.url).endswith(f"/nowhere/{number}")
            return kind, right, told(came)

        with caller(simulator.environment()) as client:
            fleet = [device.uuid for device in client.call(lambda client: client.devices().collect())]
            with ThreadPoolExecutor(THREADS) as pool:
                judged = [one for thread in pool.map(work, range(THREADS)) for one in thread]
        sent = {str(downlink.external_reference): downlink.payload for downlink in simulator.downlinks}
        for kind, right, came in judged:
            trial.holds(right, lambda: f"{kind}: {came}")
        wrong = [name for name, payload in sent.items() if payload != int(name).to_bytes(4, "big")]
        downlinks = sum(kind == "downlink" for kind, _, _ in judged)
        once = len(sent) == len(simulator.downlinks) == downlinks
        trial.holds(once and not wrong, lambda: f"{len(simulator.downlinks)} of {downlinks} downlinks, wrong are {wrong}")
        fetches = simulator.calls("token"), simulator.calls("context-switch")
        trial.holds(fetches == (1, 1), lambda: f"{fetches} token requests and context switches")

