"""A store for the examples: a SQLite file that has each message once, and on the disk before the response is 204."""

import sqlite3
import threading

from kpn_things.uplink import Received


class Store:
    """One connection, which threads use in turn. A commit per message is slow: `things-receiver` commits many at once."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS uplinks (token BLOB PRIMARY KEY, received REAL, body BLOB) STRICT")

    def append(self, message: Received) -> None:
        """Stores a message. KPN's retries have the same token, so they are stored once."""
        row = (message.token_digest, message.received, message.body)
        with self._lock, self._database:
            self._database.execute("INSERT OR IGNORE INTO uplinks VALUES (?, ?, ?)", row)
