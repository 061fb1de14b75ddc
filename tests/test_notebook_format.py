"""The saved notebooks are valid, small, clean, and have the course's shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[1]

ACCOUNTS = {"000000000000", "111122223333"}
WALKTHROUGHS = [
    "00-start-here",
    "01-channel-lifecycle",
    "02-tags",
    "03-endpoints",
    "04-signaling",
    "05-forms",
    "06-inventory-report",
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def outputs(notebook: Any) -> str:
    return json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)


def test_the_walkthroughs_are_there() -> None:
    assert {path.stem for path in NOTEBOOKS} >= set(WALKTHROUGHS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_small_and_free_of_noise(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 100_000
    assert "widgets" not in notebook.metadata
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it top to bottom in a fresh kernel and save it"
    for cell in notebook.cells:
        assert not {"execution", "ExecuteTime"} & set(cell.metadata), "strip the timings"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_machine_and_no_account_but_the_examples(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"(?<!\d)\d{12}(?!\d)", text)) <= ACCOUNTS
    assert re.findall(r"(?:/home/|/Users/|/root/|/tmp/|[A-Z]:\\\\)\S*", text) == []
    assert re.findall(r"(?:AKIA|ASIA)[A-Z0-9]{16}|X-Amz-Signature=", outputs(nbformat.read(path, as_version=4))) == []


REAL_ACCOUNT = ("**IAM policy.**", "`kvs-notebook policy", "**Cost.**", "**Quotas.**", "/pricing/")
"""What is said of a real account in every walkthrough."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_walkthrough_has_the_course_s_shape(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    headings = [re.match(r"#+ [^\n]+", cell.source) for cell in cells if cell.cell_type == "markdown"]
    sections = [heading[0] for heading in headings if heading and heading[0].startswith("## ")]
    begin = ["## The map", "## Start"] if path.stem == WALKTHROUGHS[0] else ["## Start"]
    assert sections[: len(begin)] == begin
    assert sections[-4:] == ["## Your turn", "## On a real account", "## Where to go next", "## Clean up"]
    assert cells[-2].source.startswith("## Clean up")
    assert "kvs.delete_channel(arn, wait=True)" in cells[-1].source
    assert max(len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code") <= 24


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_walkthrough_says_what_differs_on_a_real_account(path: Path) -> None:
    (box,) = [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.source.startswith("## On a real account")
    ]
    assert [word for word in REAL_ACCOUNT if word not in box] == []
    assert "**No way back.**" in box or "nothing to undo" in box


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_exercise_is_saved_as_not_done_with_its_solution_folded_away(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    ids = [cell.id for cell in cells]
    first = ids.index("exercise")
    task, answer, check, solution = cells[first : first + 4]
    assert [answer.id, check.id, solution.id] == ["exercise-answer", "exercise-check", "exercise-solution"]
    assert task.source.startswith("## Your turn")
    assert [output.text.startswith("Not done yet: ") for output in check.outputs] == [True]
    assert solution.source.startswith("<details><summary>A solution</summary>")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_walkthrough_leads_to_those_before_and_after_it_and_to_the_map(path: Path) -> None:
    place = WALKTHROUGHS.index(path.stem)
    title = nbformat.read(path, as_version=4).cells[0].source
    neighbours = {*WALKTHROUGHS[max(place - 1, 0) : place], *WALKTHROUGHS[place + 1 : place + 2]}
    if place:
        neighbours.add(WALKTHROUGHS[0])
    assert {link for link in WALKTHROUGHS if f"]({link}.ipynb)" in title} >= neighbours


def test_the_map_leads_to_every_walkthrough() -> None:
    cells = nbformat.read(ROOT / "notebooks" / f"{WALKTHROUGHS[0]}.ipynb", as_version=4).cells
    (shown,) = [cell.source for cell in cells if cell.source.startswith("## The map")]
    assert [name for name in WALKTHROUGHS[1:] if f"]({name}.ipynb)" not in shown] == []


def test_the_notes_for_teachers_have_every_walkthrough_with_its_minutes() -> None:
    notes = (ROOT / "notebooks" / "TEACHING.md").read_text(encoding="utf-8")
    assert [name for name in WALKTHROUGHS if not re.search(rf"\]\({name}\.ipynb\) \| \d+ \|", notes)] == []
