"""The programs, tests and commands in the README work."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

import kpn_things
from kpn_things import _native
from kpn_things.testing import Simulator

from .document import PATH, REPOSITORY, Block, blocks, commands, passed

INBOX = [block for block in blocks("python") if block.mark == "inbox"]
PROGRAMS = [block for block in blocks("python") if "def test_" not in block.text and block not in INBOX]
TESTS = [block for block in blocks("python") if "def test_" in block.text]
COMMANDS = [*commands(), *commands(REPOSITORY)]
TOOL = [sys.executable, "-m", "kpn_things"]
MAIN = [sys.executable, "-c", "import sys; from kpn_things.__main__ import main; sys.exit(main())"]


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """A simulator for the tool, whose token cache is not that of the user."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Simulator() as simulator:
        for name, value in simulator.environment().items():
            monkeypatch.setenv(name, value)
        yield simulator


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the package."""
    path = str(Path(kpn_things.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


def test_the_readme_has_programs_tests_and_commands() -> None:
    assert PROGRAMS
    assert TESTS
    assert COMMANDS


def test_the_first_program_needs_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KPN_THINGS_")]:
        monkeypatch.delenv(name)
    exec(PROGRAMS[0].compiled(), {"__name__": "__main__"})


@pytest.mark.parametrize("program", [pytest.param(block, id=f"line_{block.line}") for block in PROGRAMS])
def test_program_runs(program: Block, simulator: Simulator) -> None:
    exec(program.compiled(), {"__name__": "__main__"})
    sends = "from_env" in program.text and ".send_" in program.text
    rows = re.search(r"for number in range\((\d+)\)", program.text)
    assert len(simulator.downlinks) == (int(rows[1]) if rows else sends)


def test_the_program_that_reads_an_inbox_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    body = b'[{"bn":"urn:dev:DEVEUI:0059AC0000181EB6:","n":"temperature","u":"Cel","v":20}]'
    _native.Messages("uplinks.db").append(datetime(2026, 1, 2, tzinfo=timezone.utc), None, [], body)
    (block,) = INBOX
    exec(block.compiled(), {"__name__": "__main__"})
    assert capsys.readouterr().out == "2026-01-02 00:00:00+00:00 0059AC0000181EB6\n"


@pytest.mark.parametrize("block", [pytest.param(block, id=f"line_{block.line}") for block in TESTS])
def test_test_passes(block: Block, tmp_path: Path) -> None:
    assert passed(block, tmp_path) == block.text.count("def test_")


def test_the_repository_shows_programs_of_the_package() -> None:
    shown = {block.text for block in blocks("python", REPOSITORY)}
    assert shown and shown <= {block.text for block in [*PROGRAMS, *TESTS]}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_works(command: str, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    match shlex.split(command):
        case ["pip", "install", "pytest"]:
            assert pytest
        case ["pip", "install", folder] if folder.startswith("./"):
            assert (REPOSITORY.parent / folder / "pyproject.toml").is_file()
        case ["pip", "install", name]:
            assert f'name = "{name}"' in (PATH.parent / "pyproject.toml").read_text(encoding="utf-8")
        case ["export", *settings]:
            assert {setting.partition("=")[0] for setting in settings} <= simulator.environment().keys()
        case ["pytest", file]:
            (tmp_path / file).write_text(TESTS[0].text, encoding="utf-8")
            assert run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", file).returncode == 0
        case ["things", "sim", "--", "python3", file]:
            program = next(block for block in PROGRAMS if "from_env" in block.text)
            (tmp_path / file).write_text(program.text, encoding="utf-8")
            done = run(*TOOL, "sim", "--", sys.executable, file)
            assert (done.returncode, "queued: 201" in done.stdout) == (0, True), done
            assert not simulator.downlinks
        case ["things", *arguments]:
            assert run(*TOOL, *arguments).returncode == 0
        case _:
            pytest.fail("no check for this command")


def test_the_tool_of_the_package_can_use_a_ledger_on_postgresql() -> None:
    listed = run(*TOOL, "downlink", "jobs", "list", "--ledger", "postgres://things@127.0.0.1:1/fleet")
    assert listed.returncode == 1 and "127.0.0.1" in listed.stderr, listed
    assert "built without" not in listed.stderr


@pytest.mark.parametrize("tool", [TOOL, MAIN], ids=["module", "entry_point"])
def test_the_demonstration_runs_without_an_account(tool: list[str]) -> None:
    demonstration = run(*tool, "demo")
    assert (demonstration.returncode, demonstration.stderr) == (0, "")
    assert "with the reference demo-1" in demonstration.stdout


def test_a_wrong_command_ends_with_its_status() -> None:
    assert run(*TOOL, "no-such-command").returncode == 2
