"""Type checkers accept a user's program, and find each mistake that is planted in it. The program also runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import user_program

from kpn_things.testing import Simulator

PROGRAM = Path(user_program.__file__).read_text(encoding="utf-8")

MISTAKES = [
    ('user_agent="gardens/1.2"', 'user_agnet="gardens/1.2"'),
    ("base_delay=0.01)", "base_delay=0.01).max_attempts"),
    ("on_event=statistics.see", "on_event=is_wet"),
    ('event.kind == "request"', 'event.kind == "requests"'),
    ("{device.name}", "{device.title}"),
    ("page_size=50", 'page_size="50"'),
    ("bytes([number])", "str(number)"),
    ("error.external_reference or dev_eui", "error.external_reference"),
    ('error.outcome == "unknown"', 'error.outcome == "unkown"'),
    ('dev_eui, b"\\xff"', 'int(dev_eui, 16), b"\\xff"'),
    ('params={"pageSize": 1}', 'params={"pageSize": {1}}'),
    ("response.content", "response.text"),
    ('response.headers["Content-Type"]', "response.headers[0]"),
    ("fleet.to_dicts()", "fleet.to_dict()"),
    ("async for device in", "for device in"),
    ('b"\\x00", port=PORT, ', 'b"\\x00", '),
    ("await client.send_senml", "client.send_senml"),
    ("for_customer(one)", "for_customer(None)"),
]
"""A part of the program, and a mistake that replaces it on the same line."""


def with_mistakes() -> tuple[str, list[int]]:
    """The program with all mistakes, and the lines of the mistakes."""
    program, lines = PROGRAM, []
    for right, wrong in MISTAKES:
        assert program.count(right) == 1, right
        lines.append(1 + program[: program.index(right)].count("\n"))
        program = program.replace(right, wrong)
    return program, sorted(lines)


def mypy(folder: Path) -> dict[str, set[int]]:
    """The lines of each file in which mypy finds an error."""
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.10", "--cache-dir", "cache", "."]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout
    return found((file, int(line)) for file, line in re.findall(r"^(.+?):(\d+): error:", output, re.MULTILINE))


def basedpyright(folder: Path) -> dict[str, set[int]]:
    """The lines of each file in which basedpyright finds an error."""
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.10"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout
    report = json.loads(output)
    assert report["summary"]["filesAnalyzed"] == 2
    return found((Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in report["generalDiagnostics"])


def found(places: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    lines: dict[str, set[int]] = {}
    for file, line in places:
        lines.setdefault(file, set()).add(line)
    return lines


@pytest.mark.parametrize("checker", [mypy, basedpyright])
def test_a_checker_accepts_the_program_and_finds_each_mistake(
    checker: Callable[[Path], dict[str, set[int]]], tmp_path: Path
) -> None:
    program, lines = with_mistakes()
    assert len(set(lines)) == len(MISTAKES) >= 16
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "mistakes.py").write_text(program, encoding="utf-8")
    assert checker(tmp_path) == {"mistakes.py": set(lines)}


def test_the_program_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    minutes = {"0059AC0000181EB6": 5, "0059AC0000181EB7": 10}
    with Simulator(devices=30, faults=["downlinks@4=drop-after"]) as simulator:
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        sent, statistics, names = user_program.main(minutes, tmp_path / "devices.json")
        assert (list(sent.accepted), sent.not_sent, len(sent.unknown)) == (["0059AC0000181EB6"], [], 1)
        assert len(simulator.downlinks) == 8
    assert statistics.statuses[201] == 3 and statistics.seconds > 0
    assert len(names) > 30
    assert json.loads((tmp_path / "devices.json").read_text())["totalElements"] == 30
