"""Every walkthrough runs top to bottom on its own sandbox and shows what was saved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
