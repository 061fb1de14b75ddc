"""The saved notebooks are valid and clean, and follow the order of the course."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.kernel import NOTEBOOKS, ROOT

ACCOUNTS = {"000000000000", "111122223333"}
WALKTHROUGHS = [
    "00-start-here",
    "01-channel-lifecycle",
    "02-tags",
    "03-endpoints",
    "04-signaling",
    "05-forms",
    "06-inventory-report",
    "07-bulk-changes",
]
OVERVIEW = "## Notebooks of this course"
REAL_ACCOUNT = ("**IAM policy.**", "`kvs-notebook policy", "**Cost.**", "**Quotas.**", "/pricing/")
"""What each walkthrough explains about a real account."""

CODE_COLUMNS = 100
"""Characters of a line of code that a page of 950 pixels shows without scrolling."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def cells_before_appendix(path: Path) -> list[Any]:
    """Return the cells of a walkthrough without its appendix and its last cell."""
    return list(takewhile(lambda cell: not cell.source.startswith("## Appendix"), read(path).cells[:-1]))


def test_every_walkthrough_exists() -> None:
    assert {path.stem for path in NOTEBOOKS} >= set(WALKTHROUGHS)


@each_notebook
def test_notebook_is_valid_small_and_run_in_order(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert path.stat().st_size < 100_000
    assert "widgets" not in notebook.metadata
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it top to bottom in a fresh kernel and save it"
    for cell in notebook.cells:
        assert not {"execution", "ExecuteTime"} & set(cell.metadata), "remove the timings"


@each_notebook
def test_lines_of_code_fit_the_page(path: Path) -> None:
    lines = [line for cell in read(path).cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > CODE_COLUMNS] == []


@each_notebook
def test_notebook_names_no_machine_account_or_key(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"(?<!\d)\d{12}(?!\d)", text)) <= ACCOUNTS
    assert re.findall(r"(?:/home/|/Users/|/root/|/tmp/|[A-Z]:\\\\)\S*", text) == []
    outputs = json.dumps([cell.get("outputs", []) for cell in read(path).cells], ensure_ascii=False)
    assert re.findall(r"(?:AKIA|ASIA)[A-Z0-9]{16}|X-Amz-Signature=", outputs) == []


@each_notebook
def test_walkthrough_has_the_sections_of_the_course(path: Path) -> None:
    cells = cells_before_appendix(path)
    headings = [re.match(r"#+ [^\n]+", cell.source) for cell in cells if cell.cell_type == "markdown"]
    sections = [heading[0] for heading in headings if heading and heading[0].startswith("## ")]
    begin = [OVERVIEW, "## Start"] if path.stem == WALKTHROUGHS[0] else ["## Start"]
    assert sections[: len(begin)] == begin
    assert sections[-4:] == ["## Your turn", "## On a real account", "## Where to go next", "## Clean up"]
    assert cells[-2].source.startswith("## Clean up")
    assert "kvs.delete_channel(arn, wait=True)" in cells[-1].source


@each_notebook
def test_last_cell_says_to_shut_down_the_kernel(path: Path) -> None:
    last = read(path).cells[-1]
    assert last.cell_type == "markdown"
    assert "*Shut Down Kernel*" in last.source


@each_notebook
def test_walkthrough_explains_what_differs_on_a_real_account(path: Path) -> None:
    (section,) = [cell.source for cell in read(path).cells if cell.source.startswith("## On a real account")]
    assert [words for words in REAL_ACCOUNT if words not in section] == []
    assert any(words in section for words in ("**No undo.**", "nothing to undo"))


@each_notebook
def test_exercise_is_saved_unsolved_with_its_solution_folded(path: Path) -> None:
    cells = read(path).cells
    ids = [cell.id for cell in cells]
    first = ids.index("exercise")
    task, answer, check, solution = cells[first : first + 4]
    assert [answer.id, check.id, solution.id] == ["exercise-answer", "exercise-check", "exercise-solution"]
    assert task.source.startswith("## Your turn")
    assert [output.text.startswith("Not done yet: ") for output in check.outputs] == [True]
    assert solution.source.startswith("<details><summary>A solution</summary>")


@each_notebook
def test_walkthrough_links_to_its_neighbours_and_the_first(path: Path) -> None:
    place = WALKTHROUGHS.index(path.stem)
    title = read(path).cells[0].source
    neighbours = {*WALKTHROUGHS[max(place - 1, 0) : place], *WALKTHROUGHS[place + 1 : place + 2]}
    if place:
        neighbours.add(WALKTHROUGHS[0])
    assert {link for link in WALKTHROUGHS if f"]({link}.ipynb)" in title} >= neighbours


def test_overview_links_to_every_walkthrough() -> None:
    (shown,) = [cell.source for cell in read(NOTEBOOKS[0]).cells if cell.source.startswith(OVERVIEW)]
    assert [name for name in WALKTHROUGHS[1:] if f"]({name}.ipynb)" not in shown] == []


def minutes_in(text: str) -> dict[str, str]:
    """Return the minutes of each notebook, by its number, from the table of notebooks in a text."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    heading = next(row for row in rows if row[0] == "Notebook")
    numbered = [(re.match(r"\W*(\d\d) · ", row[0]), row) for row in rows]
    return {number[1]: row[heading.index("Minutes")] for number, row in numbered if number}


def test_every_document_states_the_same_minutes() -> None:
    stated = {path.stem[:2]: re.findall(r"takes about (\d+) minutes", read(path).cells[0].source) for path in NOTEBOOKS}
    minutes = {number: found for number, (found,) in stated.items()}
    (overview,) = [cell.source for cell in read(NOTEBOOKS[0]).cells if cell.source.startswith(OVERVIEW)]
    notes = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    assert minutes_in(overview) == minutes_in(notes) == minutes
