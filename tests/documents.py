"""What README and CONTRIBUTING show in fences, each block under a mark of its own, and the tests that run them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).parents[1]

Test = TypeVar("Test", bound=Callable[..., Any])


class Block(NamedTuple):
    """A fenced block; ``mark`` is what the comment in the line above it says, empty where there is none."""

    mark: str
    language: str
    text: str


def blocks_of(text: str) -> list[Block]:
    """Give the fenced blocks of a document in Markdown."""
    found = re.findall(r"(?:^<!-- (.+?) -->\n)?^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(*each) for each in found]


class Document:
    """A document whose blocks are run: each test says which by :meth:`runs`."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / name).read_text(encoding="utf-8")
        self.blocks = blocks_of(self.text)
        self._run: set[str] = set()

    def __getitem__(self, mark: str) -> str:
        (text,) = [block.text for block in self.blocks if block.mark == mark]
        return text

    def runs(self, *marks: str) -> Callable[[Test], Test]:
        """Say that a test runs the blocks under these marks."""
        self._run.update(marks)
        return lambda test: test

    def not_run(self) -> list[str]:
        """Name the blocks that no test runs, and the marks that tests name and that are not there."""
        marks = [block.mark for block in self.blocks]
        unmarked = [block.text for block in self.blocks if not block.mark or marks.count(block.mark) > 1]
        return [*unmarked, *sorted(({*marks} ^ self._run) - {""})]


def commands(block: str) -> list[str]:
    """Give a block's lines without the remarks behind them."""
    return [line.partition("  #")[0].strip() for line in block.splitlines() if line.strip()]
