"""The exercise at the end of each walkthrough: its solution passes the check, anything else is reported without an error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.notebooks.kernel import Kernel, cells_of, sections_of

SOLUTION = re.compile(r"<details><summary>A solution</summary>.*?```python\n(.*?)```.*</details>", re.DOTALL)
WRONG_ANSWERS = ("None", "7", "'front door'", "[]", "[1, 'x']", "{}", "kvs.list_channels().iloc[:0]", "object()")


def solution_of(path: Path) -> str:
    found = SOLUTION.fullmatch(cells_of(path)["exercise-solution"].source)
    assert found, path.stem
    return found[1]


@pytest.mark.timeout(300)
def test_folded_solution_passes_the_check(walkthrough: Path, kernel: Kernel) -> None:
    code = [cell for cell in cells_of(walkthrough).values() if cell.cell_type == "code"]
    printed = kernel.run(solution_of(walkthrough) if cell.id == "exercise-answer" else cell.source for cell in code)
    check = [cell.id for cell in code].index("exercise-check")
    assert printed[check].startswith("Done"), printed[check]


@pytest.mark.timeout(300)
def test_wrong_answers_are_reported_without_an_error(walkthrough: Path, kernel: Kernel) -> None:
    cells = cells_of(walkthrough)
    check = cells["exercise-check"].source
    answers = [cells["exercise-answer"].source, *(f"answer = first = {wrong}" for wrong in WRONG_ANSWERS)]
    printed = kernel.run([sections_of(walkthrough)[0][0], *(cell for answer in answers for cell in (answer, check))])
    assert [text.startswith("Not done yet: ") for text in printed[2::2]] == [True] * len(answers)
