"""The walkthroughs' cells, and a kernel in which tests run them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

SETUP = """import gc
gc.freeze()
%reset -f
import kvs_notebook.channels.waiters as waiters
waiters.SECONDS_BETWEEN_DESCRIBES = 0.25
del waiters"""
"""Run before the cells of a test: no name of an earlier run is left, and a wait polls at the quota of five describes a second.

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
        with kernel._client.setup_kernel():
            yield kernel

    def run(self, cells: Iterable[str]) -> list[str]:
        """Run cells without the names of earlier runs, and return what each printed; the first error is raised."""
        self._execute(SETUP)
        return self.run_on(cells)

    def run_on(self, cells: Iterable[str]) -> list[str]:
        """Run cells after those that ran before, and return what each printed; the first error is raised."""
        return [self._execute(source) for source in cells]

    def _execute(self, source: str) -> str:
        cells = self._notebook.cells
        cells.append(new_code_cell(source))
        self._client.execute_cell(cells[-1], len(cells) - 1)
        return "".join(output.get("text", "") for output in cells[-1].outputs)
