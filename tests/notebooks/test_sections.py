"""Each section of a walkthrough runs right after the first cell, without the sections before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks.kernel import Kernel, sections_of


@pytest.mark.draw(4)
@pytest.mark.timeout(300)
def test_each_section_needs_only_the_first_cell(walkthrough: Path, kernel: Kernel) -> None:
    (first, *others), *sections = sections_of(walkthrough)
    assert not others, "the first section must prepare everything in one cell"
    for section in sections:
        kernel.run([first, *section])
