"""Each section of a walkthrough runs right after the first cell, without the sections before it."""

from __future__ import annotations

import ast
import builtins
from pathlib import Path

import pytest

from tests.notebooks.kernel import NOTEBOOKS, Kernel, sections_of


def names_in(cells: list[str]) -> tuple[set[str], set[str]]:
    """Return the names that cells use, and those that they bind."""
    nodes = [*ast.walk(ast.parse("\n".join(cells)))]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    imported = [node for node in nodes if isinstance(node, ast.alias)]
    bound = {
        *(name.id for name in names if not isinstance(name.ctx, ast.Load)),
        *((alias.asname or alias.name).partition(".")[0] for alias in imported),
        *(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)),
        *(node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name),
        *(node.arg for node in nodes if isinstance(node, ast.arg)),
    }
    return {name.id for name in names if isinstance(name.ctx, ast.Load)}, bound


def test_each_section_uses_own_names_and_first_cell_only(walkthrough: Path) -> None:
    (first, *others), *sections = sections_of(walkthrough)
    assert not others, "the first section must prepare everything in one cell"
    _, prepared = names_in([first])
    for section in sections:
        used, bound = names_in(section)
        assert used - bound - prepared - {*dir(builtins)} == set(), section[0]


SECTIONS = [(path, number) for path in NOTEBOOKS for number in range(1, len(sections_of(path)))]


@pytest.mark.draw(1, of_each=("path",))
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("path", "number"), SECTIONS, ids=[f"{path.stem}-{number}" for path, number in SECTIONS])
def test_section_runs_right_after_the_first_cell(path: Path, number: int, kernel: Kernel) -> None:
    (first,), *_ = sections = sections_of(path)
    kernel.run([first, *sections[number]])
