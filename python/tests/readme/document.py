"""The README, taken to pieces."""

from __future__ import annotations

import re
from pathlib import Path
from types import CodeType
from typing import NamedTuple

PATH = Path(__file__).parents[2] / "README.md"
REPOSITORY = PATH.parents[1] / "README.md"


class Block(NamedTuple):
    """A fenced block of code."""

    line: int
    language: str
    text: str

    def compiled(self) -> CodeType:
        """The code, at its place in the file: that is where a traceback points to."""
        return compile("\n" * self.line + self.text, str(PATH), "exec")


def blocks(language: str, path: Path = PATH) -> list[Block]:
    """All blocks in this language."""
    document = path.read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    found = [Block(document.count("\n", 0, fence.start(2)), fence[1], fence[2]) for fence in fences]
    return [block for block in found if block.language == language]


def commands() -> list[str]:
    """All commands that are typed on a console."""
    lines = [line for block in blocks("console") for line in block.text.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
