"""Every walkthrough runs top to bottom on its own sandbox and shows what was saved; its sections and its exercise stand alone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTION = re.compile(r"<details><summary>A solution</summary>.*?```python\n(.*?)```.*</details>", re.DOTALL)
RUBBISH = ("None", "7", "'front door'", "[]", "[1, 'x']", "{}", "kvs.list_channels().iloc[:0]", "object()")


@pytest.mark.timeout(600)
def test_the_notebooks_show_what_was_saved() -> None:
    command = [sys.executable, "-m", "pytest", "-n0", "--nbval", "--nbval-current-env", "--nbval-cell-timeout", "60"]
    command += [
        "--nbval-sanitize-with",
        "tests/sanitize.cfg",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "notebooks",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]


def cells_of(path: Path) -> dict[str, Any]:
    """The cells of a notebook by their ids."""
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def solution_of(path: Path) -> str:
    found = SOLUTION.fullmatch(cells_of(path)["exercise-solution"].source)
    assert found, path.stem
    return found[1]


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
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exercise_is_done_by_the_solution_that_is_folded_away(path: Path) -> None:
    code = [cell for cell in cells_of(path).values() if cell.cell_type == "code"]
    printed = run(solution_of(path) if cell.id == "exercise-answer" else cell.source for cell in code)
    check = [cell.id for cell in code].index("exercise-check")
    assert printed[check].startswith("Done"), printed[check]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exercise_that_is_not_done_says_so_whatever_was_answered_and_stops_nothing(path: Path) -> None:
    cells = cells_of(path)
    check = cells["exercise-check"].source
    answers = [cells["exercise-answer"].source, *(f"answer = first = {rubbish}" for rubbish in RUBBISH)]
    printed = run([sections_of(path)[0][0], *(cell for answer in answers for cell in (answer, check))])
    assert [text.startswith("Not done yet: ") for text in printed[2::2]] == [True] * len(answers)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_section_runs_right_after_the_first_cell_in_any_order(path: Path) -> None:
    (first, *others), *sections = sections_of(path)
    assert not others, "what the lesson needs is made by one cell"
    run(cell for section in reversed(sections) for cell in (first, *section))
