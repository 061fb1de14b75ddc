"""The walkthroughs' cells, and a kernel in which tests run them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITIZE = re.findall(
    r"^regex: (.*)\nreplace: (.*)$", (ROOT / "tests" / "sanitize.cfg").read_text(encoding="utf-8"), re.MULTILINE
)
NOT_COMPARED = {"application/vnd.jupyter.widget-view+json", "image/png"}
"""An identifier that is random, and pictures that depend on the version of matplotlib."""

WITHOUT_PROGRESS_BARS = {"TQDM_DISABLE": "1"}
"""A bar appears after a second, which only a busy machine needs."""

SETUP = """import gc
gc.freeze()
%reset -f
import kvs_notebook.aws.default_connection as default_connection, kvs_notebook.channels.waiters as waiters
default_connection.set_current(None)
waiters.SECONDS_BETWEEN_DESCRIBES = 0.25
del default_connection, waiters"""
"""Run before the cells of a test: no name and no connection of an earlier run is left, and a wait polls at the quota of
five describes a second.

%reset collects garbage: among all that was imported and made before, it would look for 0.3 s.
"""


def cells_of(path: Path) -> dict[str, Any]:
    """Return the cells of a notebook by their ids."""
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def sections_of(path: Path) -> list[list[str]]:
    """Return the code cells of each section, from one heading of the second level to the next."""
    sections: list[list[str]] = [[]]
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            sections.append([])
        if cell.cell_type == "code":
            sections[-1].append(cell.source)
    return [section for section in sections if section]


def shown(outputs: Iterable[Any]) -> dict[str, str | list[str]]:
    """Return the text of each stream, and what is shown in each format, without what differs between two runs."""
    streams: defaultdict[str, str] = defaultdict(str)
    formats: defaultdict[str, list[str]] = defaultdict(list)
    for output in outputs:
        if output.output_type == "stream":
            streams[output.name] += output.text
        for name, value in output.get("data", {}).items():
            formats[name].append("" if name in NOT_COMPARED else _sanitize(value))
    return {name: _sanitize(text) for name, text in streams.items()} | formats


def _sanitize(text: str) -> str:
    for pattern, replacement in SANITIZE:
        text = re.sub(pattern, replacement, text)
    return text


class Kernel:
    """A kernel that runs code cells."""

    def __init__(self) -> None:
        self._notebook = new_notebook()
        self._client = NotebookClient(self._notebook, timeout=60)

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Kernel]:
        """Yield a kernel that runs; stop it at the end."""
        kernel = cls()
        with kernel._client.setup_kernel(env=os.environ | WITHOUT_PROGRESS_BARS):
            yield kernel

    def run(self, cells: Iterable[str]) -> list[str]:
        """Run cells without the names of earlier runs, and return what each printed; the first error is raised."""
        self.reset()
        return self.run_on(cells)

    def run_on(self, cells: Iterable[str]) -> list[str]:
        """Run cells after those that ran before, and return what each printed; the first error is raised."""
        return ["".join(output.get("text", "") for output in self.outputs_of(source)) for source in cells]

    def reset(self) -> None:
        """Forget the names and the connection of earlier runs."""
        self.outputs_of(SETUP)

    def outputs_of(self, source: str) -> list[Any]:
        """Run a cell and return its outputs; an error is raised."""
        cells = self._notebook.cells
        cells.append(new_code_cell(source))
        self._client.execute_cell(cells[-1], len(cells) - 1)
        return list(cells[-1].outputs)
