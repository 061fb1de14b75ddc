"""The fenced blocks of README and CONTRIBUTING, each marked by a comment, and the tests that run them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).parents[1]

Test = TypeVar("Test", bound=Callable[..., Any])


class Block(NamedTuple):
    """A fenced block; ``mark`` is the text of the comment in the line above it, or empty."""

    mark: str
    language: str
    text: str


def blocks_of(text: str) -> list[Block]:
    """Return the fenced blocks of a Markdown text."""
    found = re.findall(r"(?:^<!-- (.+?) -->\n)?^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(*each) for each in found]


class Document:
    """A document whose blocks are run; each test declares by :meth:`runs` which ones."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / name).read_text(encoding="utf-8")
        self.blocks = blocks_of(self.text)
        self._run: set[str] = set()

    def __getitem__(self, mark: str) -> str:
        (text,) = [block.text for block in self.blocks if block.mark == mark]
        return text

    def runs(self, *marks: str) -> Callable[[Test], Test]:
        """Declare that the decorated test runs the blocks with these marks."""
        self._run.update(marks)
        return lambda test: test

    def not_run(self) -> list[str]:
        """Return the blocks that no test runs, and the declared marks that the document does not have."""
        marks = [block.mark for block in self.blocks]
        unmarked = [block.text for block in self.blocks if not block.mark or marks.count(block.mark) > 1]
        return [*unmarked, *sorted(({*marks} ^ self._run) - {""})]


def commands(block: str) -> list[str]:
    """Return a block's lines without the comments at their ends."""
    return [line.partition("  #")[0].strip() for line in block.splitlines() if line.strip()]
