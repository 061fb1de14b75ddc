"""A service over HTTP whose replies a test sets, shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import kvs_notebook as kvs
from tests.aws.fake_service import FakeService, connected_service


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[FakeService, kvs.Connection]]:
    """Yield one service for the file, and a connection to it that knows its account."""
    with connected_service() as made:
        yield made


@pytest.fixture
def service(running: tuple[FakeService, kvs.Connection]) -> FakeService:
    """Return the service, with valid replies."""
    running[0].reset()
    return running[0]


@pytest.fixture
def served(running: tuple[FakeService, kvs.Connection]) -> kvs.Connection:
    """Return the connection to the service."""
    return running[1]
