"""A Python program in a separate process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import kpn_things

from .service import PATIENCE


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of this process, with `kpn_things` on the path. `settings` replace all KPN Things settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KPN_THINGS_")}
    path = [str(Path(kpn_things.__file__).parent.parent), kept.get("PYTHONPATH", "")]
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, path)), **(settings or {})}


HEED_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""A shell without job control starts background processes with Ctrl-C ignored, and their children inherit that."""


class Program:
    """A program that must not write to stderr.

    It runs in Python's development mode with warnings as errors, unless it uses packages that warn.
    """

    def __init__(self, source: str, settings: Mapping[str, str] | None = None, *, development: bool = True) -> None:
        mode = ["-X", "dev", "-W", "error"] if development else []
        self._process = subprocess.Popen(
            [sys.executable, *mode, "-c", HEED_SIGINT + textwrap.dedent(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(settings),
        )
        self.pid = self._process.pid
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self) -> str:
        """The next line of its stdout."""
        try:
            return self._lines.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(f"the program wrote no line: {self._kill()}") from None

    def write(self, line: str) -> None:
        """Writes a line to its stdin."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            print(line, file=self._process.stdin, flush=True)

    def interrupt(self) -> None:
        """Sends the signal that Ctrl-C sends."""
        self._process.send_signal(signal.SIGINT)

    def finish(self, patience: float = PATIENCE) -> list[str]:
        """Waits for its end, and returns the lines that were not read yet. The program must exit with status 0."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program did not end: {self._kill()}") from None
        errors = self._errors()
        assert self._process.returncode == 0 and not errors, f"the program exited with {self._process.returncode}: {errors}"
        self._reader.join(PATIENCE)
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def _errors(self) -> str:
        assert self._process.stderr
        # In development mode, asyncio reports slow callbacks. A slow machine is no error.
        lines = self._process.stderr.read().splitlines()
        return "\n".join(line for line in lines if not re.fullmatch(r"Executing .* took [0-9.]+ seconds", line))

    def _kill(self) -> str:
        """Kills the program, and returns what it wrote to stderr."""
        self._process.kill()
        self._process.wait()
        return self._errors()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *failure: object) -> None:
        if any(failure):
            print(f"{self._kill()}\n")
        self._reader.join(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream
            stream.close()
