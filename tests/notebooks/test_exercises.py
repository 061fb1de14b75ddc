"""The exercise at the end of each walkthrough: its solution passes the check, anything else is reported without an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebooks.kernel import Kernel, cells_of, sections_of, shown

SOLUTION = re.compile(r"<details><summary>A solution</summary>.*?```python\n(.*?)```.*</details>", re.DOTALL)
WRONG_ANSWERS = ("None", "7", "'front door'", "[]", "[1, 'x']", "{}", "kvs.list_channels().iloc[:0]", "object()")


def solution_of(path: Path) -> str:
    found = SOLUTION.fullmatch(cells_of(path)["exercise-solution"].source)
    assert found, path.stem
    return found[1]


@pytest.mark.draw(3)
@pytest.mark.timeout(300)
def test_run_all_shows_the_saved_outputs_and_the_solution_passes(walkthrough: Path, kernel: Kernel) -> None:
    """If the exercise needs what *Clean up* has deleted, the check says to run the first code cell, and that is enough."""
    cells = cells_of(walkthrough)
    code = {name: cell for name, cell in cells.items() if cell.cell_type == "code"}
    kernel.reset()
    for name, cell in code.items():
        outputs = kernel.outputs_of(cell.source)
        if "nbval-ignore-output" not in cell.metadata.get("tags", []):
            assert shown(outputs) == shown(cell.outputs), name
    solution, check = solution_of(walkthrough), cells["exercise-check"].source
    (unsolved,) = kernel.run_on([check])
    if walkthrough.stem == "05-forms":
        assert kernel.run_on(["print(console.table.frame['channel_name'].tolist())"]) == ["[]\n"], "deleted channels"
    start = [next(iter(code.values())).source] if "Run the first code cell" in unsolved else []
    *_, solved = kernel.run_on([*start, solution, check])
    assert solved.startswith("Done"), solved


@pytest.mark.draw(4)
@pytest.mark.timeout(300)
def test_wrong_answers_are_reported_without_an_error(walkthrough: Path, kernel: Kernel) -> None:
    cells = cells_of(walkthrough)
    check = cells["exercise-check"].source
    answers = [cells["exercise-answer"].source, *(f"answer = first = {wrong}" for wrong in WRONG_ANSWERS)]
    printed = kernel.run([sections_of(walkthrough)[0][0], *(cell for answer in answers for cell in (answer, check))])
    assert [text.startswith("Not done yet: ") for text in printed[2::2]] == [True] * len(answers)
