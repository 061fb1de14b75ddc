"""What every test stands on: no trace of the user's AWS environment, and sandboxes of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import kvs_notebook as kvs
from kvs_notebook.aws.default_connection import set_current

# A busy machine is no finding: neither an example's time nor the time to draw one fails a test.
settings.register_profile("kvs", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kvs")

UNSAFE = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy")


LONG = (
    "browser/",
    "clients/",
    "forms/test_faults",
    "cli/",
    "test_exercises",
    "test_notebooks",
    "test_contributing",
)
"""Where a file's tests take a minute or more: they drive browsers, kernels and commands."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the contract be checked against a real account too."""
    parser.addoption("--real-aws-profile", help="an AWS profile to run tests/contract against, beside the sandbox")


def pytest_xdist_auto_num_workers() -> int:
    """Give two workers a core, since half of the time a test waits, for a browser, a kernel or a quota; more than 8 are idle.

    A file is one worker's, and the longest one takes an eighth of the time of all.
    """
    return min(2 * (os.cpu_count() or 1), 8)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files, in the random order that they are in: one begun last would keep a single worker busy."""
    items.sort(key=lambda item: not item.nodeid.removeprefix("tests/").startswith(LONG))


@pytest.fixture(autouse=True)
def no_aws_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take away every way to a real account, and the current connection of the test before."""
    for name in list(os.environ):
        if name.startswith(UNSAFE):
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "no-aws-files"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    set_current(None)
    yield
    set_current(None)


@pytest.fixture
def sandbox() -> Iterator[kvs.Sandbox]:
    """Give a private sandbox on the lesson clock, on which each lifecycle request takes a second: no test has to sleep."""
    with kvs.Sandbox(clock="stepped") as started:
        yield started


@pytest.fixture
def connection(sandbox: kvs.Sandbox) -> kvs.Connection:
    """Give the sandbox's connection, made current."""
    made = sandbox.connection()
    set_current(made)
    return made


@pytest.fixture
def project_root() -> Path:
    """Give the checkout's top folder."""
    return Path(__file__).parent.parent
