"""The walkthroughs as tests take them apart and run them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[1]
HURRY = "import kvs_notebook.channels.waiters as waiting\nwaiting.SECONDS_BETWEEN_DESCRIBES = 0.25"
"""Only learners need to see a second pass; the quota allows a channel five describes in it."""

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells_of(path: Path) -> dict[str, Any]:
    """The cells of a notebook by their ids."""
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def sections_of(path: Path) -> list[list[str]]:
    """The code of each section: from one heading of the second level to the next."""
    sections: list[list[str]] = [[]]
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            sections.append([])
        if cell.cell_type == "code":
            sections[-1].append(cell.source)
    return [section for section in sections if section]


def run(cells: Iterable[str]) -> list[str]:
    """Run cells in a fresh kernel, as far as they go; give what each printed."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in (HURRY, *cells)])
    NotebookClient(notebook, timeout=60).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells[1:]]
