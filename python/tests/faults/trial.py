"""The result of a test of the fault matrix: the number of cases, and those that broke the promise.

The Rust clients report in the same way, in `tests/tests/faults/trial.rs`, and the same variables control them:

    pytest python/tests/faults -k r1_                              the cases that CI runs
    THINGS_FAULTS=whole pytest python/tests/faults -k r1_          all cases
    THINGS_FAULTS_SEED=123 pytest python/tests/faults -k r1_       other random cases

`THINGS_FAULTS_REPORT` names a file that each trial appends a line of JSON to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType

import pytest

SHOWN = 10
"""The maximum number of violations in a report."""


class Trial:
    """One row of the matrix with one client. At the end of `with` it reports, and fails if a promise was broken.

        with Trial("R1", "python sync") as trial:
            trial.holds(times == 1, lambda: f"the downlink was accepted {times} times")
    """

    def __init__(self, row: str, client: str) -> None:
        self.row, self.client = row, client
        self.seed = int(os.environ.get("THINGS_FAULTS_SEED", "1"))
        self.cases = 0
        self.violations: list[str] = []
        self._measured: str | None = None

    def random(self) -> Random:
        """The random numbers of this trial. They are the same for every client."""
        return Random(self.seed)

    def holds(self, kept: bool, violation: Callable[[], str]) -> None:
        """Counts a case. If `kept` is false, `violation` describes how the case broke the promise."""
        self.cases += 1
        if not kept:
            self.violations.append(violation())

    def measured(self, text: str) -> None:
        """Adds a measurement to the report. Measurements depend on the machine, so they have no limit here."""
        self._measured = text

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            if isinstance(error, pytest.skip.Exception):
                return
            self.holds(False, lambda: f"the trial did not end: {error!r}")
        assert self.cases, f"{self.row} {self.client}: a trial without a case proves nothing"
        self._report()
        if error is None:
            assert not self.violations, str(self)

    def _report(self) -> None:
        if report := os.environ.get("THINGS_FAULTS_REPORT"):
            line = {
                "row": self.row,
                "client": self.client,
                "cases": self.cases,
                "violated": len(self.violations),
                "violations": self.violations[:SHOWN],
                "measured": self._measured,
            }
            with Path(report).open("a") as file:
                file.write(f"{json.dumps(line, separators=(',', ':'))}\n")

    def __str__(self) -> str:
        shown = "\n  ".join(self.violations[:SHOWN])
        broken = f"{len(self.violations)} of {self.cases} cases broke the promise"
        return f"{self.row} {self.client}: {broken} (THINGS_FAULTS_SEED={self.seed}):\n  {shown}"


def share(of_ci: int, of_all: int) -> int:
    """The number of cases: `of_ci` in CI, `of_all` in a whole run."""
    return of_all if whole() else of_ci


def whole() -> bool:
    """Whether this is a whole run."""
    return os.environ.get("THINGS_FAULTS") == "whole"
