"""One JupyterLab, one Chromium and one page for the tests of a file; it may not reach out or complain.

No longer: while Playwright is open its event loop counts as running, and no test of another file could run one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

import kvs_notebook as kvs
from tests.browser.lab import CHROMIUM, Lab, Watched, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give Chromium; where there is none a test is skipped, and fails where CI is set."""
    if CHROMIUM is None:
        missing = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


@pytest.fixture(scope="module")
def started() -> Iterator[kvs.Sandbox]:
    with kvs.Sandbox() as shared:
        yield shared


@pytest.fixture(scope="module")
def lab(started: kvs.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a JupyterLab whose kernels find the sandbox in their environment."""
    running = Lab(tmp_path_factory.mktemp("lab"), started.environment())
    yield running
    running.stop()


@pytest.fixture
def sandbox(started: kvs.Sandbox) -> kvs.Sandbox:
    """Give the sandbox that the kernels talk to, empty."""
    started.reset()
    return started


@pytest.fixture
def connection(sandbox: kvs.Sandbox) -> kvs.Connection:
    """Give another client of the sandbox, apart from the kernels'."""
    return sandbox.connection()


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab) -> Iterator[Watched]:
    """Give one page for all tests: JupyterLab takes seconds to load."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1400})
    yield Watched(opened, lab)
    opened.close()


@pytest.fixture
def notebook(page: Watched) -> Iterator[Watched]:
    """Give the page; afterwards nothing but loopback was asked and nothing was complained of."""
    yield page
    strangers, errors = page.leave()
    assert strangers == []
    assert errors == []
