"""Runs a scenario with a client and a local server."""

from __future__ import annotations

from contextlib import closing

from kpn_things import ConfigError
from kpn_things._native import TestClock

from . import arguments, outcome
from .caller import Caller
from .scenario import Call, Scenario, repeated
from .script import Script
from .server import Port
from .verdict import Verdict

START = 1_767_225_600
"""The start of every scenario's wall clock: 2026-01-01T00:00:00Z."""


def run(scenario: Scenario, kind: type[Caller]) -> None:
    """Fails if anything differs from the scenario."""
    port, elsewhere = Port(), Port()
    script = Script(scenario.server, port.origin, elsewhere.origin)
    clock = TestClock(START)
    verdict = Verdict(scenario)
    with port.serve(script, clock), elsewhere.serve(script, clock, elsewhere.origin):
        try:
            config = arguments.config(scenario, port.origin, clock)
        except ConfigError as error:
            verdict.client(outcome.failure(error))
        else:
            verdict.client(None)
            with closing(kind(config, script, clock)) as caller:
                for call in repeated(scenario.calls):
                    _play(call, caller, clock, verdict)
    verdict.end(script)


def _play(call: Call, caller: Caller, clock: TestClock, verdict: Verdict) -> None:
    match call.do:
        case "advance":
            clock.advance(call.ms)
        case "concurrently":
            calls = repeated(call.calls)
            for one, came in zip(calls, caller.make_at_once(calls), strict=True):
                verdict.call(one, came)
        case _:
            verdict.call(call, caller.make(call))
