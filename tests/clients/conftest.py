"""Third-party clients, started as a user starts them: ``kvs-notebook sandbox -- COMMAND``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

HERE = Path(__file__).parent
LOCK_FILE = HERE / "package-lock.json"
INSTALLED = HERE / "node_modules" / ".installed"


def missing(what: str) -> None:
    """Skip the test because a tool is missing; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def node() -> str:
    """Return Node, with AWS's clients installed beside these tests in the versions of package-lock.json."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        missing("Node is not installed (Debian: apt-get install nodejs npm)")
    assert found is not None
    assert npm is not None
    with FileLock(HERE / ".npm.lock"):
        if not INSTALLED.exists() or INSTALLED.read_text() != LOCK_FILE.read_text():
            done = subprocess.run([npm, "ci"], cwd=HERE, capture_output=True, text=True, check=False, timeout=300)
            if done.returncode != 0:
                missing(f"npm could not install AWS's clients:\n{done.stderr[-2000:]}")
            INSTALLED.write_text(LOCK_FILE.read_text())
    return found


@pytest.fixture
def viewer_page(node: str, tmp_path: Path) -> Path:
    """Return a folder with a page and its bundled script, which contains AWS's client."""
    options = ["--bundle", "--platform=browser", "--define:process.env={}", f"--outfile={tmp_path / 'browser.js'}"]
    subprocess.run(
        [node, "node_modules/esbuild/bin/esbuild", "browser.mjs", *options], cwd=HERE, check=True, timeout=60
    )
    page = '<!doctype html><title>viewer</title><link rel="icon" href="data:,"><script src="browser.js"></script>'
    (tmp_path / "index.html").write_text(page)
    return tmp_path


@pytest.fixture
def chromium() -> str:
    """Return the browser's program."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing("Chromium is not installed (Debian: apt-get install chromium)")
    assert found is not None
    return found


@pytest.fixture
def in_sandbox() -> Callable[..., str]:
    """Return a function that runs a command in its own sandbox and returns what it prints."""
    command = Path(sys.executable).with_name("kvs-notebook")

    def run(*words: str) -> str:
        done = subprocess.run(
            [command, "sandbox", "--", *words], cwd=HERE, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
