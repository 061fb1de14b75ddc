"""One JupyterLab, one Chromium and one page for these tests; the page may not leave loopback or report an error.

They are closed before tests of other packages: while Playwright is open its event loop counts as running, and no other can run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

import kvs_notebook as kvs
from tests.browser.lab import CHROMIUM, MEDIA, Lab, Watched, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Yield Chromium; if it is not installed, skip the test, or fail it in CI."""
    if CHROMIUM is None:
        missing = "Chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


@pytest.fixture(scope="package")
def started() -> Iterator[kvs.Sandbox]:
    with kvs.Sandbox() as shared:
        yield shared


@pytest.fixture(scope="package")
def lab(started: kvs.Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Yield a JupyterLab whose kernels find the sandbox in their environment."""
    running = Lab(tmp_path_factory.mktemp("lab"), started.environment())
    yield running
    running.stop()


@pytest.fixture
def sandbox(started: kvs.Sandbox) -> kvs.Sandbox:
    """Return the sandbox that the kernels talk to, empty."""
    started.reset()
    return started


@pytest.fixture
def connection(sandbox: kvs.Sandbox) -> kvs.Connection:
    """Return a connection to the sandbox that is not a kernel's."""
    return sandbox.connection()


@pytest.fixture(scope="package")
def page(browser: Browser, lab: Lab) -> Iterator[Watched]:
    """Yield one page for all tests: JupyterLab takes seconds to load."""
    opened = browser.new_page(viewport={"width": 1280, "height": 1400}, permissions=MEDIA)
    yield Watched(opened, lab)
    opened.close()


@pytest.fixture
def notebook(page: Watched) -> Iterator[Watched]:
    """Yield the page; at the end check that it sent no request beyond loopback and reported no error."""
    yield page
    remote_requests, errors = page.leave()
    assert remote_requests == []
    assert errors == []
