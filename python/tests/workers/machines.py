"""Machines that share a job: processes with the same ledger, the same account, and the tool as it was built last."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kpn_things.testing import Simulator

ROOT = Path(__file__).parents[3]
PROGRAMS = ROOT / "target" / "debug"
EXAMPLES = ROOT / "examples"
DOWNLINKS = 120
WINDOW = 4
PATIENCE = 60


class Machines:
    """A job in a ledger that machines share, and a simulator that receives its downlinks."""

    def __init__(self, ledger: str, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder
        self.environment = {
            "HOME": str(folder),
            "KPN_THINGS_LEDGER": ledger,
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            **simulator.environment(),
        }
        rows = "".join(f"0059AC00{number:08X};1;0102;valve-{number}\r\n" for number in range(DOWNLINKS))
        (folder / "valves.csv").write_text("\ufeffdev_eui;port;hex;reference\r\n" + rows, encoding="utf-8")
        options = ["--yes", "--create-only", "--window", str(WINDOW)]
        self.job = self.things("downlink", "bulk", "valves.csv", *options).strip()
        assert not simulator.downlinks

    def start(self, *command: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Starts a process on one of the machines."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def things(self, *arguments: str) -> str:
        """Runs the tool, and returns what it prints."""
        return finished(self.start("things", *arguments))

    def counts(self) -> dict[str, Any]:
        """How far the job is."""
        counts: dict[str, Any] = json.loads(self.things("downlink", "jobs", "show", self.job, "--json"))
        return counts

    def wait_until(self, is_reached: Callable[[dict[str, Any]], bool]) -> None:
        """Waits until the job is so far."""
        end = time.monotonic() + PATIENCE
        while not is_reached(counts := self.counts()):
            assert time.monotonic() < end, counts
            time.sleep(0.1)

    def received(self) -> Counter[str | None]:
        """How often the simulator received each reference."""
        return Counter(downlink.external_reference for downlink in self.simulator.downlinks)

    def assert_none_was_sent_twice(self) -> None:
        """Fails if a downlink was sent twice."""
        assert max(self.received().values()) == 1

    def assert_each_was_sent_once(self) -> None:
        """Fails if a downlink was sent twice, or not at all."""
        assert self.received() == {f"valve-{number}": 1 for number in range(DOWNLINKS)}
        counts = self.counts()
        assert (counts["accepted"], counts["total"]) == (DOWNLINKS, DOWNLINKS)


def finished(process: subprocess.Popen[str]) -> str:
    """Waits for the end of a process that succeeds, and returns its output."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (out, err)
    return out
