"""Each walkthrough, run from top to bottom in a fresh kernel, shows what was saved."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks.kernel import NOTEBOOKS, ROOT

NBVAL = [
    *("-p", "tests.iri_check", "-p", "nbval.plugin"),
    *("-c", os.devnull, "--rootdir", str(ROOT), "--noconftest", "-p", "no:cacheprovider"),
    *("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "60", "--nbval-sanitize-with", "tests/sanitize.cfg"),
]


@pytest.mark.timeout(600)
def test_notebooks_show_their_saved_outputs(tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "TMPDIR": str(tmp_path),  # nbval kills its kernels, which then leave their temporary files
    }
    command = [sys.executable, "-m", "pytest", *NBVAL, *map(str, NOTEBOOKS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
