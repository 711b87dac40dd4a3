"""The code blocks of the README and the cookbook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import CodeType
from typing import NamedTuple

PATH = Path(__file__).parents[2] / "README.md"
COOKBOOK = PATH.with_name("COOKBOOK.md")
REPOSITORY = PATH.parents[1] / "README.md"


class Block(NamedTuple):
    """A fenced block of code."""

    path: Path
    heading: str
    line: int
    language: str
    mark: str
    text: str

    def compiled(self) -> CodeType:
        """The code with the line numbers of the file, so that a traceback points to it."""
        return compile("\n" * self.line + self.text, str(self.path), "exec")


def blocks(language: str, path: Path = PATH) -> list[Block]:
    """All blocks in this language."""
    document = path.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*) ?(\w*)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    found = [
        Block(path, _heading(document[: fence.start()]), document.count("\n", 0, fence.start(3)), *fence.groups())
        for fence in fences
    ]
    return [block for block in found if block.language == language]


def commands(path: Path = PATH) -> list[str]:
    """All commands after a console prompt. Of the README of the repository, those that are marked with `python`."""
    shown = [block for block in blocks("console", path) if path != REPOSITORY or block.mark == "python"]
    lines = [line for block in shown for line in block.text.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def passed(block: Block, folder: Path) -> int:
    """Runs the tests in a block, and returns their number. Fails if one of them fails."""
    file = folder / "test_my_program.py"
    file.write_text(block.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "--strict-markers", str(file)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.findall(r"(\d+) passed", done.stdout)[-1])


def _heading(before: str) -> str:
    """The heading of the section at the end of a text, or an empty string before the first section."""
    headings: list[str] = re.findall(r"^## (.+)$", before, re.MULTILINE)
    return headings[-1] if headings else ""
