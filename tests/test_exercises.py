"""The exercise at the end of each walkthrough: its solution is one, and what is none is said without an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lessons import NOTEBOOKS, cells_of, run, sections_of

SOLUTION = re.compile(r"<details><summary>A solution</summary>.*?```python\n(.*?)```.*</details>", re.DOTALL)
RUBBISH = ("None", "7", "'front door'", "[]", "[1, 'x']", "{}", "kvs.list_channels().iloc[:0]", "object()")


def solution_of(path: Path) -> str:
    found = SOLUTION.fullmatch(cells_of(path)["exercise-solution"].source)
    assert found, path.stem
    return found[1]


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
