"""Third-party clients, in the environment that ``kvs-notebook sandbox -- COMMAND`` sets for a program."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import kvs_notebook as kvs

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
def sandbox() -> Iterator[kvs.Sandbox]:
    """Yield a sandbox as users start it: on the real clock, with quotas."""
    with kvs.Sandbox() as started:
        yield started


@pytest.fixture
def in_sandbox(sandbox: kvs.Sandbox) -> Callable[..., str]:
    """Return a function that runs a command in the sandbox's environment and returns what it prints."""
    environment = sandbox.environment(os.environ)

    def run(*words: str) -> str:
        done = subprocess.run(
            words, cwd=HERE, env=environment, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
