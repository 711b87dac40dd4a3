"""Our receiver beside one by hand, both killed under load; `cargo xtask peers receivers` installs what they need and runs it.

Clients post messages, each until it is confirmed, as KPN Things does three times. Meanwhile the receiver is killed and started
again. At the end, each confirmed message has to be in its database, once.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.metadata
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from page import machine, markdown

KILLS = 20
CLIENTS = 8
SECRET = "a-secret-for-tests-of-30-characters"
PAGE = Path(__file__).parents[2] / "docs/receivers.md"
ENDPOINT = Path(__file__).with_name("endpoint.py")

HEAD = """\
# Comparison of receivers

The outcome of messages whose receiver is killed, for `things uplink serve` and for receivers that were written by hand.

```console xtask
$ cargo xtask peers receivers
```

This command writes this page. Last run: {day}, {machine}.

{clients} clients post messages, each again until it gets a 204. Meanwhile the receiver is killed {kills} times (`kill -9`) and started
again. *Confirmed* counts the messages that got a 204, *lost* those of them that are not in the database at the end, and *twice* those
that are there more than once. KPN Things does not post a message again that was confirmed.

{table}

The receivers by hand are [`benches/peers/endpoint.py`](../benches/peers/endpoint.py). The first one responds before it stores. A message
that got its 204 and was not stored yet is lost with the process. The second one stores first. A message that was stored, and whose 204 was
lost with the process, is stored again. `kill -9` does not show what a power failure loses: [the fault matrix](faults.md) says what does.
"""


@dataclass
class Receiver:
    name: str
    versions: str
    command: Callable[[Path, Path], list[str]]
    """Of the file of the secret, and the database."""
    bodies: Callable[[Path], list[bytes]]


def by_hand(database: Path) -> list[bytes]:
    with sqlite3.connect(database) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM message")]


def of_inbox(database: Path) -> list[bytes]:
    from kpn_things.uplink import Inbox

    return [message.body for message in Inbox(database)]


def receivers() -> list[Receiver]:
    things = str(Path(sys.executable).with_name("things"))

    def ours(secret: Path, database: Path) -> list[str]:
        return [things, "uplink", "serve", "--listen", "127.0.0.1:0", "--secret-file", str(secret), "--store", str(database)]

    def peer(how: str) -> Callable[[Path, Path], list[str]]:
        return lambda _, database: [sys.executable, str(ENDPOINT), how, str(database)]

    version = importlib.metadata.version
    fastapi = f"FastAPI {version('fastapi')}, uvicorn {version('uvicorn')}, SQLite {sqlite3.sqlite_version}"
    return [
        Receiver("`things uplink serve`", version("kpn-things"), ours, of_inbox),
        Receiver("by hand, responds first", fastapi, peer("background"), by_hand),
        Receiver("by hand, stores first", fastapi, peer("commit"), by_hand),
    ]


@dataclass
class Load:
    confirmed: Counter[bytes] = field(default_factory=Counter)
    number: int = 0
    ends: bool = False
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self) -> None:
        """Posts messages, each until it is confirmed."""
        connection, address = None, ""
        while not self.ends:
            with self.lock:
                self.number += 1
                body = json.dumps([{"bn": "urn:dev:DEVEUI:0059AC0000181EB6:", "n": "x", "v": self.number}]).encode()
            token = hashlib.sha256(body + SECRET.encode()).hexdigest()
            headers = {"Content-Type": "application/json", "Things-Message-Token": token}
            while not self.confirmed[body]:
                try:
                    if connection is None or address != self.address:
                        address = self.address
                        parts = urlsplit(address)
                        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
                    connection.request("POST", parts.path or "/", body, headers)
                    response = connection.getresponse()
                    response.read()
                    if response.status == 204:
                        self.confirmed[body] += 1
                except (OSError, http.client.HTTPException):
                    connection = None
                    time.sleep(0.001)


def start(command: list[str]) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    process.stdin.write(SECRET + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    return process, next(word for word in line.split() if word.startswith("http"))


def measure(receiver: Receiver) -> dict[str, int]:
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        secret, database = Path(name, "secret.txt"), Path(name, "uplinks.db")
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        load = Load()
        command = receiver.command(secret, database)
        process, load.address = start(command)
        clients = [threading.Thread(target=load.post) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(KILLS):
            goal = len(load.confirmed) + dice.randrange(50, 150)
            while len(load.confirmed) < goal:
                time.sleep(0.001)
            time.sleep(dice.random() * 0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process, load.address = start(command)
        load.ends = True
        for client in clients:
            client.join()
        # What is stored after the response gets the time to be stored.
        time.sleep(0.5)
        process.terminate()
        process.wait()
        stored = Counter(bytes(body) for body in receiver.bodies(database))
    return {
        "confirmed": len(load.confirmed),
        "lost": sum(1 for body in load.confirmed if not stored[body]),
        "twice": sum(1 for count in stored.values() if count > 1),
    }


def main() -> None:
    rows = []
    for receiver in receivers():
        result = measure(receiver)
        print(f"peers: {receiver.name}: {result}", flush=True)
        rows.append([receiver.name, receiver.versions, *(f"{number:,}" for number in result.values())])
    table = markdown(["receiver", "version", "confirmed", "lost", "twice"], rows)
    day = time.strftime("%Y-%m-%d")
    PAGE.write_text(HEAD.format(day=day, machine=machine(), clients=CLIENTS, kills=KILLS, table=table))
    print(f"peers: {PAGE} is written")


if __name__ == "__main__":
    main()
