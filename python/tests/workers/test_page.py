"""The page about fleets shows lines of the examples."""

from __future__ import annotations

import re

from .machines import EXAMPLES, ROOT


def test_the_page_shows_lines_of_the_examples() -> None:
    page = (ROOT / "docs" / "bulk-downlinks.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    examples = [(EXAMPLES / name / "fleet.py").read_text(encoding="utf-8") for name in ("celery", "dask")]
    assert len(shown) == len(examples)
    for block, example in zip(shown, examples):
        assert block in example
