"""Every walkthrough runs top to bottom on its own sandbox and shows what was saved; its sections stand alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lessons import NOTEBOOKS, ROOT, run, sections_of


@pytest.mark.timeout(600)
def test_the_notebooks_show_what_was_saved(tmp_path: Path) -> None:
    nbval = [
        "--nbval",
        "--nbval-current-env",
        "--nbval-cell-timeout",
        "60",
        "--nbval-sanitize-with",
        "tests/sanitize.cfg",
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n0",
        *nbval,
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "notebooks",
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}  # where nbval leaves things: it kills its kernels
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_section_runs_right_after_the_first_cell_in_any_order(path: Path) -> None:
    (first, *others), *sections = sections_of(path)
    assert not others, "what the lesson needs is made by one cell"
    run(cell for section in reversed(sections) for cell in (first, *section))
